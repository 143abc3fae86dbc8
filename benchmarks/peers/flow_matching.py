"""flow_matching: its ODE solver, which wraps torchdiffeq."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from flow_matching.solver import ODESolver

from peers.base import LINEAR, VP, Method, Run

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor


def methods() -> list[Method]:
    """The methods that its documentation names."""
    paths = frozenset((LINEAR, VP))
    made = [
        Method(name, "flow_matching", _fixed(name), paths=paths)
        for name in ("euler", "midpoint", "heun3")
    ]
    return [*made, Method("dopri5", "flow_matching", _adaptive, paths=paths, adaptive=True)]


def _fixed(name: str) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        solver = ODESolver(lambda x, t: field.velocity(t, x))
        return solver.sample(x, None, method=name, time_grid=times)  # type: ignore[return-value]

    return run


def _adaptive(field: Field, x: Tensor, number: int) -> Tensor:
    tolerance = 10 ** (-number / 2)
    solver = ODESolver(lambda x, t: field.velocity(t, x))
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    return solver.sample(  # type: ignore[return-value]
        x, None, method="dopri5", atol=tolerance, rtol=tolerance, time_grid=ends
    )
