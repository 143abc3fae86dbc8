import numpy as np
import pytest
import torch
from rdkit import Chem

from sicore.errors import InputError
from sicore_molecules.chemistry.decode import build, canonical, corrected, sanitised
from sicore_molecules.chemistry.encode import Unfit, atoms_of, encode, parse_smiles
from sicore_molecules.chemistry.validity import relaxed_valid, strictly_valid, validity
from sicore_molecules.chemistry.vocabulary import (
    QM9_VOCABULARY,
    ZINC_VOCABULARY,
    Vocabulary,
    vocabulary_of,
)
from sicore_molecules.graphs import GraphBatch, joined

from .conftest import DRUGS, graph


def flat_smiles(smiles):
    """By way of RDKit alone."""
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles), isomericSmiles=False)


def decoded(graphs, vocabulary=ZINC_VOCABULARY, **options):
    return [
        build(atoms, bonds, vocabulary, **options)
        for atoms, bonds in zip(graphs.atoms, graphs.bonds, strict=True)
    ]


def decoded_smiles(graphs, vocabulary=ZINC_VOCABULARY, **options):
    return [canonical(sanitised(mol)) for mol in decoded(graphs, vocabulary, **options)]


# ---------------------------------------------------------------- round trips


def test_a_molecule_comes_back(drugs):
    drugs.check()
    assert decoded_smiles(drugs, cations=True) == [flat_smiles(s) for s in DRUGS.values()]


def test_a_permuted_graph_is_the_same_molecule(drugs, rng):
    n = drugs.atoms.shape[1]
    orders = torch.from_numpy(np.stack([rng.permutation(n) for _ in range(len(drugs))]))
    moved = drugs.permuted(orders)
    assert moved != drugs
    assert decoded_smiles(moved, cations=True) == decoded_smiles(drugs, cations=True)


def test_bonds_are_kekulised_and_hydrogens_left_out():
    benzene = graph("c1ccccc1")
    assert benzene.sizes.item() == 6
    assert sorted(benzene.bonds[0].sum(1).tolist()) == [3] * 6
    assert set(benzene.bonds.unique().tolist()) == {0, 1, 2}
    assert graph("[H]C([H])([H])[H]").sizes.item() == 1


def test_mirror_images_and_isotopes_are_one_graph():
    assert graph("C[C@H](N)C(=O)O") == graph("C[C@@H](N)C(=O)O")
    assert graph("[13CH4]") == graph("C")


# ---------------------------------------------------------------- charges


def test_charges_that_a_symbol_says():
    vocabulary = Vocabulary(("C", "N", "O", "N+", "O-"))
    for smiles in ("[NH3+]CC([O-])=O", "C[N+](=O)[O-]", "C[N+](C)(C)C"):
        assert decoded_smiles(graph(smiles, vocabulary), vocabulary) == [flat_smiles(smiles)]


def test_charges_that_nothing_says_are_refused():
    for smiles in ("[NH3+]CC([O-])=O", "C[N+](=O)[O-]", "CC(=O)[O-]"):
        with pytest.raises(Unfit, match=r"(N\+|O-) is not among C, N, O, F") as caught:
            graph(smiles, QM9_VOCABULARY)
        assert caught.value.kind == "charge"


def test_charges_can_be_dropped_as_in_the_papers():
    nitro = graph("C[N+](=O)[O-]", QM9_VOCABULARY, charges="drop")
    assert decoded_smiles(nitro, QM9_VOCABULARY, cations=True) == ["C[N+](=O)O"]
    assert sanitised(decoded(nitro, QM9_VOCABULARY)[0]) is None
    ions = graph("[NH3+]CC([O-])=O", QM9_VOCABULARY, charges="drop")
    assert decoded_smiles(ions, QM9_VOCABULARY) == ["NCC(=O)O"]


# ---------------------------------------------------------------- what has no graph


@pytest.mark.parametrize(
    ("smiles", "kind"),
    [
        ("C1CC", "unparsable"),
        ("hello", "unparsable"),
        ("C(C)(C)(C)(C)C", "unparsable"),
        ("c1cccc1", "unparsable"),
        ("", "empty"),
        ("CC.O", "disconnected"),
        ("CCCCCCCCCC", "size"),
        ("CS", "element"),
        ("*C", "element"),
        ("[H][H]", "element"),
        ("C[CH2]", "radical"),
        ("[NH3]->C", "bond"),
    ],
)
def test_what_has_no_graph_says_why(smiles, kind):
    with pytest.raises(Unfit) as caught:
        graph(smiles, QM9_VOCABULARY, 9)
    assert caught.value.kind == kind


def test_hydrogens_that_bonds_do_not_tell():
    with pytest.raises(Unfit, match="P has 4 hydrogens, its bonds leave room for 2") as caught:
        graph("C[PH4]")
    assert caught.value.kind == "hydrogens"
    assert graph("C[PH2]") == graph("CP")


# ---------------------------------------------------------------- building and correcting


def molecule(symbols, *bonds):
    """Kinds and orders of a graph given by symbols and (i, j, order)."""
    orders = np.zeros((len(symbols), len(symbols)), np.uint8)
    for i, j, order in bonds:
        orders[i, j] = orders[j, i] = order
    kinds = [ZINC_VOCABULARY.symbols.index(s) + 1 for s in symbols]
    return np.array(kinds, np.uint8), orders


def test_building_changes_nothing():
    mol = build(*molecule(["C", "O"], (0, 1, 3)), ZINC_VOCABULARY)
    assert [a.GetSymbol() for a in mol.GetAtoms()] == ["C", "O"]
    assert mol.GetBondBetweenAtoms(0, 1).GetBondType() == Chem.BondType.TRIPLE
    assert sanitised(mol) is None


def test_correction_lowers_the_highest_bond():
    mol = build(*molecule(["C", "O"], (0, 1, 3)), ZINC_VOCABULARY)
    assert canonical(corrected(mol)) == "C=O"
    five = molecule(["C"] * 5, (0, 1, 2), (0, 2, 1), (0, 3, 1), (0, 4, 1))
    assert canonical(corrected(build(*five, ZINC_VOCABULARY))) == "CC(C)(C)C"


def test_correction_keeps_the_largest_fragment():
    pieces = molecule(["C", "C", "C", "N", "O"], (0, 1, 1), (1, 2, 1), (3, 4, 1))
    assert canonical(corrected(build(*pieces, ZINC_VOCABULARY))) == "CCC"
    cut = molecule(["F", "C", "C", "C"], (0, 1, 1), (0, 2, 1), (2, 3, 1))  # the fluorine lets go
    assert canonical(corrected(build(*cut, ZINC_VOCABULARY))) in ("CCF", "CC")
    assert corrected(build(*molecule([]), ZINC_VOCABULARY)) is None


def test_correction_leaves_what_is_right(drugs):
    for mol, smiles in zip(decoded(drugs, cations=True), DRUGS.values(), strict=True):
        assert canonical(corrected(mol)) == flat_smiles(smiles)


def test_any_graph_can_be_corrected(rng):
    for _ in range(200):
        n = int(rng.integers(1, 12))
        orders = np.triu(rng.choice(4, (n, n), p=[0.6, 0.2, 0.1, 0.1]), 1).astype(np.uint8)
        kinds = rng.integers(1, 10, n).astype(np.uint8)
        made = corrected(build(kinds, orders + orders.T, ZINC_VOCABULARY, cations=True))
        assert made is not None
        assert Chem.MolFromSmiles(Chem.MolToSmiles(made)) is not None
        assert len(Chem.GetMolFrags(made)) == 1


def test_a_graph_of_other_kinds_is_refused():
    with pytest.raises(InputError, match="kinds 0 to 4 and bonds of orders 0 to 3, got 9 and 0"):
        build(np.array([9]), np.zeros((1, 1)), QM9_VOCABULARY)


# ---------------------------------------------------------------- three meanings of valid


def test_the_three_definitions_differ():
    ring = [(i, (i + 1) % 5, 1) for i in range(5)]
    cases = {
        "ethane": molecule(["C", "C"], (0, 1, 1)),
        "two pieces": molecule(["C", "C", "N"], (0, 1, 1)),
        "ammonium": molecule(["N", "C", "C", "C", "C"], *((0, i, 1) for i in range(1, 5))),
        "too many": molecule(["F", "C", "C"], (0, 1, 1), (0, 2, 1)),
        "ring": molecule(["C"] * 5, *ring),
    }
    batch = joined(
        [
            GraphBatch(torch.from_numpy(a)[None], torch.from_numpy(b)[None])
            for a, b in cases.values()
        ]
    )
    found = validity(batch, ZINC_VOCABULARY)
    assert found.strict.tolist() == [True, True, False, False, True]
    assert found.relaxed.tolist() == [True, True, True, False, True]
    assert found.connected.tolist() == [True, False, True, True, True]


def test_valences_may_be_right_where_aromaticity_is_wrong():
    mol = Chem.RWMol(Chem.MolFromSmiles("c1cccc1", sanitize=False))
    assert relaxed_valid(mol)
    assert not strictly_valid(mol)


def test_nothing_is_not_a_molecule():
    empty = GraphBatch(np.zeros((1, 3), np.uint8), np.zeros((1, 3, 3), np.uint8))
    found = validity(empty, ZINC_VOCABULARY)
    assert not found.strict[0] and not found.connected[0] and found.relaxed[0]


# ---------------------------------------------------------------- the vocabulary


def test_vocabulary():
    vocabulary = Vocabulary(("C", "Cl", "N+", "Fe+2", "O-"))
    assert vocabulary.atoms == ((6, 0), (17, 0), (7, 1), (26, 2), (8, -1))
    assert [vocabulary.kind(*atom) for atom in vocabulary.atoms] == [1, 2, 3, 4, 5]
    assert vocabulary.kind(7) == 0
    assert vocabulary_of(reversed(vocabulary.atoms)).symbols == ("C", "N+", "O-", "Cl", "Fe+2")


@pytest.mark.parametrize("symbols", [(), ("C", "C"), ("X",), ("c",), ("N+-",), ("N0",)])
def test_a_wrong_vocabulary_is_refused(symbols):
    with pytest.raises(InputError, match="vocabulary"):
        Vocabulary(symbols)


def test_found_atoms_leave_out_what_bonds_tell():
    assert set(atoms_of(parse_smiles("C[N+](C)(C)C"))) == {(6, 0), (7, 0)}
    assert set(atoms_of(parse_smiles("C[N+](=O)[O-]"))) == {(6, 0), (7, 0), (8, 0), (8, -1)}
    mol = parse_smiles("C[N+](=O)[O-]")
    atoms, _ = encode(mol, vocabulary_of(atoms_of(mol)))
    assert atoms.tolist() == [1, 2, 3, 4]
