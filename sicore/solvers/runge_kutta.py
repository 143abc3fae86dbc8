"""Explicit Runge–Kutta methods for ODEs, one class for all: the tableau is data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.table import Form, Move, Sketch, TableSolver


@dataclass(frozen=True)
class Tableau:
    """A Butcher tableau: stage i at ``t + c_i h`` uses ``Σ_j a_ij k_j``, the step ``Σ_i b_i k_i``.

    A weight of zero costs nothing.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]


@dataclass(frozen=True)
class RungeKutta(TableSolver):
    """``x_s = x_t + h Σ_i b_i k_i`` with ``h = s − t``."""

    tableau: ClassVar[Tableau]

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The tableau, with the drift's own coefficients in it; a stage at c = 1 is at s itself."""
        sketch, c = Sketch(dynamics, times[:-1], times[1:]), self.tableau.c
        stages = [sketch.s if at == 1 else sketch.t + at * sketch.h for at in c]
        splits = dynamics.split(torch.cat(stages))
        slopes: list[Form] = []
        for i, (row, time) in enumerate(zip(self.tableau.a, stages, strict=True)):
            state, n = self._advanced(sketch, row, slopes), len(time)
            split = splits.at(slice(i * n, i * n + n))
            slopes.append(sketch.apply(split, state, sketch.evaluate(time, state)))
        return sketch.moves(self._advanced(sketch, self.tableau.b, slopes))

    def _advanced(self, sketch: Sketch, weights: Sequence[float], slopes: Sequence[Form]) -> Form:
        x = sketch.x
        for weight, slope in zip(weights, slopes, strict=True):
            if weight:
                x = x + (weight * sketch.h) * slope
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


class Ralston(RungeKutta):
    """Ralston's method: order 2, two calls a step, with the smallest bound on the local error.

    Source: Ralston, "Runge–Kutta methods with minimum error bounds", 1962.
    """

    tableau = Tableau(a=((), (2 / 3,)), b=(0.25, 0.75), c=(0.0, 2 / 3))
    order, evaluations, lands = 2, 2, True


class Heun3(RungeKutta):
    """Heun's third-order method: three calls a step, never looks at the end of a step."""

    tableau = Tableau(a=((), (1 / 3,), (0.0, 2 / 3)), b=(0.25, 0.0, 0.75), c=(0.0, 1 / 3, 2 / 3))
    order, evaluations, lands = 3, 3, True


class RK4(RungeKutta):
    """The classical method of Kutta: order 4, four calls a step."""

    tableau = Tableau(
        a=((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
        b=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
        c=(0.0, 0.5, 0.5, 1.0),
    )
    order, evaluations, lands = 4, 4, False


DORMAND_PRINCE = Tableau(
    a=(
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    ),
    b=(35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    c=(0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0),
)


class RK5(RungeKutta):
    """The fifth-order method of Dormand and Prince on a given grid: six calls a step.

    Source: Dormand and Prince, "A family of embedded Runge–Kutta formulae", 1980.
    """

    tableau = DORMAND_PRINCE
    order, evaluations, lands = 5, 6, False
