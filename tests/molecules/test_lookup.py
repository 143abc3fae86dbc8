import torch
from rdkit import Chem

from sicore_molecules.chemistry.decode import build, corrected, corrected_graphs, sanitised
from sicore_molecules.chemistry.vocabulary import ZINC_VOCABULARY
from sicore_molecules.data.lookup import numbers, smiles_among
from sicore_molecules.data.molecule_data import MoleculeData
from sicore_molecules.data.store import GraphStore
from sicore_molecules.graphs import joined

from .conftest import DRUGS, graph


def test_a_number_is_that_of_the_molecule_whatever_the_order_and_the_drawing(drugs):
    found = numbers(drugs)
    assert len(found.unique()) == len(DRUGS)
    room = drugs.atoms.shape[1]
    order = torch.randperm(room, generator=torch.Generator().manual_seed(0))
    assert torch.equal(numbers(drugs.permuted(order)), found)
    assert torch.equal(numbers(drugs.resized(room + 3)), found)
    toluene, other = graph("Cc1ccccc1O"), graph("Cc1ccccc1O")
    ring = torch.arange(1, 7)
    i, j = ring, ring.roll(-1)
    for a, b in ((i, j), (j, i)):
        other.bonds[0, a, b] = 3 - other.bonds[0, a, b]  # the other Kekulé form
    assert not torch.equal(toluene.bonds, other.bonds)
    assert torch.equal(numbers(toluene), numbers(other))


def test_molecules_of_the_data_are_found(drugs):
    data = MoleculeData(
        GraphStore.of(
            (a[a > 0].numpy(), b[a > 0][:, a > 0].numpy())
            for a, b in zip(drugs.atoms, drugs.bonds, strict=True)
        ),
        ZINC_VOCABULARY,
    )
    asked = joined([graph("Cn1cnc2c1c(=O)n(C)c(=O)n2C"), graph("CCO"), graph("C#CC")])
    found = smiles_among(data, asked)
    assert found == {"Cn1c(=O)c2c(ncn2C)n(C)c1=O", "C#CC"}
    assert smiles_among(data, graph("CCO")) == set()


def test_a_correction_leaves_the_scaffold():
    crowded = graph("C=Cc1ccccc1")
    crowded.bonds[0, 0, 2] = crowded.bonds[0, 2, 0] = 2  # a ring atom with six bonds in all
    order = torch.tensor([2, 3, 4, 5, 6, 7, 0, 1])
    crowded = crowded.permuted(order)
    built = build(crowded.atoms[0], crowded.bonds[0], ZINC_VOCABULARY)
    assert sanitised(built) is None
    benzene = Chem.MolFromSmiles("c1ccccc1")
    assert not corrected(built).HasSubstructMatch(benzene)
    assert corrected(built, 6).HasSubstructMatch(benzene)
    both = corrected_graphs(joined([crowded, graph("CCO")]), ZINC_VOCABULARY, [6, 0])
    assert both[1:] == graph("CCO").resized(8)
    mol = sanitised(build(both.atoms[0], both.bonds[0], ZINC_VOCABULARY))
    assert mol.HasSubstructMatch(benzene)
