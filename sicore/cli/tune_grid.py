"""``sicore tune-grid``."""

from __future__ import annotations

import click

from sicore.cli.options import check_device, device_option, example
from sicore.errors import InputError


@click.command(
    epilog=example(
        "sicore tune-grid runs/fashion --nfe 8",
        "sicore tune-grid runs/fashion --nfe 6 --solver dpmpp-2m --guidance 2",
        "sicore sample runs/fashion --solver v-adams-2 --steps 8 --grid tuned -o samples",
    )
)
@click.argument("model")
@click.option(
    "--nfe", type=click.IntRange(2), required=True, help="Network evaluations of a sample."
)
@click.option("--solver", default="v-adams-2", show_default=True, help="An ODE solver's name.")
@click.option("--guidance", type=float, help="Guidance that the samples will be drawn with.")
@click.option(
    "-n",
    "--samples",
    type=click.IntRange(2),
    default=64,
    show_default=True,
    help="Samples to tune with; one half only measures.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Random seed.")
@click.option("--overwrite", is_flag=True, help="Replace the grid that is there.")
@device_option
def command(
    model: str,
    nfe: int,
    solver: str,
    guidance: float | None,
    samples: int,
    seed: int,
    overwrite: bool,
    device: str | None,
) -> None:
    """Make the time grid of MODEL for a solver and a number of network evaluations.

    Some minutes of sampling find the times at which a few steps end closest to where many would.
    Writes grids.json into the model folder; `sample --grid tuned` uses it.
    """
    import sicore
    from sicore.hub.folder import GRIDS
    from sicore.hub.model import model_folder
    from sicore.hub.tuned import TunedGrids, read_tuned, tune
    from sicore.progress import progress_bar

    path = model_folder(model) / GRIDS
    known = read_tuned(path) if path.exists() else TunedGrids()
    most = known.check_new(solver, nfe, overwrite)
    loaded = sicore.load(model, device=check_device(device))
    with progress_bar("tuning", most) as bar:
        made = tune(
            loaded,
            solver,
            nfe,
            guidance=guidance,
            samples=samples,
            seed=seed,
            tick=bar.advance,
        )
    try:
        known.with_grid(made).save(path)
    except OSError as error:
        raise InputError(f"'{path}' cannot be written: {error.strerror}") from None
    click.echo(
        f"{solver}, {len(made.times) - 1} steps, {made.nfe} network calls: distance from a fine "
        f"solve {made.initial:.4g} -> {made.error:.4g}: {path}"
    )
