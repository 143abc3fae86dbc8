"""Sampling, evaluation and training of a small trained model through the command line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from sicore.cli import run
from sicore.plugins import Registrar, Registry


@pytest.fixture
def points(elsewhere, trained, tmp_path):
    """Sample with some arguments, and read the points."""

    def sampling(*arguments, **environment):
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        elsewhere("sample", trained, *arguments, "-o", folder, **environment)
        return load_file(folder / "samples.safetensors")["x"]

    return sampling


def test_samples_do_not_depend_on_processes_or_number(points):
    settings = {"OMP_NUM_THREADS": "2"}  # another number of threads would round otherwise
    some = ["--batch-size", "16", "--steps", "4"]
    alone = points("-n", "70", *some, **settings)
    assert torch.equal(alone, points("-n", "70", *some, "--processes", "2", **settings))
    assert torch.equal(alone[:32], points("-n", "32", *some, **settings))
    other = points("-n", "70", "--batch-size", "7", "--steps", "4")
    assert torch.allclose(alone, other, atol=1e-4)
    assert not torch.allclose(alone[:16], alone[16:32])


def test_every_setting_matters(elsewhere, trained, tmp_path):
    settings = {
        "base": [],
        "same": ["--class", "1"],
        "named": ["--condition", "class=1"],
        "seed": ["--seed", "1"],
        "class": ["--class", "upper"],
        "solver": ["--solver", "euler"],
        "steps": ["--steps", "5"],
        "guidance": ["--guidance", "3"],
        "grid": ["--grid", "noise-level"],
        "path": ["--as-interpolant", "vp"],
        "sde": ["--solver", "euler-maruyama"],
        "epsilon": ["--solver", "euler-maruyama", "--epsilon", "0.1"],
    }
    start = ["sample", trained, "-n", "8"]
    lines = {
        name: more if {"--class", "--condition"} & set(more) else ["--class", "lower", *more]
        for name, more in settings.items()
    }
    elsewhere.each([[*start, *more, "-o", tmp_path / name] for name, more in lines.items()])
    x = {name: load_file(tmp_path / name / "samples.safetensors")["x"] for name in settings}
    assert torch.equal(x.pop("same"), x["base"])
    assert torch.equal(x.pop("named"), x["base"])
    names = sorted(x)
    for i, first in enumerate(names):
        for second in names[:i]:
            assert not torch.allclose(x[first], x[second], atol=1e-6), (first, second)


def fails(elsewhere, *arguments):
    status, out, err = elsewhere(*arguments, check=False)
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert "unexpected" not in err
    return err


WRONG = {
    "did you mean 'upper'": ["--class", "uper"],
    "condition value 'loer': did you mean 'lower'": ["--condition", "class=loer"],
    "unknown condition 'clas': did you mean 'class'": ["--condition", "clas=lower"],
    "--condition upper: expected NAME=VALUE": ["--condition", "upper"],
    "'class' is given twice": ["--condition", "class=1", "--condition", "class=0"],
    "leave one": ["--class", "lower", "--condition", "class=upper"],
    "did you mean 'heun'": ["--solver", "huen"],
    "did you mean 'uniform'": ["--grid", "unifrom"],
    "cannot be used here": ["--device", "gpu"],
    "needs a condition": ["--guidance", "2"],
}


@pytest.mark.parametrize("says", WRONG)
def test_wrong_settings(elsewhere, trained, says):
    assert says in fails(elsewhere, "sample", trained, *WRONG[says], "-o", "never")
    assert not (elsewhere.folder / "never").exists()


def test_errors_of_several_processes_are_one_line_too(elsewhere, trained):
    arguments = ["-n", "4", "--batch-size", "2", "--processes", "2", "--guidance", "2"]
    assert "needs a condition" in fails(elsewhere, "sample", trained, *arguments, "-o", "never")


def test_unknown_model(elsewhere):
    assert "no model 'imaginary/thing'" in fails(
        elsewhere, "sample", "imaginary/thing", "-o", "never"
    )


def test_overwrite(elsewhere, trained, tmp_path):
    folder = tmp_path / "out"
    elsewhere("sample", trained, "-n", "3", "-o", folder)
    assert "--overwrite" in fails(elsewhere, "sample", trained, "-n", "2", "-o", folder)
    assert len(load_file(folder / "samples.safetensors")["x"]) == 3
    elsewhere("sample", trained, "-n", "2", "-o", folder, "--overwrite")
    assert len(load_file(folder / "samples.safetensors")["x"]) == 2
    assert json.loads((folder / "manifest.json").read_text())["files"] == ["samples.safetensors"]


def test_damaged_models(elsewhere, trained, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    assert "is no model folder" in fails(elsewhere, "sample", folder, "-o", "never")
    (folder / "config.yaml").write_text((trained / "config.yaml").read_text())
    assert "no such file" in fails(elsewhere, "sample", folder, "-o", "never")
    torch.save({"a": torch.zeros(1)}, folder / "model.safetensors")
    assert "not a safetensors file" in fails(elsewhere, "sample", folder, "-o", "never")
    weights = load_file(trained / "model.safetensors")
    save_file({k: v[..., :1].clone() for k, v in weights.items()}, folder / "model.safetensors")
    assert "do not fit the configuration" in fails(elsewhere, "sample", folder, "-o", "never")
    save_file({k: v * torch.nan for k, v in weights.items()}, folder / "model.safetensors")
    assert "64 of 64 samples are not finite" in fails(elsewhere, "sample", folder, "-o", "never")


def test_training_refuses_an_existing_folder_and_resumes(elsewhere, trained, tmp_path):
    assert "--overwrite" in fails(elsewhere, "train", "my-rings/toy", "-o", trained)
    folder = tmp_path / "run"
    short = ["my-rings/toy", "training.steps=4", "training.checkpoint_every=2", "--seed", "3"]
    elsewhere("train", *short, "-o", folder)
    weights = load_file(folder / "model.safetensors")
    elsewhere("train", *short, "-o", folder, "--resume")
    again = load_file(folder / "model.safetensors")
    assert all(torch.equal(weights[k], again[k]) for k in weights)
    assert "another configuration" in fails(
        elsewhere, "train", *short, "training.batch_size=8", "-o", folder, "--resume"
    )


def test_training_tells_wrong_keys(elsewhere):
    said = fails(elsewhere, "train", "my-rings/toy", "training.step=4", "-o", "never")
    assert "unknown key 'training.step': did you mean 'training.steps'?" in said
    said = fails(elsewhere, "train", "my-rings/toy", "--data", "here", "-o", "never")
    assert "unknown key 'data.folder'" in said


def test_a_diverging_training_ends_with_one_line(elsewhere, tmp_path):
    wild = ["training.learning_rate=1e30", "training.clip_norm=1e30", "training.log_every=1"]
    said = fails(elsewhere, "train", "my-rings/toy", *wild, "-o", tmp_path / "run")
    assert "learning_rate" in said


class Measured:
    """What ``sicore.load`` gives, with a domain that measures itself."""

    name = "measured"
    metric_choice = False

    @property
    def domain(self):
        return self

    def evaluate(self, model, **options):
        assert model is self
        return {"asked": options}


def test_evaluate_prints_and_writes_what_the_domain_measures(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sicore.load", lambda name, device=None: Measured(), raising=False)
    file = tmp_path / "metrics.json"
    arguments = ["evaluate", "any", "-n", "200", "--steps", "5", "--seed", "4", "-o", str(file)]
    assert run(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"asked": {"n": 200, "seed": 4, "steps": 5}}
    assert json.loads(file.read_text()) == printed
    assert run(arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert run([*arguments, "--overwrite"]) == 0


def test_evaluate_by_named_metrics(monkeypatch, capsys):
    measured = Measured()
    monkeypatch.setattr("sicore.load", lambda name, device=None: measured, raising=False)
    registrar, registry = Registrar("mine"), Registry()
    for name in ("mine/size", "mine/colour"):
        registrar.add("metric", name, "mine:metric")
    registry.commit(registrar)
    monkeypatch.setattr("sicore.plugins.get_registry", lambda: registry)
    arguments = ["evaluate", "any", "--metric", "mine/size", "--metric", "mine/colour"]
    assert run(arguments) == 1
    assert "the domain 'measured' has no choice of metrics" in capsys.readouterr().err
    measured.metric_choice = True
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["asked"]["metrics"] == ["mine/size", "mine/colour"]
    assert run(["evaluate", "any", "--metric", "mine/sise"]) == 1
    assert "mine/size" in capsys.readouterr().err
    assert run([*arguments, "--likelihood"]) == 1
    assert "leave out the other" in capsys.readouterr().err
