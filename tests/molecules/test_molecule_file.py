import gzip
import warnings

import numpy as np
import pytest
import torch
from rdkit import Chem

from sicore.errors import InputError
from sicore.testing import check_dataset
from sicore_molecules.chemistry.vocabulary import QM9_VOCABULARY
from sicore_molecules.data.molecule_file import MoleculeFile
from sicore_molecules.data.reading import read_molecules

from .conftest import DRUGS
from .test_chemistry import flat_smiles

BAD = """\
# molecules, some of them odd
CCO ethanol
C1CC
CC.O
CCCCCCCCCCCC long one
CBr

CC(=O)[O-] acetate
c1ccccc1
"""


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_problems_are_told_line_by_line_and_the_rest_is_used(tmp_path):
    reading = read_molecules(written(tmp_path / "a.smi", BAD), QM9_VOCABULARY, 9)
    assert [(p.record.line, p.kind) for p in reading.problems] == [
        (3, "unparsable"),
        (4, "disconnected"),
        (5, "size"),
        (6, "element"),
        (8, "charge"),
    ]
    assert [r.line for r in reading.records] == [2, 9]
    assert reading.records[0].name == "ethanol"
    report = reading.report(shown=3).splitlines()
    assert "2 of 7 molecules are used" in report[0]
    assert report[2] == "  line 4: 2 fragments, expected one"
    assert report[-1] == "  … and 2 more"
    reading.write_report(tmp_path / "report.tsv")
    rows = (tmp_path / "report.tsv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 6
    assert rows[3].split("\t")[:2] == ["5", "size"]
    assert rows[3].endswith("CCCCCCCCCCCC")


def test_without_limits_all_that_is_found_fits(tmp_path):
    with pytest.warns(UserWarning, match="5 of 7 molecules are used"):
        data = MoleculeFile(str(written(tmp_path / "a.smi", BAD)), split="all")
    assert data.vocabulary.symbols == ("C", "O", "O-", "Br")
    assert data.size == 12
    assert data.smiles() == ["CCO", "CCCCCCCCCCCC", "CBr", "CC(=O)[O-]", "c1ccccc1"]


def test_the_largest_fragment_can_be_taken(tmp_path):
    reading = read_molecules(written(tmp_path / "a.smi", "[Na+].CC(=O)[O-]\n"), largest=True)
    assert reading.vocabulary.symbols == ("C", "O", "O-")
    assert not reading.problems


def test_all_forms_of_files_hold_the_same_molecules(tmp_path):
    smiles = list(DRUGS.values())
    plain = written(tmp_path / "a.smi", "\n".join(smiles))
    with gzip.open(tmp_path / "a.smi.gz", "wt") as file:
        file.write("\n".join(smiles))
    table = "name,SMILES,activity\n" + "".join(f'"{n}",{s},{len(s)}\n' for n, s in DRUGS.items())
    written(tmp_path / "a.csv", table)
    with Chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        for name, one in DRUGS.items():
            mol = Chem.AddHs(Chem.MolFromSmiles(one))
            mol.SetProp("_Name", name)
            mol.SetProp("activity", str(len(one)))
            writer.write(mol)
    with gzip.open(tmp_path / "a.sdf.gz", "wb") as file:
        file.write((tmp_path / "a.sdf").read_bytes())
    expected = [flat_smiles(one) for one in smiles]
    for path in (plain, *sorted(tmp_path.glob("a.*"))):
        data = MoleculeFile(str(path), split="all")
        assert data.smiles() == expected, path
    for name in ("a.csv", "a.sdf"):
        data = MoleculeFile(str(tmp_path / name), split="all", properties=("activity",))
        assert data.conditions["activity"].tolist() == [len(one) for one in smiles]


def test_a_broken_block_of_an_sdf_is_told_and_the_rest_used(tmp_path):
    blocks = [Chem.MolToMolBlock(Chem.MolFromSmiles(s)) for s in ("CC", "CO", "CN")]
    blocks[1] = blocks[1].replace("V2000", "V9000")
    reading = read_molecules(written(tmp_path / "a.sdf", "$$$$\n".join(blocks)))
    assert len(reading.store) == 2
    line = blocks[0].count("\n") + 2
    assert [(p.record.line, p.kind) for p in reading.problems] == [(line, "unparsable")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.smi", "", "holds no molecule that can be used: the file is empty"),
        ("a.smi", "C1CC\nhello\n", "line 1: .*; line 2: 'hello' is no SMILES"),
        ("a.csv", "a,b\n1,2\n", "expected a header with a column 'smiles', got a, b"),
        ("a.pdb", "C", "expected a file of molecules that ends in"),
        ("a.smi.gz", "C", "cannot be read"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        read_molecules(written(tmp_path / name, text))
    with pytest.raises(InputError, match="cannot be read"):
        read_molecules(tmp_path / "missing.smi")


def test_a_large_molecule_for_a_small_model(tmp_path):
    path = written(tmp_path / "a.smi", "C" * 200 + "\n")
    with pytest.raises(InputError, match="line 1: 200 atoms without hydrogens, at most 9"):
        MoleculeFile(str(path), vocabulary=("C",), size=9)


def test_splits_share_out_all_molecules_and_copies_stay_together(tmp_path):
    smiles = ["C" * n + end for n in range(1, 41) for end in ("", "O", "N")]
    path = written(tmp_path / "a.smi", "\n".join([*smiles, "OC", "NC"]))
    parts = {
        split: MoleculeFile(str(path), split=split).smiles()
        for split in ("train", "validation", "test")
    }
    together = sorted(smiles for part in parts.values() for smiles in part)
    assert together == sorted([*map(flat_smiles, smiles), "CO", "CN"])
    assert len(parts["train"]) > 0.8 * len(together)
    assert not set(parts["train"]) & set(parts["test"])
    with pytest.raises(InputError, match="no molecule in the split 'test', 1 in all"):
        MoleculeFile(str(written(tmp_path / "one.smi", "CC")), split="test")


def test_properties_become_conditions(tmp_path):
    path = written(tmp_path / "a.csv", "smiles,gap\nCC,1.5\nCO,2.5\nc1ccccc1,x\n")
    data = MoleculeFile(str(path), split="all", properties=("weight", "logp"))
    _, conditions = data.batch(torch.tensor([2, 1]))
    assert conditions["weight"].tolist() == pytest.approx([78.11, 32.04], abs=0.01)
    assert conditions["logp"].dtype == torch.float32
    with pytest.raises(InputError, match="line 4: expected a number in 'gap', got 'x'"):
        MoleculeFile(str(path), split="all", properties=("gap",))
    with pytest.raises(InputError, match="'charm' is no column"):
        MoleculeFile(str(path), split="all", properties=("charm",))


def test_what_a_domain_learns(tmp_path):
    data = MoleculeFile(str(written(tmp_path / "a.smi", "C\nCC\nCO\n")), split="all")
    assert data.domain_config() == {"vocabulary": ["C", "O"], "size": 2, "sizes": [0, 1, 2]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_dataset(data)
    assert np.array_equal(data.batch(torch.arange(3))[0].sizes, [1, 2, 2])


def test_no_file():
    assert not MoleculeFile.available()
    with pytest.raises(InputError, match=r"data\.file=PATH"):
        MoleculeFile()
    with pytest.raises(InputError, match="unknown split 'dev' of a file"):
        MoleculeFile("a.smi", split="dev")
