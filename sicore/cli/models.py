"""``sicore models``."""

from __future__ import annotations

import click

from sicore.cli.options import example
from sicore.cli.tables import table
from sicore.errors import PluginError
from sicore.plugins import get_registry


@click.command(epilog=example("sicore models"))
def command() -> None:
    """List the trained models that plugins bring; a model folder's path works as well."""
    registry = get_registry()
    rows = []
    for entry in registry.entries("model"):
        try:
            folder = registry.resource("model", entry.name)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            where = f"{size / 1e6:.1f} MB"
        except PluginError:
            where = "missing"
        rows.append((entry.name, entry.plugin, where, entry.summary))
    click.echo(table(("model", "plugin", "size", "summary"), rows) if rows else "no models")
