"""``sicore generate``: a command for each kind of thing that models make."""

from __future__ import annotations

import click

from sicore.cli.options import example
from sicore_apps.generate_graphs import graphs
from sicore_apps.generate_molecules import molecules
from sicore_apps.generate_series import series


@click.group(
    epilog=example(
        "sicore generate molecules -n 1000 -o molecules",
        "sicore generate graphs -n 100 -o graphs --model runs/graphs",
        "sicore generate series --like sensors.csv -n 100 -o series",
    )
)
def command() -> None:
    """Generate things that can be used right away: files, pictures, and a page."""


command.add_command(molecules)
command.add_command(graphs)
command.add_command(series)
