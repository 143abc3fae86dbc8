"""torchcfm: it has no solver of its own; its documentation samples by torchdyn's ``odeint``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torchcfm  # noqa: F401  the library that is measured must be there
from torchdyn.numerics import odeint

from peers.base import LINEAR, VP, Method, Run

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor


def methods() -> list[Method]:
    """The fixed and the adaptive methods of torchdyn."""
    paths = frozenset((LINEAR, VP))
    fixed = [
        Method(name, "torchcfm", _fixed(name), paths=paths) for name in ("euler", "midpoint", "rk4")
    ]
    adaptive = [
        Method(name, "torchcfm", _adaptive(name), paths=paths, adaptive=True)
        for name in ("dopri5", "tsit5")
    ]
    return fixed + adaptive


def _fixed(name: str) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        return odeint(lambda t, x: field.velocity(t, x), x, times, solver=name)[1][-1]

    return run


def _adaptive(name: str) -> Run:
    def run(field: Field, x: Tensor, number: int) -> Tensor:
        tolerance = 10 ** (-number / 2)
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        return odeint(
            lambda t, x: field.velocity(t, x), x, ends, solver=name, atol=tolerance, rtol=tolerance
        )[1][-1]

    return run
