"""A third party's package: made by the template, built as a wheel, used outside the repository."""

import json
import os
import subprocess
import sys
import sysconfig
import venv

import pytest
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


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A virtual environment with a new plugin installed from its wheel; runs commands there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    write_plugin("my-rings", folder / "source")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder / "dist"]
    call([*build, folder / "source"], folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    packages = sysconfig.get_path("purelib", vars=paths, scheme="venv")
    here = sysconfig.get_path("purelib")
    with open(os.path.join(packages, "platform.pth"), "w", encoding="utf-8") as file:
        file.write(f"import site; site.addsitedir({here!r})\n")
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    call([*pip, "--no-index", "--target", packages, wheel], folder)

    def running(*arguments):
        code = "from sicore.cli import main; main()"
        return call([python, "-c", code, *arguments], folder)

    running.folder, running.python = folder, python
    return running


def call(arguments, folder):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SICORE_", "PYTHON"))}
    done = subprocess.run(
        [str(a) for a in arguments],
        cwd=folder,
        env={**environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_it_is_listed(elsewhere):
    rows = [line.split() for line in elsewhere("plugins").splitlines()]
    assert ["my-rings", "ok", "sicore-my-rings", "0.1.0", "-"] in rows
    assert "my-rings/moons" in elsewhere("data", "list")
    assert "velocity" in elsewhere("config", "show", "my-rings/toy")


def test_it_trains_and_samples(elsewhere):
    elsewhere("train", "my-rings/toy", "-o", "run", "--device", "cpu")
    assert (elsewhere.folder / "run" / "model.safetensors").is_file()
    elsewhere("sample", "run", "-n", "500", "--class", "upper", "-o", "upper")
    (points,) = load_file(elsewhere.folder / "upper" / "samples.safetensors").values()
    assert points.shape == (500, 2)
    radius = points.norm(dim=1)  # of the upper moon: the unit circle's upper half
    assert abs(float(radius.median()) - 1) < 0.1
    assert float((points[:, 1] > -0.2).float().mean()) > 0.9
    manifest = json.loads((elsewhere.folder / "upper" / "manifest.json").read_text())
    assert manifest["nfe"] > 0
    assert manifest["class"] == "upper"


def test_its_own_tests_pass(elsewhere):
    out = call([elsewhere.python, "-m", "pytest", "-q", "source/tests"], elsewhere.folder)
    assert "1 passed" in out
