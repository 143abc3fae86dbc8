import html
import re
import shlex
import subprocess
import sys

import pytest

from sicore_apps import tour


@pytest.fixture(scope="module")
def demo(model_folder, tmp_path_factory):
    """The demonstration of the tiny model, made once."""
    from sicore.cli.root import run

    folder = tmp_path_factory.mktemp("demo") / "demo"
    assert run(["demo", "--model", str(model_folder), "-o", str(folder)]) == 0
    return folder


def commands(folder):
    page = (folder / "index.html").read_text()
    return [html.unescape(c) for c in re.findall(r"<pre><code>(.*?)</code></pre>", page, re.S)]


def test_page_has_every_panel(demo):
    page = (demo / "index.html").read_text()
    for title in ("Samples by class", "A hole", "A blur", "Four times the resolution"):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<img ") == 10 + 3 * 5
    assert "T-shirt/top" in page
    assert page.count("<figcaption>16 posterior samples") == 3
    assert "Zalando" in page
    assert "default-src 'none'" in page
    assert len(commands(demo)) == 4


def test_the_commands_of_the_restorations_are_true(demo, sicore, tmp_path):
    for command in commands(demo)[1:]:
        words = shlex.split(command)
        operator = words[words.index("--operator") + 1]
        words[words.index("-o") + 1] = str(tmp_path / operator)
        status, _, errors = sicore(*words[1:])
        assert status == 0, errors
        shown = sorted((demo / operator).glob("*.png"))
        assert len(shown) == 16 + 5
        for path in shown:
            assert path.read_bytes() == (tmp_path / operator / path.name).read_bytes(), path.name


def test_the_command_of_the_samples_is_true(demo, sicore, tmp_path):
    from sicore_apps.pages import row_figure
    from sicore_images.pictures import read_picture

    loop = commands(demo)[0]
    words = shlex.split(loop.split("; do ")[1].split("; done")[0])
    words = [word.replace("$c", "7") for word in words]
    words[words.index("-o") + 1] = str(tmp_path / "seven")
    status, _, errors = sicore(*words[1:])
    assert status == 0, errors
    import numpy as np

    made = [
        read_picture(tmp_path / "seven" / f"sample-{i:04d}.png", 1) for i in range(tour.PER_CLASS)
    ]
    figure = row_figure(np.stack(made), "Sneaker")
    assert figure.uri in (demo / "index.html").read_text()


def test_it_says_where_the_page_is(model_folder, tmp_path, sicore):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine.txt").write_text("precious")
    status, _, errors = sicore("demo", "--model", model_folder, "-o", tmp_path / "d")
    assert status == 1
    assert "exists" in errors
    status, said, _ = sicore("demo", "--model", model_folder, "-o", tmp_path / "e")
    assert status == 0
    assert said.strip().endswith("e/index.html")


@pytest.mark.parametrize("command", ["restore", "demo"])
def test_help_has_an_example_and_imports_no_torch(command):
    code = (
        "import sys; from sicore.cli.root import run; status = run(sys.argv[1:]);"
        "sys.exit(status or (3 if 'torch' in sys.modules else 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert f"sicore {command}" in done.stdout
    assert "Example" in done.stdout
