"""torchdiffeq: Runge–Kutta and Adams methods for the velocity in the path's own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torchdiffeq

from peers.base import ANY, DIFFUSION, Method, Run, karras

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor

FIXED = ("euler", "midpoint", "heun2", "heun3", "rk4", "explicit_adams", "implicit_adams")
LOW = 0.02
ADAPTIVE = ("dopri5", "bosh3", "adaptive_heun", "dopri8")


def methods() -> list[Method]:
    """Fixed steps on a uniform grid and on Karras's, and the adaptive methods."""
    made = [
        Method(f"{name} (uniform)", "torchdiffeq", _fixed(name, None), paths=ANY) for name in FIXED
    ]
    for name in FIXED[:5]:
        title = f"{name} (Karras, from σ = {LOW:g})"
        made.append(Method(title, "torchdiffeq", _fixed(name, LOW), paths=DIFFUSION, least=2))
    made += [Method(name, "torchdiffeq", _adaptive(name), adaptive=True) for name in ADAPTIVE]
    return made


def grid(field: Field, steps: int, level: float | None) -> Tensor:
    """Uniform times, or those of Karras's noise levels down to ``level`` and then the end."""
    if level is None:
        return torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    levels = karras(level, field.first_level, steps)
    times: Tensor = field.path.time_at(levels)  # type: ignore[arg-type]
    times[0] = 0
    return torch.cat((times, times.new_ones(1)))


def _fixed(name: str, level: float | None) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        times = grid(field, steps, level)
        options = {"grid_constructor": lambda f, y, t: times}
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        return torchdiffeq.odeint(field.velocity, x, ends, method=name, options=options)[-1]

    return run


def _adaptive(name: str) -> Run:
    def run(field: Field, x: Tensor, number: int) -> Tensor:
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        tolerance = 10 ** (-number / 2)
        # Without step_t the last step goes past the end, where the path does not exist.
        options = {"step_t": ends[1:]}
        return torchdiffeq.odeint(
            field.velocity, x, ends, rtol=tolerance, atol=tolerance, method=name, options=options
        )[-1]

    return run
