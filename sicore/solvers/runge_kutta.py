"""Explicit Runge–Kutta methods for ODEs, one class for all: the tableau is data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.base import Carry, axpy
from sicore.states import Noise, State


@dataclass(frozen=True)
class Tableau:
    """A Butcher tableau: stage i at ``t + c_i h`` uses ``Σ_j a_ij k_j``, the step ``Σ_i b_i k_i``.

    A weight of zero costs nothing.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]


@dataclass(frozen=True)
class RungeKutta:
    """``x_s = x_t + h Σ_i b_i k_i`` with ``h = s − t``."""

    tableau: ClassVar[Tableau]
    order: ClassVar[int]
    evaluations: ClassVar[int]
    stochastic: ClassVar[bool] = False
    lands: ClassVar[bool]

    def step(
        self, dynamics: Dynamics, t: Tensor, s: Tensor, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """One step; the last stage time is s itself where c = 1."""
        h = float(s - t)
        slopes: list[State] = []
        for row, c in zip(self.tableau.a, self.tableau.c, strict=True):
            time = s if c == 1 else t + c * (s - t)
            slopes.append(dynamics.drift(time, _advance(x, h, row, slopes)))
        return _advance(x, h, self.tableau.b, slopes), carry


def _advance(x: State, h: float, weights: tuple[float, ...], slopes: list[State]) -> State:
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            x = axpy(x, h * weight, slope)
    return x


class Euler(RungeKutta):
    """Euler's method: order 1, one call a step."""

    tableau = Tableau(a=((),), b=(1.0,), c=(0.0,))
    order, evaluations, lands = 1, 1, True


class Midpoint(RungeKutta):
    """The explicit midpoint rule: order 2, two calls a step, never looks at the end of a step."""

    tableau = Tableau(a=((), (0.5,)), b=(0.0, 1.0), c=(0.0, 0.5))
    order, evaluations, lands = 2, 2, True


class Heun(RungeKutta):
    """Heun's method, the explicit trapezoidal rule: order 2, two calls a step."""

    tableau = Tableau(a=((), (1.0,)), b=(0.5, 0.5), c=(0.0, 1.0))
    order, evaluations, lands = 2, 2, False


class RK4(RungeKutta):
    """The classical method of Kutta: order 4, four calls a step."""

    tableau = Tableau(
        a=((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
        b=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
        c=(0.0, 0.5, 0.5, 1.0),
    )
    order, evaluations, lands = 4, 4, False
