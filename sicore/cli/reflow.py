"""``sicore reflow``."""

from __future__ import annotations

from pathlib import Path

import click

from sicore.cli.options import check_device, device_option, example, output_option, seed_option


@click.command(
    epilog=example(
        "sicore reflow runs/fashion -n 20000 -o pairs",
        "sicore reflow runs/fashion -n 20000 -o pairs --resume",
        "sicore train runs/fashion data=pairs data.folder=pairs objective.coupling=reflow "
        "-o runs/straight",
    )
)
@click.argument("model")
@click.option(
    "-n", "number", type=click.IntRange(1), default=20000, show_default=True, help="How many."
)
@click.option("--solver", help="An ODE solver's name; the model's own by default.")
@click.option("--grid", help="A time grid's name; the model's own by default.")
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option("--guidance", type=float, help="Strength of classifier-free guidance; 1 is none.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Pairs for each network call.",
)
@click.option("--resume", is_flag=True, help="Go on with what an interrupted run has left.")
@seed_option
@device_option
@output_option
def command(
    model: str,
    number: int,
    solver: str | None,
    grid: str | None,
    steps: int | None,
    guidance: float | None,
    batch_size: int,
    resume: bool,
    seed: int,
    device: str | None,
    folder: Path,
    overwrite: bool,
) -> None:
    """Draw pairs of noise and sample from MODEL (a name or a folder) into a folder.

    A model that is trained on them has straighter trajectories, and so needs fewer steps.
    """
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    import sicore
    from sicore.hub.reflow import draw_pairs

    nfe = draw_pairs(
        sicore.load(model, device=check_device(device)),
        folder,
        number,
        name=model,
        solver=solver,
        steps=steps,
        grid=grid,
        guidance=guidance,
        seed=seed,
        batch_size=batch_size,
        resume=resume,
        overwrite=overwrite,
        progress=True,
    )
    calls = f", {nfe} network calls each" if nfe else ", all there before"
    click.echo(f"{number} pairs{calls}: {folder}")
