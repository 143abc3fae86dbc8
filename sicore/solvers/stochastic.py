"""Solvers for SDEs with additive noise ``dX = f(t, X) dt + g(t) dW``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.base import Carry, axpy
from sicore.states import Noise, State, combine


@dataclass(frozen=True)
class EulerMaruyama:
    """``x_s = x_t + h f(t, x_t) + g(t) ΔW``: weak order 1, strong order 1, one call a step.

    Source: Kloeden and Platen, "Numerical solution of SDEs", 1992, section 10.2.
    """

    order: ClassVar[int] = 1
    evaluations: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True
    lands: ClassVar[bool] = False

    def step(
        self, dynamics: Dynamics, t: Tensor, s: Tensor, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """One step, forward or backward."""
        drift, kick = dynamics.drift(t, x), noise.increment(t, s, x)
        moved = axpy(x, float(s - t), drift)
        return combine(1.0, moved, dynamics.diffusion(t), kick), carry


@dataclass(frozen=True)
class StochasticHeun:
    """Heun's method with one Brownian increment: weak order 2, two calls a step.

    ``x̂ = x + h f(t, x) + g(t) ΔW``, ``x_s = x + h (f(t, x) + f(s, x̂))/2 + (g(t) + g(s))/2 ΔW``.
    Looks at the end of each step, so ε(t) must leave the drift finite there.

    Source: Kloeden and Platen 1992, section 15.1, for additive noise.
    """

    order: ClassVar[int] = 2
    evaluations: ClassVar[int] = 2
    stochastic: ClassVar[bool] = True
    lands: ClassVar[bool] = False

    def step(
        self, dynamics: Dynamics, t: Tensor, s: Tensor, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """One step, forward or backward."""
        h, kick = float(s - t), noise.increment(t, s, x)
        g_t, g_s = dynamics.diffusion(t), dynamics.diffusion(s)
        first = dynamics.drift(t, x)
        predicted = combine(1.0, axpy(x, h, first), g_t, kick)
        second = dynamics.drift(s, predicted)
        moved = axpy(axpy(x, h / 2, first), h / 2, second)
        return combine(1.0, moved, (g_t + g_s) / 2, kick), carry
