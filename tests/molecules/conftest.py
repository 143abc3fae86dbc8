"""A few real molecules, so that the tests need no files."""

import numpy as np
import pytest
import torch

from sicore_molecules.chemistry.encode import encode, parse_smiles
from sicore_molecules.chemistry.vocabulary import ZINC_VOCABULARY
from sicore_molecules.graphs import GraphBatch, joined

DRUGS = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "nicotine": "CN1CCC[C@H]1c1cccnc1",
    "omeprazole": "COc1ccc2[nH]c(S(=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "sildenafil": "CCCc1nn(C)c2c1[nH]c(nc2=O)c1cc(ccc1OCC)S(=O)(=O)N1CCN(C)CC1",
    "halothane": "FC(F)(F)C(Cl)Br",
    "propyne": "CC#C",
    "cubane": "C12C3C4C1C5C2C3C45",
    "phosphate": "COP(=O)(OC)OC",
    "iodobenzene": "Ic1ccccc1",
    "acetylcholine": "CC(=O)OCC[N+](C)(C)C",
    "pyrylium": "c1cc[o+]cc1",
    "azulene": "c1ccc2cccc2cc1",
    "coumarin": "O=c1ccc2ccccc2o1",
    "methane": "C",
}


def graph(smiles, vocabulary=ZINC_VOCABULARY, size=None, charges="exact"):
    """The graph of one SMILES, as a batch."""
    atoms, bonds = encode(parse_smiles(smiles), vocabulary, size, charges)
    return GraphBatch(torch.from_numpy(atoms)[None], torch.from_numpy(bonds)[None])


@pytest.fixture(scope="session")
def drugs():
    return joined([graph(smiles) for smiles in DRUGS.values()])


@pytest.fixture
def rng():
    return np.random.default_rng(0)
