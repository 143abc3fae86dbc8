"""The repository keeps its promises: versions, documents, light imports, no pickles."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import sicore
from sicore.cli import root
from sicore.plugins import get_registry, hookspecs

ROOT = Path(__file__).parents[1]
PROJECTS = (
    "pyproject.toml",
    "plugins/images/pyproject.toml",
    "plugins/molecules/pyproject.toml",
    "plugins/speech/pyproject.toml",
    "apps/pyproject.toml",
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FEATURES = yaml.safe_load((ROOT / "docs/features.yaml").read_text(encoding="utf-8"))
SKIPPED = {".git", ".venv", ".peers", "_build", "build", "dist", "demo", "node_modules"}


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def sources() -> list[Path]:
    """Every Python file of the repository, tracked or about to be."""
    return [p for p in ROOT.rglob("*.py") if not SKIPPED.intersection(p.relative_to(ROOT).parts)]


# ---------------------------------------------------------------- versions


def test_version_numbers_agree() -> None:
    versions = {path: tomllib.loads(text(path))["project"]["version"] for path in PROJECTS}
    versions["sicore.__version__"] = sicore.__version__
    versions["CITATION.cff"] = str(yaml.safe_load(text("CITATION.cff"))["version"])
    assert set(versions.values()) == {sicore.__version__}, versions
    assert f"## [{sicore.__version__}]" in text("CHANGELOG.md")


def test_extras_name_third_parties_only() -> None:
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    assert not [r for group in extras.values() for r in group if r.startswith("sicore")]


# ---------------------------------------------------------------- light imports


@pytest.mark.parametrize(
    "module",
    [
        "sicore",
        "sicore.errors",
        "sicore.plugins",
        "sicore.plugins.builtin",
        "sicore.config",
        "sicore.cli",
        "sicore.report",
        "sicore_images.plugin",
        "sicore_molecules.graphs_plugin",
        "sicore_molecules.plugin",
        "sicore_speech.plugin",
        "sicore_apps.plugin",
    ],
)
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_does_not_import_torch() -> None:
    code = (
        "import sys; from sicore.cli import main; sys.argv = ['sicore', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "Usage" in run.stdout


# ---------------------------------------------------------------- no pickles


def pickle_loads(tree: ast.AST) -> Iterator[str]:
    """Calls that would execute a pickle."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        module, _, function = name.rpartition(".")
        if module in {"torch", "pickle", "joblib", "dill"} and function in {"load", "loads"}:
            yield name
        if function in {"Unpickler", "read_pickle"}:
            yield name
        if any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords):
            yield f"{name}(allow_pickle=…)"


def test_no_program_loads_a_pickle() -> None:
    """Tests may: an evil pickle that is refused is shown to be one by loading it."""
    programs = [path for path in sources() if path.relative_to(ROOT).parts[0] != "tests"]
    found = {
        str(path.relative_to(ROOT)): calls
        for path in programs
        if (calls := list(pickle_loads(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert not found


@pytest.mark.parametrize(
    "line",
    ["torch.load(f)", "pickle.loads(b)", "np.load(f, allow_pickle=True)", "pickle.Unpickler(f)"],
)
def test_pickle_calls_are_recognised(line: str) -> None:
    assert list(pickle_loads(ast.parse(line)))
    assert not list(pickle_loads(ast.parse("np.load(f, allow_pickle=False)")))


# ---------------------------------------------------------------- the table of features


@cache
def functions(path: str) -> frozenset[str]:
    """The test functions of a file."""
    tree = ast.parse(text(path))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def missing(node: str) -> str | None:
    """Why a test that the table names cannot be found, if so."""
    path, *names = node.split("[", 1)[0].split("::")
    if not path.startswith(("tests/", "benchmarks/")):
        return f"{node}: not in tests/ or benchmarks/"
    if not (ROOT / path).is_file():
        return f"{node}: no such file"
    if path.startswith("tests/") and not names:
        return f"{node}: names no test of the file"
    return next((f"{node}: no such test" for n in names[-1:] if n not in functions(path)), None)


def test_table_is_complete() -> None:
    assert [row["number"] for row in FEATURES["papers"]] == list(range(1, 52))
    numbers = [row["number"] for row in FEATURES["features"]]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("section", ["papers", "features"])
def test_rows_are_well_formed(section: str) -> None:
    keys = {"number", "name", "kind", "tier", "here", "status", "tests"}
    for row in FEATURES[section]:
        assert set(row) == keys, row
        assert row["tier"] in {"A", "B", "C"}, row
        assert row["status"] in {"working", "planned"}, row


@pytest.mark.parametrize("section", ["papers", "features"])
def test_working_rows_name_tests_that_exist(section: str) -> None:
    for row in FEATURES[section]:
        assert row["status"] == "planned" or row["tests"], f"{row['name']} names no test"
        assert not [m for node in row["tests"] if (m := missing(node))]


def test_a_test_that_does_not_exist_is_noticed() -> None:
    here = "tests/test_repository.py"
    assert missing(f"{here}::test_table_is_complete") is None
    assert missing(f"{here}::test_that_nobody_wrote")
    assert missing("tests/nowhere.py::test_x")
    assert missing(here)


def test_readme_claims_only_what_works() -> None:
    """In the comparison of the README, "yes" stands exactly where the table says working."""
    working = {row["name"]: row["status"] == "working" for row in FEATURES["features"]}
    claims = re.findall(r"^\| ([^|]+?) \| (yes|planned) \|", text("README.md"), re.MULTILINE)
    assert len(claims) >= 10
    assert {name: claim == "yes" for name, claim in claims} == {
        name: working[name] for name, _ in claims
    }


# ---------------------------------------------------------------- documents


def test_every_hook_is_documented() -> None:
    hooks = [n for n, f in inspect.getmembers(hookspecs, inspect.isfunction) if n[:7] == "sicore_"]
    assert hooks
    page = text("docs/plugins.md")
    assert not [hook for hook in hooks if f"### `{hook}(" not in page]


def test_every_room_is_in_the_reference() -> None:
    page = text("docs/api.md")
    inside = {"__init__", "__main__", "__pycache__", "cli", "progress"}
    rooms = {p.stem for p in (ROOT / "sicore").iterdir() if p.suffix in {"", ".py"}} - inside
    assert not [room for room in sorted(rooms) if f"automodule:: sicore.{room}\n" not in page]


def test_every_path_is_in_the_gallery() -> None:
    page = text("docs/gallery.md")
    names = re.findall(r"^### ([a-z-]+)$", page, re.MULTILINE)
    registered = {e.name for e in get_registry().entries("interpolant") if e.plugin == "sicore"}
    assert registered <= set(names)
    drawn = re.findall(r"^```\{gallery\} (?:\{name: )?([a-z-]+)", page, re.MULTILINE)
    assert set(names) - set(drawn) <= {"product", "categorical"}  # trees, and kinds


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert not [link for link in local if not (path.parent / link).exists()]


def shell_lines(path: Path) -> Iterator[str]:
    """The commands of a document's shell blocks."""
    for block in re.findall(
        r"^```sh\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        yield from block.replace("\\\n", " ").splitlines()


def commands(program: str) -> list[Any]:
    found = {
        line
        for path in DOCUMENTS
        for line in shell_lines(path)
        if line.removeprefix(".venv/bin/").startswith(f"{program} ")
    }
    assert found
    return sorted(found)


@pytest.mark.parametrize("line", commands("make"))
def test_documented_make_commands_exist(line: str) -> None:
    target = shlex.split(line, comments=True)[1]
    assert re.search(rf"^{target}:", text("Makefile"), re.MULTILINE)


@pytest.mark.parametrize("line", commands("sicore"))
def test_documented_sicore_commands_exist(line: str) -> None:
    """The command, its subcommand, and each of its options."""
    words = shlex.split(line, comments=True)[1:]
    context = click.Context(root, info_name="sicore")
    command: click.Command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    known = {o for parameter in command.get_params(context) for o in parameter.opts}
    given = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert given <= known
