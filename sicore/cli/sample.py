"""``sicore sample``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sicore.cli.options import (
    check_device,
    device_option,
    example,
    named_values,
    output_option,
    seed_option,
)
from sicore.errors import InputError, UnknownName
from sicore.files import check_output

if TYPE_CHECKING:
    from sicore.config import Component
    from sicore.hub import Domain


@click.command(
    epilog=example(
        "sicore sample images/fashion-mnist -n 64 --class sneaker --guidance 2 -o sneakers",
        "sicore sample runs/fashion -n 10000 --processes 2 --steps 10 -o many",
        "sicore sample runs/fashion --as-interpolant vp --steps 10 -o on-another-path",
    )
)
@click.argument("model")
@click.option(
    "-n", "number", type=click.IntRange(1), default=64, show_default=True, help="How many."
)
@click.option("--solver", help="A solver's name; the model's own by default.")
@click.option("--grid", help="A time grid's name, or 'tuned'; the model's own by default.")
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0, min_open=True),
    help="Of a solver that chooses its own steps, relative and absolute; dopri5 if none is named.",
)
@click.option("--class", "class_", metavar="NAME", help="A class, by name or number.")
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    metavar="NAME=VALUE",
    help="What to ask for, such as class=sneaker or qed=0.8; may be repeated.",
)
@click.option("--guidance", type=float, help="Strength of classifier-free guidance; 1 is none.")
@click.option(
    "--epsilon", type=click.FloatRange(0), help="Noise of an SDE solver: ε = EPSILON · γ(t)."
)
@click.option(
    "--as-interpolant",
    metavar="NAME",
    help="Sample on another path from Gaussian noise: exact, without retraining.",
)
@click.option(
    "--teleport",
    type=float,
    metavar="SIGMA",
    help="Start at the noise level SIGMA, where Gaussians of the data lead (see `moments`).",
)
@click.option(
    "--x0",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Source states of a two-sided model, .safetensors or .npy; as many as -n.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Samples for each network call.",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that share the work, with OMP_NUM_THREADS threads each.",
)
@click.option(
    "--compile",
    "compile_",
    is_flag=True,
    help="Make one program of network and solver first: for many batches.",
)
@seed_option
@device_option
@output_option
def command(
    model: str,
    number: int,
    solver: str | None,
    grid: str | None,
    steps: int | None,
    tolerance: float | None,
    class_: str | None,
    conditions: tuple[str, ...],
    guidance: float | None,
    epsilon: float | None,
    as_interpolant: str | None,
    x0: Path | None,
    teleport: float | None,
    batch_size: int,
    processes: int,
    compile_: bool,
    seed: int,
    device: str | None,
    folder: Path,
    overwrite: bool,
) -> None:
    """Draw samples from MODEL (a name or a folder) into a folder.

    Sample number k of a seed is the same whatever -n, --batch-size and --processes.
    """
    check_output(folder, overwrite)
    import sicore
    from sicore.hub.bulk import sample_bulk
    from sicore.hub.samples import trouble
    from sicore.hub.sources import read_states
    from sicore.progress import progress_bar

    loaded = sicore.load(model, device=check_device(device))
    with progress_bar("sampling", number) as bar:
        samples = sample_bulk(
            loaded,
            number,
            processes=processes,
            batch_size=batch_size,
            advance=bar.advance,
            seed=seed,
            solver=_solver(solver, tolerance),
            steps=steps,
            grid=grid,
            guidance=guidance,
            epsilon=epsilon,
            as_interpolant=as_interpolant,
            x0=None if x0 is None else read_states(x0),
            teleport=teleport,
            compile=compile_,
            condition=_condition(loaded.domain, class_, conditions),
        )
    if wrong := trouble(samples.status):
        raise InputError(wrong)
    samples.save(folder, overwrite=overwrite, manifest={"model": model})
    most = "each" if samples.calls is None else "at most"
    click.echo(f"{number} samples, {samples.nfe} network calls {most}: {folder}")


def _solver(name: str | None, tolerance: float | None) -> str | Component | None:
    """The solver with its tolerance, if one is given."""
    if tolerance is None:
        return name
    from sicore.config import Component

    entry = {"name": name or "dopri5", "rtol": tolerance, "atol": tolerance}
    return Component.parse("solver", entry)


def _condition(
    domain: Domain, class_: str | None, conditions: Sequence[str]
) -> dict[str, str] | None:
    """What is asked for, checked; ``--class X`` is ``--condition class=X``."""
    asked = named_values("--condition", conditions)
    if class_ is not None:
        if "class" in asked:
            raise InputError(f"--class {class_} and --condition class={asked['class']}: leave one")
        if "class" not in domain.conditions:
            raise InputError(f"--class {class_}: this model has no classes")
        asked["class"] = class_
    for name, value in asked.items():
        if name not in domain.conditions:
            raise UnknownName("condition", name, domain.conditions)
        try:
            domain.conditions[name].coded([value])  # raises, with the nearest name
        except InputError:
            raise InputError(f"--condition {name}={value}: expected a number") from None
    return asked or None
