"""A third party's package: made by the template, built as a wheel, used outside the repository."""

import json
import subprocess

from safetensors.torch import load_file

from sicore.cli import run
from sicore.cli.new_plugin import write_plugin


def test_the_template_is_under_60_lines_of_python(tmp_path):
    write_plugin("my-rings", tmp_path)
    lines = sum(len(path.read_text().splitlines()) for path in tmp_path.rglob("*.py"))
    assert 0 < lines < 60
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or "$" not in path.read_text()
    assert (tmp_path / "sicore_my_rings" / "presets" / "toy.yaml").is_file()


def test_an_existing_folder_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["new-plugin", "rings"]) == 0
    before = sorted(tmp_path.rglob("*"))
    assert run(["new-plugin", "rings"]) == 1
    assert "exists" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_it_is_listed(elsewhere):
    rows = [line.split() for line in elsewhere("plugins").splitlines()]
    assert ["my-rings", "ok", "sicore-my-rings", "0.1.0", "-"] in rows
    assert "my-rings/moons" in elsewhere("data", "list")
    assert "velocity" in elsewhere("config", "show", "my-rings/toy")


def test_it_trains_and_samples(elsewhere, trained):
    assert (trained / "model.safetensors").is_file()
    elsewhere("sample", "run", "-n", "500", "--class", "upper", "-o", "upper")
    (points,) = load_file(elsewhere.folder / "upper" / "samples.safetensors").values()
    assert points.shape == (500, 2)
    radius = points.norm(dim=1)  # of the upper moon: the unit circle's upper half
    assert abs(float(radius.median()) - 1) < 0.1
    assert float((points[:, 1] > -0.2).float().mean()) > 0.9
    manifest = json.loads((elsewhere.folder / "upper" / "manifest.json").read_text())
    assert manifest["nfe"] > 0
    assert manifest["condition"] == {"class": "upper"}
    assert set(manifest["versions"]) == {"sicore", "torch", "python"}


def test_its_own_tests_pass(elsewhere):
    python = elsewhere.folder / "venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "source/tests"],
        cwd=elsewhere.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout
