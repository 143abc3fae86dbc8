import numpy as np
import pytest

from sicore.errors import UnknownName
from sicore_molecules.chemistry.encode import parse_smiles
from sicore_molecules.chemistry.properties import PROPERTIES, compute

from .conftest import DRUGS


def test_known_values():
    mols = [parse_smiles("c1ccccc1"), parse_smiles(DRUGS["aspirin"]), parse_smiles("CCO")]
    found = compute(mols, tuple(PROPERTIES))
    assert found["weight"] == pytest.approx([78.11, 180.16, 46.07], abs=0.01)
    assert found["tpsa"] == pytest.approx([0, 63.6, 20.23], abs=0.01)  # published for aspirin
    assert found["logp"][0] == pytest.approx(1.6866, abs=1e-3)  # Wildman and Crippen: 6 × 0.2811…
    assert found["qed"][1] == pytest.approx(0.55, abs=0.01)  # Bickerton et al.
    assert all(values.dtype == np.float32 for values in found.values())


def test_hard_molecules_have_a_higher_sa():
    easy, hard = (parse_smiles(s) for s in ("CCO", DRUGS["cubane"]))
    values = compute([easy, hard], ("sa",))["sa"]
    assert 1 <= values[0] < 3 < values[1] <= 10


def test_an_unknown_property():
    with pytest.raises(UnknownName, match="did you mean 'logp'"):
        compute([], ("logP1",))
    assert compute([], ("qed",))["qed"].shape == (0,)
