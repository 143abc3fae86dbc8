"""``sicore evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sicore.cli.options import check_device, device_option, example, seed_option
from sicore.errors import InputError

if TYPE_CHECKING:
    from sicore.hub import Model


@click.command(
    epilog=example(
        "sicore evaluate images/fashion-mnist -n 2000",
        "sicore evaluate runs/fashion -n 500 --solver euler --steps 50 -o metrics.json",
        "sicore evaluate images/fashion-mnist --fokker-planck",
        "sicore evaluate runs/enhance -n 40 --metric speech/composite --metric speech/si-sdr",
    )
)
@click.argument("model")
@click.option(
    "-n",
    "number",
    type=click.IntRange(2),
    help="Samples to draw, 1000 by default; items to look at with --likelihood (128) and with "
    "--fokker-planck (64).",
)
@click.option("--solver", help="A solver; the model's own by default.")
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option("--guidance", type=float, help="Strength of classifier-free guidance; 1 is none.")
@click.option(
    "--likelihood",
    is_flag=True,
    help="Instead: how well held-out items are predicted, in bits per dimension of pictures.",
)
@click.option(
    "--fokker-planck",
    is_flag=True,
    help="Instead: how far the model's score is from the Fokker–Planck equation over time.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="A metric that `sicore plugins PLUGIN` lists, instead of the usual ones; repeatable.",
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
    fokker_planck: bool,
    metrics: tuple[str, ...],
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

    if likelihood and fokker_planck:
        raise InputError("--likelihood and --fokker-planck: choose one")
    chosen: dict[str, Any] = {"solver": solver, "steps": steps, "guidance": guidance}
    options = {key: value for key, value in chosen.items() if value is not None}
    if fokker_planck and options:
        given = ", ".join(f"--{name}" for name in options)
        raise InputError(f"--fokker-planck looks at the model, not at a sampler: leave out {given}")
    if metrics and (likelihood or fokker_planck):
        raise InputError("--metric chooses what samples are measured by: leave out the other")
    if likelihood and (solver is not None or guidance is not None):
        raise InputError("--likelihood takes --steps, but neither --solver nor --guidance")
    loaded = sicore.load(model, device=check_device(device))
    if metrics:
        options["metrics"] = _known(metrics, loaded)
    if fokker_planck:
        figures = _residual(loaded, number or 64, seed)
    elif likelihood:
        count = number or 128
        figures = loaded.domain.likelihood(loaded, n=count, seed=seed, progress=True, **options)
    else:
        figures = loaded.domain.evaluate(loaded, n=number or 1000, seed=seed, **options)
    click.echo(json.dumps(figures, indent=2))
    if output is not None:
        write_json(output, figures)


def _known(metrics: tuple[str, ...], model: Model) -> tuple[str, ...]:
    """The names, if they are registered and the domain has a choice."""
    from sicore.plugins import get_registry

    if not model.domain.metric_choice:
        raise InputError(f"--metric: the domain '{model.domain.name}' has no choice of metrics")
    for name in metrics:
        get_registry().entry("metric", name)
    return metrics


def _residual(model: Model, n: int, seed: int) -> dict[str, Any]:
    """The Fokker–Planck residual at training data, at the times that training looked at."""
    import torch

    from sicore.evaluation import fokker_planck_diagnostic
    from sicore.states import Noise, to

    dataset = model.config.data.build()
    count = min(n, len(dataset))
    items, condition = dataset.batch(torch.linspace(0, len(dataset) - 1, count).long())
    x1 = items if getattr(dataset, "encoded", False) else model.domain.encode(items)
    eighths = (torch.arange(8, dtype=torch.float64) + 0.5) / 8
    law = model.config.objective.time_law.build()
    return fokker_planck_diagnostic(
        model.prediction,
        to(x1, device=model.device),
        Noise.of(seed, count, device=model.device, space=model.domain.space),
        times=law.quantile(eighths, model.interpolant).tolist(),
        condition={k: v.to(model.device) for k, v in condition.items()} or None,
        coupling=model.coupling,
        progress=True,
    )
