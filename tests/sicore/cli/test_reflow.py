"""`sicore reflow`, from a trained model to a straighter one."""

import json
import subprocess
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file

from sicore.cli import run
from sicore.objectives import SOURCE


@pytest.fixture
def teacher(small):
    return small


def test_pairs_train_the_next_model(teacher, tmp_path, capsys):
    pairs, student, out = (str(tmp_path / name) for name in ("pairs", "student", "out"))
    assert run(["reflow", str(teacher), "-n", "100", "-o", pairs, "--seed", "3"]) == 0
    assert "100 pairs, 7 network calls each: " in capsys.readouterr().out
    drawn = load_file(tmp_path / "pairs" / "pairs-00000.safetensors")
    sampled = ["sample", str(teacher), "-n", "100", "-o", out, "--seed", "3", "--class", "0"]
    assert run(sampled) == 0
    states = load_file(tmp_path / "out" / "samples.safetensors")["x"] / 2  # the domain's scale
    bags = drawn["condition/class"] == 0
    assert 0 < int(bags.sum()) < 100
    torch.testing.assert_close(drawn["x1/"][bags], states[bags], atol=1e-5, rtol=0)

    again = ["data=pairs", f"data.folder={pairs}", "objective.coupling=reflow"]
    assert run(["train", str(teacher), *again, "-o", student, "--device", "cpu"]) == 0
    assert run(["sample", student, "-n", "4", "--class", "Coat", "-o", f"{out}2"]) == 0
    config = yaml.safe_load((tmp_path / "student" / "config.yaml").read_text())
    assert config["data"] == {"name": "pairs", "folder": pairs, "split": None}
    assert config["domain"] == {"name": "toy", "scale": 2.0}
    assert "sicore reflow" in (tmp_path / "student" / "README.md").read_text()
    assert run(["sample", student, "--solver", "euler-maruyama", "-o", f"{out}3"]) == 1
    assert "needs the score" in capsys.readouterr().err


def test_states_of_pairs_are_not_encoded_again(teacher, tmp_path, monkeypatch):
    """What the objective sees are the pairs as they were drawn."""
    pairs, student = str(tmp_path / "pairs"), str(tmp_path / "student")
    assert run(["reflow", str(teacher), "-n", "40", "-o", pairs]) == 0
    drawn, seen = load_file(tmp_path / "pairs" / "pairs-00000.safetensors"), []
    from sicore.objectives import Objective

    loss = Objective.loss

    def watched(self, prediction, x1, condition, noise):
        seen.append((x1, condition[SOURCE]))
        return loss(self, prediction, x1, condition, noise)

    monkeypatch.setattr(Objective, "loss", watched)
    again = ["data=pairs", f"data.folder={pairs}", "objective.coupling=reflow"]
    assert run(["train", str(teacher), *again, "training.steps=2", "-o", student]) == 0
    known = rows(drawn["x1/"], drawn[SOURCE])
    assert len(known) == 40 and len(seen) == 2
    assert all(rows(x1, source) <= known for x1, source in seen)


def rows(x1, source):
    """Pairs that can be compared bit by bit."""
    return {tuple(row) for row in torch.cat((x1.flatten(1), source.flatten(1)), 1).tolist()}


def test_a_killed_run_is_resumed(teacher, toy, tmp_path):
    """By the same pairs as a run that was never killed."""
    line = ["reflow", str(teacher), "-n", "1300", "--batch-size", "256", "-o"]
    code = "import json, sys; from sicore.cli import run; sys.exit(run(json.loads(sys.argv[1])))"

    def running(*arguments, **environment):
        command = [sys.executable, "-c", code, json.dumps([*line, *arguments])]
        paths = {"PYTHONPATH": f"{toy}:{':'.join(sys.path)}", "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, env=paths | environment, check=False).returncode

    folder, whole = tmp_path / "pairs", tmp_path / "whole"
    assert running(str(folder), TOY_KILL="6") == -9
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        "pairs-00000.safetensors",
    ]
    before = (folder / "pairs-00000.safetensors").stat().st_mtime_ns
    assert run([*line, str(folder), "--resume"]) == 0
    assert (folder / "pairs-00000.safetensors").stat().st_mtime_ns == before
    assert run([*line, str(whole)]) == 0
    for name in ("pairs-00000.safetensors", "pairs-00001.safetensors"):
        a, b = load_file(folder / name), load_file(whole / name)
        assert set(a) == {"x1/", SOURCE, "condition/class"}
        for key in a:
            torch.testing.assert_close(a[key], b[key])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--solver", "euler-maruyama"], "'euler-maruyama' adds noise"),
        (["--solver", "huen"], "did you mean 'heun'"),
        (["--guidance", "nan"], "not finite"),
    ],
)
def test_errors_are_one_line(teacher, tmp_path, capsys, arguments, says):
    assert run(["reflow", str(teacher), "-n", "4", "-o", str(tmp_path / "p"), *arguments]) == 1
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and "unexpected" not in said


def test_resume_and_overwrite_exclude_each_other(teacher, tmp_path, capsys):
    assert run(["reflow", str(teacher), "-o", str(tmp_path), "--resume", "--overwrite"]) == 2
    assert "exclude each other" in capsys.readouterr().err
