"""How good are restorations? ``python -m sicore_apps.measure MODEL -o FILE`` measures them.

For each operator: the PSNR of the posterior mean and of single samples, and how often the truth
lies in the samples' 90 % interval, over held-out pictures; beside what costs no model at all: the
mean training picture and the nearest training pictures.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import click
import torch
from torch import Tensor

from sicore.evaluation import coverage, psnr
from sicore.hub import Model
from sicore.inverse import Operator
from sicore_apps.degradation import degrade, hole, make_operator, noise_std
from sicore_apps.task import Task, default
from sicore_images.domain import Images

LEVEL = 0.9
OPERATORS = ("inpaint", "blur", "superres")


def measure(
    model: Model, task: Task, truth: Tensor, train: Tensor, progress: bool = False
) -> dict[str, Any]:
    """Restore degraded pictures and compare them with what they were.

    Args:
        model: a model of pictures.
        task: operator, noise, method, solver, samples and seed; its input is not read.
        truth: clean states ``(n, C, H, W)``, held out of training.
        train: states of training pictures, ``(N, C, H, W)``.
        progress: show a bar.

    Returns:
        Figures of the model, of the mean picture and of the nearest training pictures. PSNR is of
        whole pictures; coverage is over the pixels of the hole, or all pixels without one.
    """
    domain = model.domain
    assert isinstance(domain, Images)
    size = domain.shape[1], domain.shape[2]
    operator = make_operator(task, size)
    std = noise_std(task, domain)
    y = degrade(task, operator, truth, std)
    whole = torch.ones(size, dtype=torch.bool)
    unseen = hole(task.mask, size) if task.operator == "inpaint" else whole
    drawn = model.restore(
        y,
        operator,
        samples=task.samples,
        noise_std=std,
        method=task.method,
        solver=task.solver,
        steps=task.steps,
        epsilon=task.epsilon,
        seed=task.seed,
        progress=progress,
    )
    ours = drawn.decoded.cpu().unflatten(0, (len(y), task.samples)).transpose(0, 1)
    near = domain.decode(train[nearest(operator, train, y, task.samples).T.flatten()])
    real, average = domain.decode(truth), domain.decode(train.mean(0, keepdim=True))
    return {
        "operator": task.operator,
        "pictures": len(y),
        "samples": task.samples,
        "nfe": drawn.nfe,
        "solver": drawn.settings["solver"],
        "epsilon": task.epsilon,
        "noise": task.noise,
        "model": _figures(real, ours, unseen),
        "nearest_training_pictures": _figures(real, near.unflatten(0, (task.samples, -1)), unseen),
        "mean_picture": {"psnr_mean": _decibels(real, average.expand_as(real))},
    }


def nearest(operator: Operator, train: Tensor, y: Tensor, k: int) -> Tensor:
    """Which k training pictures would have been measured most like each y: ``(n, k)``, in order."""
    seen = torch.cat([operator(part).flatten(1) for part in train.split(4096)])
    return torch.cdist(y.flatten(1), seen).topk(k, largest=False).indices


def _figures(truth: Tensor, samples: Tensor, unseen: Tensor) -> dict[str, float]:
    """Of samples ``(M, n, C, H, W)``; the first sample stands for a single one."""
    return {
        "psnr_mean": _decibels(truth, samples.mean(0)),
        "psnr_sample": _decibels(truth, samples[0]),
        f"coverage_{LEVEL:.0%}": round(
            coverage(truth[..., unseen], samples[..., unseen], LEVEL), 4
        ),
        "std": round(samples[..., unseen].std(0).mean().item(), 4),
    }


def _decibels(truth: Tensor, estimate: Tensor) -> float:
    return round(psnr(truth, estimate).mean().item(), 2)


@click.command()
@click.argument("model")
@click.option("-n", "--pictures", default=32, show_default=True)
@click.option("--samples", default=16, show_default=True)
@click.option("--method", default=default("method"), show_default=True)
@click.option("--solver", help="The model's own by default.")
@click.option("--steps", type=int, help="The model's own by default.")
@click.option("--epsilon", type=float, help="Noise of an SDE solver.")
@click.option("--seed", default=0, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
def main(model: str, pictures: int, output: Path, **options: Any) -> None:
    """Measure restorations of MODEL on held-out pictures and write a JSON file."""
    import sicore
    from sicore.files import write_json

    loaded = sicore.load(model)
    data = loaded.config.data
    held, train = (data.build(split=split) for split in ("test", "train"))
    domain = cast("Images", loaded.domain)
    truth = domain.encode(held.batch(torch.arange(pictures))[0])
    known = domain.encode(train.batch(torch.arange(len(train)))[0])
    task = Task(model, Path(), "", **options)
    results = [
        measure(loaded, replace(task, operator=name), truth, known, progress=True)
        for name in OPERATORS
    ]
    write_json(output, results)
    for result in results:
        click.echo(result)


if __name__ == "__main__":
    main()
