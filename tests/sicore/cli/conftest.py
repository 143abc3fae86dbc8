import json
import os
import subprocess
import sys
import sysconfig
import venv

import pytest
import yaml

from sicore.cli import run
from sicore.cli.new_plugin import write_plugin

CONFIG = {
    "domain": "toy",
    "data": "toy/points",
    "network": {"name": "mlp", "width": 16, "depth": 2},
    "training": {"steps": 4, "batch_size": 16},
    "sampling": {"steps": 4},
}
SICORE = ["-c", "from sicore.cli import main; main()"]


def call(arguments, folder, **environment):
    """Run a program without this process's settings: (status, stdout, stderr)."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SICORE_", "PYTHON"))}
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=folder,
        env={**kept, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def sicore(tmp_path):
    """Run the command line in a folder of its own, which is on the path for plugins."""

    def running(*arguments, **environment):
        command = [sys.executable, *SICORE, *arguments]
        return call(command, tmp_path, PYTHONPATH=str(tmp_path), **environment)

    return running


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    """A virtual environment with a new plugin installed from its wheel; runs sicore there."""
    folder = tmp_path_factory.mktemp("elsewhere")
    write_plugin("my-rings", folder / "source")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder / "dist"]
    status, _, err = call([*build, folder / "source"], folder)
    assert status == 0, err
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    packages = sysconfig.get_path("purelib", vars=paths, scheme="venv")
    here = sysconfig.get_path("purelib")
    with open(os.path.join(packages, "platform.pth"), "w", encoding="utf-8") as file:
        file.write(f"import site; site.addsitedir({here!r})\n")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target"]
    status, _, err = call([*install, packages, wheel], folder)
    assert status == 0, err

    def running(*arguments, check=True, **environment):
        command = [folder / "venv" / "bin" / "python", *SICORE, *arguments]
        status, out, err = call(command, folder, **environment)
        if check:
            assert status == 0, err[-2000:]
        return out if check else (status, out, err)

    def each(command_lines):
        """Run several command lines in one process, which imports torch once."""
        code = "import json, sys; from sicore.cli import run;"
        code += "sys.exit(sum(run(line) for line in json.loads(sys.argv[1])))"
        lines = json.dumps([[str(word) for word in line] for line in command_lines])
        status, _, err = call([folder / "venv" / "bin" / "python", "-c", code, lines], folder)
        assert status == 0, err[-2000:]

    running.folder, running.each = folder, each
    return running


@pytest.fixture(scope="session")
def trained(elsewhere):
    """The folder of a model that was trained in the environment elsewhere."""
    elsewhere("train", "my-rings/toy", "-o", "run", "--device", "cpu")
    return elsewhere.folder / "run"


@pytest.fixture
def small(toy, tmp_path):
    """The folder of a model that was trained for a moment on the toy data."""
    (tmp_path / "c.yaml").write_text(yaml.dump(CONFIG))
    folder = tmp_path / "model"
    assert run(["train", str(tmp_path / "c.yaml"), "-o", str(folder), "--device", "cpu"]) == 0
    return folder
