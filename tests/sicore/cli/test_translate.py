"""`sicore translate` on a small model: files in, files out, one-line errors."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from sicore.cli import run


@pytest.fixture
def folder(small):
    return small


@pytest.fixture
def states(tmp_path):
    x = torch.randn(5, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    save_file({"x": x}, tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors", x


def test_results_and_inputs_are_written(folder, states, tmp_path, capsys):
    file, x = states
    out, model = tmp_path / "out", str(folder)
    line = ["translate", model, model, "--input", str(file), "-o", str(out), "--device", "cpu"]
    same = ["--class-a", "coat", "--class-b", "1"]
    assert run([*line, *same]) == 0
    assert "5 results, 8 network calls each: " in capsys.readouterr().out
    made = load_file(out / "samples.safetensors")["x"]
    torch.testing.assert_close(made, 2 * x, rtol=0, atol=1e-4)  # the objects; the scale is 2
    torch.testing.assert_close(load_file(out / "inputs.safetensors")["x"], 2 * x)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["models"] == [model, model] and manifest["eta"] == 1 and manifest["nfe"] == 8
    assert manifest["target_condition"] == {"class": "1"}

    more = ["--class-a", "coat", "--class-b", "bag", "--guidance", "2", "--steps", "3"]
    assert run([*line, *more]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert run([*line, *more, "--strength", "0.7", "--eta", "0.5", "--overwrite"]) == 0
    assert "5 results, 9 network calls each" in capsys.readouterr().out
    assert not torch.allclose(load_file(out / "samples.safetensors")["x"], made, atol=1e-3)


def test_samples_of_a_model_are_an_input(folder, tmp_path):
    drawn, out = tmp_path / "drawn", tmp_path / "out"
    assert run(["sample", str(folder), "-n", "3", "-o", str(drawn)]) == 0
    model = str(folder)
    assert run(["translate", model, model, "--input", str(drawn), "-o", str(out)]) == 0
    a, b = (load_file(place / "samples.safetensors")["x"] for place in (drawn, out))
    torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "says", "status"),
    [
        (["--class-b", "coar"], "did you mean 'Coat'", 1),
        (["--guidance", "2"], "needs a condition to guide towards", 1),
        (["--grid", "unifrom"], "did you mean 'uniform'", 1),
        (["--eta", "0"], "is not in the range", 2),
        (["--strength", "2"], "is not in the range", 2),
    ],
)
def test_errors_are_one_line(folder, states, tmp_path, capsys, arguments, says, status):
    line = ["translate", str(folder), str(folder), "--input", str(states[0]), *arguments]
    assert run([*line, "-o", str(tmp_path / "never")]) == status
    said = capsys.readouterr().err
    assert says in said and said.strip().count("\n") == 0 and "unexpected" not in said
    assert not (tmp_path / "never").exists()
