"""Restore one picture: read, (degrade,) sample the posterior, and write what came out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from sicore.errors import InputError
from sicore.evaluation import psnr
from sicore.hub import Domain, Model
from sicore_apps.degradation import (
    degrade,
    hole,
    make_operator,
    measured_size,
    noise_std,
    seen,
)
from sicore_apps.task import Task
from sicore_images.domain import Images, as_pictures
from sicore_images.pictures import to_pillow, write_picture
from sicore_images.rendering import heat_map, magnified

HOLE_COLOUR = (214, 72, 126)


@dataclass(frozen=True)
class Restoration:
    """A restored picture; pictures are arrays ``(C, H, W)`` of numbers in [0, 1].

    Args:
        task: what was asked for.
        truth: the clean picture, when the task was to degrade one.
        measured: what the samples were drawn from.
        hole: bool ``(H, W)``, True where nothing was seen; None when there is no hole.
        samples: ``(N, C, H, W)``.
        nfe: network evaluations for each sample.
        seconds: that sampling took.
    """

    task: Task
    truth: np.ndarray | None
    measured: np.ndarray
    hole: np.ndarray | None
    samples: np.ndarray
    nfe: int
    seconds: float

    @property
    def mean(self) -> np.ndarray:
        """Of the samples: the best guess in squared error."""
        return np.asarray(self.samples.mean(0))

    @property
    def std(self) -> np.ndarray:
        """Of the samples at each pixel ``(H, W)``, the root mean square over the channels."""
        return np.asarray(np.sqrt(self.samples.var(0, ddof=min(1, len(self.samples) - 1)).mean(0)))

    def psnr(self) -> dict[str, float] | None:
        """Decibels of the mean and, on average, of a sample; None without the clean picture."""
        if self.truth is None:
            return None
        truth = torch.from_numpy(self.truth)
        samples = torch.from_numpy(self.samples)
        mean = psnr(truth[None], torch.from_numpy(self.mean)[None]).item()
        each = psnr(truth.expand_as(samples), samples).mean().item()
        return {"mean": round(mean, 2), "sample": round(each, 2)}

    def measured_view(self) -> Image.Image:
        """The measured picture with its hole in colour."""
        picture = to_pillow(self.measured)
        if self.hole is None:
            return picture
        view = np.array(picture.convert("RGB"))
        view[self.hole] = HOLE_COLOUR
        return Image.fromarray(view)

    def std_view(self) -> Image.Image:
        """The standard deviation as a map with its scale."""
        return heat_map(self.std, float(self.std.max()), zoom=magnified(self.std.shape))

    def save(self, folder: Path, domain: Domain) -> list[Path]:
        """Write the samples, a contact sheet, the mean, the deviation and the measured picture."""
        named = {"mean": to_pillow(self.mean), "measured": to_pillow(self.measured)}
        if self.truth is not None:
            named["truth"] = to_pillow(self.truth)
        paths = [write_picture(picture, folder / f"{name}.png") for name, picture in named.items()]
        paths.append(write_picture(self.std_view(), folder / "std.png"))
        return [*domain.save(self.samples, folder), *paths]


def restore(
    model: Model, task: Task, *, progress: bool = False, callbacks: Sequence[Any] = ()
) -> Restoration:
    """Draw posterior samples of the picture that the task's input is a measurement of.

    Args:
        model: a model of pictures, the one that the task names.
        task: what to do.
        progress: show a bar.
        callbacks: for the solve loop.

    Raises:
        InputError: when the input, the mask or the operator do not fit the model, or a sample is
            not finite.
    """
    domain = model.domain
    if not isinstance(domain, Images):
        raise InputError(
            f"restore works on pictures; the model '{task.model}' is of '{domain.name}'"
        )
    size = domain.shape[1], domain.shape[2]
    operator = make_operator(task, size)
    given = size if task.degrade else measured_size(operator, size)
    x = domain.encode(domain.read(task.input, size=given, resize=task.resize))
    std = noise_std(task, domain)
    y = degrade(task, operator, x, std) if task.degrade else seen(task, operator, x)
    started = time.monotonic()
    samples = model.restore(
        y.to(model.device),
        operator,
        samples=task.samples,
        noise_std=std,
        method=task.method,
        solver=task.solver,
        steps=task.steps,
        epsilon=task.epsilon,
        condition=None if task.label is None else {"class": task.label},
        seed=task.seed,
        progress=progress,
        callbacks=callbacks,
    )
    if samples.status.any():
        bad = int(samples.status.count_nonzero())
        raise InputError(
            f"{bad} of {task.samples} samples are not finite: take more --steps or --noise above 0"
        )
    return Restoration(
        task=task,
        truth=as_pictures(domain.decode(x))[0] if task.degrade else None,
        measured=as_pictures(domain.decode(y))[0],
        hole=hole(task.mask, size).numpy() if task.operator == "inpaint" else None,
        samples=as_pictures(samples.decoded),
        nfe=samples.nfe,
        seconds=time.monotonic() - started,
    )
