"""``sicore evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sicore.cli.options import check_device, device_option, example, seed_option
from sicore.errors import InputError


@click.command(
    epilog=example(
        "sicore evaluate images/fashion-mnist -n 2000",
        "sicore evaluate runs/fashion -n 500 --solver euler --steps 50 -o metrics.json",
    )
)
@click.argument("model")
@click.option(
    "-n",
    "number",
    type=click.IntRange(2),
    help="Samples to draw, 1000 by default; with --likelihood held-out items, 128.",
)
@click.option("--solver", help="A solver; the model's own by default.")
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option("--guidance", type=float, help="Strength of classifier-free guidance; 1 is none.")
@click.option(
    "--likelihood",
    is_flag=True,
    help="Measure how well held-out items are predicted instead: bits per dimension of pictures.",
)
@seed_option
@device_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the metrics into a JSON file, too.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE.")
def command(
    model: str,
    number: int | None,
    solver: str | None,
    steps: int | None,
    guidance: float | None,
    likelihood: bool,
    seed: int,
    device: str | None,
    output: Path | None,
    overwrite: bool,
) -> None:
    """Measure MODEL (a name or a folder) with its domain's metrics, printed as JSON."""
    if output is not None and output.exists() and not overwrite:
        raise InputError(f"'{output}' exists: choose another file, or pass --overwrite")
    import sicore
    from sicore.files import write_json

    loaded = sicore.load(model, device=check_device(device))
    chosen: dict[str, Any] = {"solver": solver, "steps": steps, "guidance": guidance}
    options = {key: value for key, value in chosen.items() if value is not None}
    if likelihood:
        if solver is not None or guidance is not None:
            raise InputError("--likelihood takes --steps, but neither --solver nor --guidance")
        count = number or 128
        metrics = loaded.domain.likelihood(loaded, n=count, seed=seed, progress=True, **options)
    else:
        metrics = loaded.domain.evaluate(loaded, n=number or 1000, seed=seed, **options)
    click.echo(json.dumps(metrics, indent=2))
    if output is not None:
        write_json(output, metrics)
