import pytest
import torch
from rdkit import Chem

from sicore.errors import InputError
from sicore.states import Noise
from sicore_molecules.chemistry.decode import build, sanitised
from sicore_molecules.chemistry.encode import Unfit, parse_smiles
from sicore_molecules.molecules import Molecules
from sicore_molecules.scaffolds import scaffold_of, sizes_above

QM9 = Molecules(["C", "N", "O", "F"], 9, [0, 1, 1, 1, 1, 2, 4, 8, 10, 0])
SALTS = Molecules(["C", "N", "N+", "O", "O-", "S"], 12)


def scaffold(smiles, domain=QM9):
    return scaffold_of(parse_smiles(smiles), domain)


def test_the_known_part_decodes_to_the_scaffold():
    for smiles in ("c1ccccc1", "c1cc[nH]c1", "CC(=O)N", "C#N", "O=C1C=CC(=O)C1"):
        one = scaffold(smiles)
        x1, mask = one.known(QM9)
        QM9.space.check(x1, "x1")
        graphs = QM9.decode(x1)
        k = len(one)
        assert graphs.sizes.tolist() == [k]
        mol = sanitised(build(graphs.atoms[0], graphs.bonds[0], QM9.vocabulary))
        assert Chem.MolToSmiles(mol) == Chem.CanonSmiles(smiles) == one.smiles
        assert mask["nodes"][0, :, 0].tolist() == [True] * k + [False] * (9 - k)
        inner = mask["edges"][0, :k, :k, 0]
        assert torch.equal(inner, ~torch.eye(k, dtype=torch.bool))
        assert torch.equal(mask["edges"], mask["edges"].transpose(1, 2))
        assert not mask["edges"][0, k:, k:].any()


def closed(smiles, domain=QM9):
    """Whether each atom's pairs with the rest are known, and all of them known as no bond."""
    one = scaffold(smiles, domain)
    x1, mask = one.known(domain)
    k = len(one)
    outer = mask["edges"][0, :k, k:, 0]
    assert torch.equal(outer.all(1), outer.any(1))
    assert torch.equal(x1["edges"][0, :k, k:, 0] > 0, outer)
    assert not x1["edges"][0, :k, k:, 1:].any()
    assert torch.equal(outer.all(1), ~one.free)
    return outer.all(1).tolist()


def test_atoms_without_hydrogens_get_no_bond():
    assert closed("CC(=O)N") == [False, True, True, False]
    assert closed("c1cc[nH]c1") == [False] * 5
    assert closed("c1ccncc1") == [False, False, False, True, False, False]
    assert closed("C[N+](=O)[O-]", SALTS) == [False, True, True, True]


def test_attachment_points_are_the_only_free_atoms():
    assert closed("[*]c1cccc([1*])c1") == [False, True, True, True, False, True]
    assert closed("[*:1]n1cccc1") == [False, True, True, True, True]
    assert scaffold("[*]n1cccc1").smiles == "c1cc[nH]c1"
    assert closed("[*]C([*])O") == [False, True]


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("CCCCCCCCC", "9 atoms without hydrogens; expected at most 8"),
        ("CBr", "Br is not among C, N, O, F"),
        ("C[N+](C)(C)C", "N[+] is charged; this model's atoms are C, N, O, F"),
        ("CC(=O)[O-]", "O- is charged"),
        ("C[CH2]", "unpaired electrons"),
        ("C.C", "2 fragments"),
        ("O=C=O", "no atom has a hydrogen"),
        ("C=[*]", "at the end of one single bond"),
        ("C[*]C", "at the end of one single bond"),
        ("[*]", "at the end of one single bond"),
        ("C" * 200, "200 atoms"),
        ("", "no atom"),
    ],
)
def test_what_is_no_scaffold(smiles, message):
    with pytest.raises(Unfit, match=message):
        scaffold(smiles)


def test_a_charge_of_the_vocabulary_stays():
    one = scaffold("C[N+](C)(C)C", SALTS)
    assert one.smiles == "C[N+](C)(C)C"
    assert one.atoms.tolist() == [1, 3, 1, 1, 1]


@pytest.mark.parametrize(
    ("part", "whole", "found"),
    [
        ("c1ccccc1", "Oc1ccccc1", True),
        ("c1ccccc1", "OC1CCCCC1", False),
        ("C1=CC=CCC1", "c1ccccc1", False),  # the single bond between sp3 atoms is no more there
        ("C=CC=C", "c1ccccc1", True),  # made aromatic by the ring that the rest closed
        ("C1C=CNC=C1", "O=c1cc[nH]cc1", True),
        ("[*]n1cccc1", "CCn1cccc1", True),
        ("[13CH3]O", "CCO", True),  # isotopes and stereochemistry are not made
        ("F[C@H](Cl)Br", "FC(Cl)Br", True),
        ("CC(=O)N", "CC(O)N", False),
        ("c1ccc2ccccc2c1", "Cc1cccc2ccccc12", True),
    ],
)
def test_a_molecule_has_its_scaffold_or_not(part, whole, found):
    domain = Molecules(["C", "N", "O", "F", "Cl", "Br"], 20)
    assert scaffold(part, domain).within(parse_smiles(whole)) is found


def test_sizes_follow_the_law_above_the_scaffold():
    sizes = sizes_above(QM9, 5, Noise.of(0, 20_000))
    shares = torch.bincount(sizes, minlength=10) / len(sizes)
    assert torch.allclose(shares[6:9], torch.tensor([4, 8, 10]) / 22.0, atol=0.012)
    assert not shares[:6].any()
    assert not shares[9:].any()
    assert torch.equal(sizes[70:90], sizes_above(QM9, 5, Noise.of(0, 20, 70)))
    with pytest.raises(InputError, match="8 atoms, and no molecule of the training data has more"):
        sizes_above(QM9, 8, Noise.of(0, 1))
