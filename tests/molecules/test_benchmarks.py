import csv
import gzip
import io
import json
import zipfile

import numpy as np
import pytest
import torch

from sicore.downloads import Archive, digest_of, obtain
from sicore.errors import InputError, UnknownName
from sicore.testing import check_dataset
from sicore_molecules.chemistry.encode import parse_smiles
from sicore_molecules.chemistry.properties import compute
from sicore_molecules.chemistry.validity import validity
from sicore_molecules.chemistry.vocabulary import QM9_VOCABULARY
from sicore_molecules.data import moses, qm9, zinc
from sicore_molecules.data.moses import Moses
from sicore_molecules.data.qm9 import LAST_DIGITS, QM9
from sicore_molecules.data.zinc import ZINC250k

from .conftest import DRUGS
from .test_chemistry import flat_smiles


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, whatever this machine has."""
    monkeypatch.setenv("SICORE_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "molecules"


def table(rows):
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def published(monkeypatch, module, **archives):
    """Let the files that lie in a folder be the published ones."""
    for name, path in archives.items():
        archive = Archive(f"https://example.org/{path.name}", digest_of(path, "sha256"))
        monkeypatch.setattr(module, name, archive)


# ---------------------------------------------------------------- the shipped QM9


@pytest.fixture(scope="module")
def shipped():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SICORE_DATA", "/nowhere")
        names = ("gap", "homo", "lumo", "dipole", "polarizability")
        return {split: QM9(split, names) for split in ("train", "test")}


def test_qm9_has_the_split_of_the_papers(shipped):
    train, test = shipped["train"], shipped["test"]
    assert len(train) + len(test) == 130_251
    assert abs(len(test) - 12_914) < 100
    assert not set(train.rows) & set(test.rows)
    assert (train.size, test.size) == (9, 9)
    assert train.domain_config()["vocabulary"] == ["C", "N", "O", "F"]
    assert sum(train.size_counts()) == len(train)
    assert train.size_counts()[9] > 0.8 * len(train)


def test_qm9_is_valid_and_connected(shipped):
    graphs, _ = shipped["test"].batch(torch.arange(300))
    graphs.check()
    found = validity(graphs, QM9_VOCABULARY)
    assert found.strict.all() and found.relaxed.all() and found.connected.all()


def test_the_test_split_is_a_fair_sample_from_its_start(shipped):
    test = shipped["test"]
    for name in ("gap", "dipole", "polarizability"):
        values = test.conditions[name].double()
        error = values[:2000].mean() - values.mean()
        assert abs(error) < 4 * values.std() / np.sqrt(2000), name


def test_the_properties_are_those_of_the_molecules(shipped):
    """Checked against what chemistry says, not against the table itself."""
    test = shipped["test"]
    gap = test.conditions["gap"] - (test.conditions["lumo"] - test.conditions["homo"])
    assert gap.abs().max() < 1e-4
    assert 5 < test.conditions["gap"].mean() < 9  # eV: not hartree
    _, conditions = test.batch(torch.arange(2000))
    sizes = test.store.sizes
    small, large = (test.conditions["polarizability"][sizes == n].mean() for n in (6, 9))
    assert 1.1 < large / small < 1.6  # it grows with size, less than in proportion
    smiles = test.smiles(torch.arange(2000))
    saturated = np.array(["=" not in s and "#" not in s and s.upper() == s for s in smiles])
    gaps = conditions["gap"].numpy()
    assert gaps[saturated].mean() > gaps[~saturated].mean() + 1  # π electrons narrow it


def test_qm9_conforms(shipped):
    check_dataset(shipped["test"])


def test_qm9_refuses_what_it_has_not(cache):
    with pytest.raises(InputError, match="unknown split 'dev' of qm9"):
        QM9("dev")
    with pytest.raises(UnknownName, match="unknown property 'homos': did you mean 'homo'"):
        QM9("test", ("homos",))


# ---------------------------------------------------------------- preparing from the sources


def test_qm9_is_prepared_from_its_sources(monkeypatch, tmp_path, cache):
    smiles = ["C", "CO", "[NH3+]CC([O-])=O", "C#N", "FC"]
    rows = [
        {"Index": n, "SMILES": s, **dict.fromkeys(qm9.MEASURED.values(), n / 4)}
        for n, s in enumerate(smiles, 1)
    ]
    with zipfile.ZipFile(tmp_path / "qm9pack.whl", "w") as wheel:
        for name, part in zip(qm9.TABLES, (rows[:2], rows[2:3], rows[3:]), strict=True):
            wheel.writestr(name, table(part))
    (tmp_path / "test.json").write_text(json.dumps({"valid_idxs": ["000001", "000004"]}))
    files = {"PACKAGE": tmp_path / "qm9pack.whl", "TEST_NUMBERS": tmp_path / "test.json"}
    published(monkeypatch, qm9, **files)
    assert QM9.fetch(source=str(tmp_path)) == cache / "qm9.npz"
    train, test = QM9("train", ("gap", "dipole", "logp")), QM9("test")
    assert train.smiles() == ["C", "C#N"]
    assert sorted(test.smiles()) == ["CF", "CO"]
    assert train.conditions["dipole"].tolist() == [0.25, 1.0]
    assert not train.conditions["gap"].any()
    expected = compute([parse_smiles(s) for s in ("C", "C#N")], ("logp",))["logp"]
    written = train.batch(torch.tensor([1, 0]))[1]["logp"]
    assert np.allclose(written, expected[::-1], atol=LAST_DIGITS["logp"])


def test_zinc_is_prepared_from_its_sources(monkeypatch, tmp_path, cache):
    with pytest.raises(InputError, match="sicore data fetch molecules/zinc250k"):
        ZINC250k()
    smiles = [*DRUGS.values(), "C[N+](=O)[O-]\n"]
    rows = [{"smiles": s, "logP": n, "qed": 0.5, "SAS": 2} for n, s in enumerate(smiles)]
    (tmp_path / "zinc.csv").write_text(table(rows))
    (tmp_path / "test.json").write_text("[0, 3]")
    published(monkeypatch, zinc, TABLE=tmp_path / "zinc.csv", TEST_NUMBERS=tmp_path / "test.json")
    ZINC250k.fetch(source=str(tmp_path))
    assert ZINC250k.available()
    train, test = ZINC250k("train", ("logp",)), ZINC250k("test")
    assert sorted(test.smiles()) == sorted(flat_smiles(smiles[i]) for i in (0, 3))
    assert train.smiles()[-1] == "C[N+](=O)O"
    assert train.conditions["logp"].tolist() == [1, 2, *range(4, len(smiles))]
    check_dataset(train)


def test_moses_is_prepared_from_its_wheel(monkeypatch, tmp_path, cache):
    parts = (["CCO", "CS"], ["CCl"], ["CBr", "CF"])
    with zipfile.ZipFile(tmp_path / "molsets.whl", "w") as wheel:
        for name, smiles in zip(moses.TABLES, parts, strict=True):
            content = table([{"SMILES": s, "SPLIT": "x"} for s in smiles]).encode()
            wheel.writestr(f"moses/dataset/data/{name}", gzip.compress(content))
    published(monkeypatch, moses, PACKAGE=tmp_path / "molsets.whl")
    Moses.fetch(source=str(tmp_path))
    for split, smiles in zip(moses.SPLITS, parts, strict=True):
        assert sorted(Moses(split).smiles()) == sorted(map(flat_smiles, smiles))
    check_dataset(Moses())


# ---------------------------------------------------------------- downloads


def test_a_file_with_another_content_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"what is up, doc?")
    git = Archive("https://example.org/a.txt", "bd9dbf5aae1a3862dd1526723246b20206e5fc37", "git")
    assert obtain(git, str(tmp_path), tmp_path) == tmp_path / "a.txt"
    (tmp_path / "a.txt").write_bytes(b"what is up, Doc?")
    with pytest.raises(InputError, match=r"a\.txt: is not what was published"):
        obtain(git, str(tmp_path), tmp_path)
    assert (tmp_path / "a.txt").is_file()  # the user's own file stays
    with pytest.raises(InputError, match=r"is not there; it is at https://example\.org/a\.txt"):
        obtain(git, str(tmp_path / "nowhere"), tmp_path)
