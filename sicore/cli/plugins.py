"""``sicore plugins``."""

from __future__ import annotations

import click

from sicore.cli.options import example
from sicore.cli.tables import table
from sicore.errors import UnknownName
from sicore.plugins import GROUPS, get_registry, plugin_status


@click.command(epilog=example("sicore plugins", "sicore plugins sicore"))
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the plugins and whether each works, or what the plugin NAME brings.

    SICORE_DISABLE and SICORE_ONLY (comma-separated names) switch plugins off.
    """
    statuses = plugin_status()
    if name is None:
        rows = [(s.name, s.status, s.distribution, s.version, s.reason) for s in statuses]
        click.echo(table(("plugin", "status", "distribution", "version", "reason"), rows))
        return
    if name not in {status.name for status in statuses}:
        raise UnknownName("plugin", name, [status.name for status in statuses])
    registry = get_registry()
    parts = [
        (entry.group, entry.name, entry.summary)
        for group in GROUPS
        for entry in registry.entries(group)
        if entry.plugin == name
    ]
    click.echo(table(("group", "name", "summary"), parts))
