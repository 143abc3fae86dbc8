"""``sicore moments``."""

from __future__ import annotations

import click

from sicore.cli.options import example
from sicore.errors import InputError


@click.command(
    epilog=example(
        "sicore moments runs/fashion",
        "sicore moments runs/fashion --rank 40 --overwrite",
        "sicore sample runs/fashion --teleport 2 -n 64 -o samples",
    )
)
@click.argument("model")
@click.option(
    "--rank",
    type=click.IntRange(0),
    help="Directions kept of each covariance; by default as many as hold 85 % of its variance.",
)
@click.option("--overwrite", is_flag=True, help="Replace the moments that are there.")
def command(model: str, rank: int | None, overwrite: bool) -> None:
    """Fit Gaussians to the data of MODEL (a name or a folder), for `sample --teleport`.

    Writes moments.safetensors into the model folder: mean and covariance of the training data,
    and of each class.
    """
    from sicore.config import load_config
    from sicore.hub.folder import CONFIG, MOMENTS
    from sicore.hub.model import model_folder
    from sicore.hub.moments import fit_moments

    folder = model_folder(model)
    path = folder / MOMENTS
    if path.exists() and not overwrite:
        raise InputError(f"'{path}' exists: pass --overwrite to replace it")
    config = load_config(folder / CONFIG)
    moments = fit_moments(config.domain.build(), config.data.build(), rank=rank, progress=True)
    moments.save(path)
    click.echo(f"{1 + len(moments.classes)} Gaussians, {path.stat().st_size / 1e6:.2f} MB: {path}")
