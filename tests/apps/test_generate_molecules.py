import csv
import json

import pytest
import torch
from rdkit import Chem

from sicore.config import load_config
from sicore.hub import Model, load
from sicore.hub.build import build_parts
from sicore_apps.command_line import command_line
from sicore_apps.following import Following
from sicore_apps.generate import command
from sicore_apps.generating import Wanted, draw
from sicore_apps.scaffolding import given_scaffold
from sicore_molecules.regressor import load_regressor

FILES = {"index.html", "manifest.json"} | {
    f"molecules.{ending}" for ending in ("smi", "sdf", "csv", "png", "svg")
}


@pytest.fixture
def generate(sicore, molecule_model, tmp_path):
    """Generate molecules with the small model: the folder, and what was said."""

    def call(*words):
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        start = ("generate", "molecules", "--model", molecule_model, "-o", folder)
        status, said, errors = sicore(*start, *words)
        assert status == 0, errors
        return folder, said, errors

    return call


def table(folder):
    with open(folder / "molecules.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def smiles(folder):
    return [line.split("\t")[0] for line in (folder / "molecules.smi").read_text().splitlines()]


def test_all_files_tell_the_same(generate):
    folder, said, errors = generate("-n", 60)
    assert errors == ""
    assert {path.name for path in folder.iterdir()} == FILES
    rows = table(folder)
    written = [row["smiles"] for row in rows if row["smiles"]]
    assert len(rows) == 60
    assert 5 < len(written) < 60
    assert written == smiles(folder)
    read = Chem.SDMolSupplier(str(folder / "molecules.sdf"))
    assert [Chem.MolToSmiles(mol, isomericSmiles=False) for mol in read] == written
    assert all((row["smiles"] != "") == (row["valid_strict"] == "yes") for row in rows)
    known = {"CCO", "c1ccccc1", "CC(N)=O", "CCCCCCCCC", "Cc1ccccc1F", "C1CC1", "CCCC", "CCN"}
    novel = [row["smiles"] not in known for row in rows if row["smiles"]]
    assert [row["novel"] == "yes" for row in rows if row["smiles"]] == novel
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["shares"]["strict"] == len(written) / 60
    assert manifest["shares"]["unique"] == len(set(written)) / len(written)
    assert manifest["command"].startswith("sicore generate molecules --model ")
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert manifest["command"] in page
    assert "Properties" in page
    assert "http" not in page.replace("http-equiv", "")
    assert f"{len(written)} of 60 molecules written: {len(written) / 60:.1%} valid" in said
    assert f"{folder / 'index.html'}\n" in said


def test_a_molecule_does_not_depend_on_how_many_are_made_at_once(generate):
    base = table(generate("-n", 24)[0])
    assert table(generate("-n", 24, "--batch-size", 5)[0]) == base
    assert table(generate("-n", 10)[0]) == base[:10]
    assert table(generate("-n", 24, "--seed", 1)[0]) != base
    around = table(generate("-n", 24, "--scaffold", "C1CC1")[0])
    assert table(generate("-n", 24, "--scaffold", "C1CC1", "--batch-size", 5)[0]) == around


@pytest.mark.parametrize("part", ["c1cc[nH]c1", "CC(=O)N", "[*]c1ccccc1", "C1=CCC=C1"])
def test_every_molecule_has_the_scaffold(generate, part):
    plain = Chem.CanonSmiles(part.replace("[*]", ""))
    folder, said, _ = generate("-n", 40, "--scaffold", part, "--correct")
    rows = table(folder)
    written = [row for row in rows if row["smiles"]]
    assert len(written) == 40
    assert "lost" not in said
    assert {row["scaffold"] for row in rows} == {plain}
    for row in written:
        assert (row["corrected"] == "yes") == (row["valid_strict"] == "no")
        found = Chem.MolFromSmiles(row["smiles"])
        if part != "C1=CCC=C1":  # the rest may have made it aromatic
            assert found.HasSubstructMatch(Chem.MolFromSmiles(plain))
    assert "lost" not in generate("-n", 40, "--scaffold", part)[1]


def test_atoms_that_are_not_free_stay_as_they_are(generate):
    """With one attachment point the ring has one substituent in every molecule."""
    folder = generate("-n", 40, "--scaffold", "[*]c1ccccc1", "--correct")[0]
    ring = Chem.MolFromSmarts("[cX3H]1[cH][cH][cH][cH]c1")
    assert all(Chem.MolFromSmiles(one).HasSubstructMatch(ring) for one in smiles(folder))


def test_scaffolds_on_a_path_from_gaussian_noise(molecule_model):
    """Nodes that a molecule has not stay absent there too."""
    changes = ["interpolant={name: linear}", "sampling.solver={name: heun}", "sampling.steps=2"]
    config = load_config(molecule_model / "config.yaml", changes)
    model = Model(config, build_parts(config), {})
    cores = [given_scaffold(smiles, model.domain, None) for smiles in ("CC(C)=O", "c1ccccc1")]
    options = {"seed": 0, "batch_size": 7}
    drawn = draw(model, Wanted(20, {}, None, cores), options)
    sizes = drawn.settings["condition"]["size"]
    assert drawn.decoded.sizes.tolist() == sizes
    assert len(set(sizes)) > 1
    for number, graph in enumerate(zip(drawn.decoded.atoms, drawn.decoded.bonds, strict=True)):
        core = cores[number // 10]
        k = len(core)
        assert torch.equal(graph[0][:k], core.atoms)
        assert torch.equal(graph[1][:k, :k], core.bonds)
    assert not drawn.x["edges"][torch.tensor(sizes) < 9, -1].any()


def test_sizes(generate):
    for words in (["--size", 7], ["--size", 7, "--scaffold", "C1CC1"]):
        rows = table(generate("-n", 30, *words)[0])
        sizes = {Chem.MolFromSmiles(r["smiles"]).GetNumAtoms() for r in rows if r["smiles"]}
        assert sizes == {7}


def test_a_file_of_scaffolds(generate, tmp_path):
    good, bad = ["c1ccccc1 benzene", "C1CC1"], ["C1CC", "CBr", "C" * 200]
    (tmp_path / "cores.smi").write_text("\n".join([good[0], *bad, good[1]]), encoding="utf-8")
    words = ("--decorate", tmp_path / "cores.smi", "--samples", 6, "--correct")
    folder, _, errors = generate(*words)
    told = errors.splitlines()
    assert [line.split("line ")[1].split(":")[0] for line in told] == ["2", "3", "4"]
    assert "Br is not among" in told[1]
    rows = table(folder)
    assert [row["scaffold"] for row in rows] == ["c1ccccc1"] * 6 + ["C1CC1"] * 6
    for row in rows:
        assert Chem.MolFromSmiles(row["smiles"]).HasSubstructMatch(
            Chem.MolFromSmiles(row["scaffold"])
        )
    with Chem.SDWriter(str(tmp_path / "cores.sdf")) as writer:
        for core in ("c1ccccc1", "C1CC1"):
            writer.write(Chem.MolFromSmiles(core))
    same = generate("--decorate", tmp_path / "cores.sdf", "--samples", 6, "--correct")[0]
    assert table(same) == rows


def test_properties_are_asked_for_and_told(generate):
    plain = table(generate("-n", 20)[0])
    folder, _, errors = generate("-n", 20, "--qed", 0.45, "--property", "logp=9")
    assert errors.startswith("note: logp=9 is rare in the training data")
    assert len(errors.splitlines()) == 1
    assert table(folder) != plain
    assert json.loads((folder / "manifest.json").read_text())["asked"] == {"qed": 0.45, "logp": 9}
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "asked for 0.45" in page
    short = table(generate("-n", 20, "--qed", 0.45, "--logp", 9)[0])
    assert short == table(folder)


WRONG = {
    "did you mean 'qed'? it can be asked for qed (": ["--property", "qde=0.5"],
    "it has no condition 'colour'; it can be asked for": ["--property", "colour=5"],
    "--property size=3: it has no condition 'size'": ["--property", "size=3"],
    "expected a number, usually": ["--qed", "high"],
    "--property qed: expected NAME=VALUE": ["--property", "qed"],
    "'qed' is given twice": ["--qed", 0.5, "--property", "qed=0.5"],
    "--size 10: expected 1 to 9": ["--size", 10],
    "'c1ccc' is no SMILES": ["--scaffold", "c1ccc"],
    "200 atoms without hydrogens; expected at most 8": ["--scaffold", "C" * 200],
    "Si is not among C, N, O, F": ["--scaffold", "C[SiH3]"],
    "N+ is charged": ["--scaffold", "C[N+](C)(C)C"],
    "--size asks for 6: give more than 6": ["--scaffold", "c1ccccc1", "--size", 6],
    "none.sdf: no such file": ["--decorate", "none.sdf"],
    "the file is empty": ["--decorate", "empty.smi"],
    "line 1: 'C1C' is no SMILES": ["--decorate", "bad.smi"],
    "expected a file of molecules that ends in": ["--decorate", "bad.txt.png"],
    "exclude each other: one or a file": ["--decorate", "bad.smi", "--scaffold", "C"],
    "--samples is how many for each scaffold": ["--samples", 3],
    "exclude each other: --samples": ["--scaffold", "C", "-n", 3, "--samples", 3],
    "for each scaffold by --samples": ["--decorate", "bad.smi", "-n", 3],
    "needs a condition": ["--guidance", 2],
    "did you mean 'heun'": ["--solver", "huen"],
}


@pytest.mark.parametrize("says", WRONG)
def test_wrong_options(sicore, molecule_model, tmp_path, monkeypatch, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.smi").touch()
    (tmp_path / "bad.smi").write_text("C1C\n", encoding="utf-8")
    (tmp_path / "bad.txt.png").touch()
    before = set(tmp_path.iterdir())
    start = ("generate", "molecules", "--model", molecule_model, "-o", "out")
    status, said, errors = sicore(*start, *WRONG[says])
    assert (status, said) == (1, "")
    assert says in errors
    assert errors.count("\n") == 1
    assert set(tmp_path.iterdir()) == before


def test_models_that_are_not_there_or_make_other_things(sicore, graph_model, tmp_path, monkeypatch):
    monkeypatch.setattr("sicore_apps.generate_molecules.DEFAULT", "molecules/none")
    start = ("generate", "molecules", "-o", tmp_path / "out")
    status, _, errors = sicore(*start)
    assert status == 1
    assert "no trained model 'molecules/none' is installed: train it with" in errors
    status, _, errors = sicore(*start, "--model", graph_model)
    assert status == 1
    assert "expected a model of the domain 'molecules', got one of 'graphs'" in errors
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_stays(sicore, molecule_model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    words = ("generate", "molecules", "-n", 3, "--model", molecule_model, "-o", tmp_path)
    assert "exists: choose another folder" in sicore(*words)[2]
    assert "was not written by sicore" in sicore(*words, "--overwrite")[2]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_any_valid_molecule_the_table_and_the_page_remain(generate):
    folder, said, _ = generate("-n", 1, "--size", 9, "--seed", 1, "--steps", 1)
    rows = table(folder)
    assert said.startswith(f"{sum(r['smiles'] != '' for r in rows)} of 1 molecules written")
    assert (folder / "index.html").is_file()


def test_the_command_line_is_told_as_it_was_typed():
    words = ["molecules", "-n", "5", "--property", "a=1", "--property", "b=2", "--correct"]
    with command.make_context("sicore generate", [*words, "-o", "my folder"]) as group:
        sub = command.get_command(group, "molecules")
        with sub.make_context("molecules", [*words[1:], "-o", "my folder"], parent=group) as ctx:
            assert command_line(ctx) == (
                "sicore generate molecules -n 5 --property a=1 --property b=2 --correct "
                "-o 'my folder'"
            )


def test_a_regressor_leads_to_its_property(generate, sicore, molecule_model, tmp_path):
    """One is trained on the model's data; what it is asked for moves the molecules that way."""
    path = tmp_path / "weight.safetensors"
    words = ("regressor", "weight", "--model", molecule_model, "-o", path, "--steps", 10)
    status, said, errors = sicore(*words)
    assert status == 0, errors
    assert "weight: error" in said
    assert sicore(*words)[0] != 0  # the file is there
    folder, _, _ = generate("-n", 4, "--property", "weight=50", "--regressor", path)
    assert json.loads((folder / "manifest.json").read_text())["followed"] == {"weight": 50}
    model = load(molecule_model)
    regressor, means = load_regressor(path, model.domain), []
    for value in (-200.0, 400.0):
        followed = {"weight": Following(regressor, torch.tensor(value))}
        options = {"seed": 0, "batch_size": 40, "processes": 1, "steps": 10}
        drawn = draw(model, Wanted(40, {}, 5, (), followed), options)
        means.append(float(regressor(model.domain.encode(drawn.decoded)).mean()))
    assert means[1] > means[0] + 2  # atoms of carbon, nitrogen, oxygen differ by 2 each


def test_a_regressor_without_a_value(sicore, molecule_model, tmp_path):
    """The value has to be given, and the file has to be a regressor."""
    path = tmp_path / "logp.safetensors"
    sicore("regressor", "logp", "--model", molecule_model, "-o", path, "--steps", 1)
    start = ("generate", "molecules", "--model", molecule_model, "-n", 2, "-o", tmp_path / "out")
    assert "--property logp=VALUE" in sicore(*start, "--regressor", path)[2]
    (tmp_path / "none").write_text("nothing")
    assert "is no regressor of these graphs" in sicore(*start, "--regressor", tmp_path / "none")[2]
