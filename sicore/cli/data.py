"""``sicore data``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sicore.cli.options import example
from sicore.cli.tables import table
from sicore.errors import InputError, PluginError
from sicore.plugins import get_registry


@click.group(epilog=example("sicore data list"))
def command() -> None:
    """List and fetch the datasets that plugins bring."""


@command.command("list", epilog=example("sicore data list"))
def list_() -> None:
    """List the datasets: whether each is here, its licence, and where it comes from."""
    registry = get_registry()
    rows: list[tuple[str, ...]] = []
    for entry in registry.entries("dataset"):
        try:
            dataset = registry.resolve("dataset", entry.name)
        except PluginError as error:
            rows.append((entry.name, "broken", "", str(error)))
            continue
        about = [str(getattr(dataset, key, "")) for key in ("licence", "source")]
        rows.append((entry.name, "yes" if _available(dataset) else "no", *about))
    header = ("dataset", "here", "licence", "source")
    click.echo(table(header, rows) if rows else "no datasets")


@command.command("fetch", epilog=example("sicore data fetch images/fashion-mnist"))
@click.argument("name")
@click.option("--source", help="Where to get it: see the dataset's own page; or a folder.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where to put the files; by default where the dataset looks for them.",
)
def fetch(name: str, source: str | None, folder: Path | None) -> None:
    """Fetch the dataset NAME, checking every file."""
    dataset = get_registry().resolve("dataset", name)
    if not hasattr(dataset, "fetch"):
        raise InputError(f"the dataset '{name}' needs no fetching: it is generated, or your own")
    choices = {"source": source, "folder": folder}
    click.echo(dataset.fetch(**{k: v for k, v in choices.items() if v is not None}))


def _available(dataset: Any) -> bool:
    available = getattr(dataset, "available", None)
    return True if available is None else bool(available())
