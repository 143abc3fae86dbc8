"""``sicore new-plugin``."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from sicore.cli.options import example
from sicore.errors import InputError
from sicore.plugins import plugin_status

PLACES = {  # template -> where it goes
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "plugin.py": "{module}/plugin.py",
    "toy.py": "{module}/toy.py",
    "toy.yaml": "{module}/presets/toy.yaml",
    "test_plugin.py": "tests/test_plugin.py",
}


@click.command(epilog=example("sicore new-plugin rings", "sicore new-plugin rings -o my/rings"))
@click.argument("name")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write; sicore-NAME in the current folder by default.",
)
def command(name: str, folder: Path | None) -> None:
    """Write a small complete plugin called NAME: data, domain, preset, test.

    It can be installed, trained and sampled at once; then replace its toy by your own.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InputError(f"'{name}' cannot name a plugin: use lower case, digits and - inside")
    for status in plugin_status():
        if status.name == name:
            raise InputError(
                f"a plugin '{name}' is already installed, by '{status.distribution}': "
                "choose another name"
            )
    folder = folder or Path(f"sicore-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"'{folder}' exists: choose another folder with -o")
    write_plugin(name, folder)
    click.echo(f"wrote {folder}; now: pip install -e {folder} && sicore train {name}/toy -o run")


def write_plugin(name: str, folder: Path) -> None:
    """Fill the template in.

    Args:
        name: of the plugin: lower case, digits, hyphens.
        folder: new or empty.
    """
    module = "sicore_" + name.replace("-", "_")
    words = {"name": name, "module": module, "distribution": f"sicore-{name}"}
    for template, place in PLACES.items():
        text = files("sicore.cli").joinpath("templates", "plugin", f"{template}.template")
        path = folder / place.format(module=module)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = Template(text.read_text(encoding="utf-8")).substitute(words)
        path.write_text(content, encoding="utf-8")
    (folder / module / "__init__.py").touch()
