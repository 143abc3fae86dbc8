"""torchode: fixed steps and step-size control for each sample on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torchode

from peers.base import Method, Run

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor

STEPPERS = {
    "euler": torchode.Euler,
    "heun": torchode.Heun,
    "dopri5": torchode.Dopri5,
    "tsit5": torchode.Tsit5,
}


def methods() -> list[Method]:
    """Each stepper with fixed steps, and the two of order 5 with step-size control."""
    fixed = [Method(name, "torchode", _fixed(name)) for name in STEPPERS]
    adaptive = [
        Method(f"{name} (adaptive)", "torchode", _adaptive(name), adaptive=True)
        for name in ("dopri5", "tsit5")
    ]
    return fixed + adaptive


def _problem(x: Tensor) -> torchode.InitialValueProblem:
    start = torch.zeros(len(x), dtype=x.dtype)
    return torchode.InitialValueProblem(y0=x, t_start=start, t_end=start + 1)


def _fixed(name: str) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        term = torchode.ODETerm(field.velocity)
        solver = torchode.AutoDiffAdjoint(STEPPERS[name](term), torchode.FixedStepController())
        # A hair longer than 1/steps: else rounding leaves one more step at the end.
        step = torch.full((len(x),), (1 + 1e-9) / steps, dtype=x.dtype)
        return solver.solve(_problem(x), dt0=step).ys[:, -1]

    return run


def _adaptive(name: str) -> Run:
    def run(field: Field, x: Tensor, number: int) -> Tensor:
        term = torchode.ODETerm(field.velocity)
        tolerance = 10 ** (-number / 2)
        controller = torchode.IntegralController(atol=tolerance, rtol=tolerance, term=term)
        return (
            torchode.AutoDiffAdjoint(STEPPERS[name](term), controller).solve(_problem(x)).ys[:, -1]
        )

    return run
