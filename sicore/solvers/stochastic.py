"""Solvers for Itô SDEs ``dX = f(t, X) dt + g dW``, by sums of states where g depends on t alone.

Euler–Maruyama and Milstein also take noise that depends on the state (``DiagonalSDE``). The others
are made for additive noise ``g(t)``, where the Itô and the Stratonovich integral are the same; on
other noise Heun's method would solve the Stratonovich SDE, so they refuse it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.base import Carry, Step
from sicore.solvers.table import Move, Sketch, TableSolver
from sicore.states import Noise, State, scale, tree_map, weighted_sum


@dataclass(frozen=True)
class EulerMaruyama(TableSolver):
    """``x_s = x_t + h f(t, x_t) + g ΔW``: weak order 1, strong order 1, one call a step.

    With noise that depends on the state, ``g(t, x_t)``, its strong order is ½.

    Source: Kloeden and Platen, "Numerical solution of SDEs", 1992, section 10.2.
    """

    order = 1
    strong_order = 1.0
    evaluations = 1
    stochastic = True
    draws = 1

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Any]:
        """The step, forward or backward; nothing where the noise depends on the state."""
        if not dynamics.additive:
            return [None] * (len(times) - 1)
        sketch = Sketch(dynamics, times[:-1], times[1:], self.draws)
        kick = (dynamics.diffusion(sketch.t) * sketch.h.abs().sqrt()) * sketch.noise[0]
        return sketch.moves(sketch.x + sketch.h * sketch.drift(sketch.t, sketch.x) + kick)

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """By the numbers of the step, or with the diffusion at x."""
        if step.table is not None:
            return super().step(dynamics, step, x, carry, noise)
        h, (xi,) = step.s - step.t, noise.coordinates(step.t, step.s, x)
        kick = self._kick(dynamics, step.t, x, scale(h**0.5, xi), h)
        return weighted_sum((1.0, h, 1.0), (x, dynamics.drift(step.t, x), kick)), carry

    def _kick(self, dynamics: Dynamics, t: float, x: State, dw: State, h: float) -> State:
        """What the noise adds."""
        kick: State = tree_map(torch.mul, dynamics.diffusion_at(t, x), dw)
        return kick


@dataclass(frozen=True)
class Milstein(EulerMaruyama):
    """Euler–Maruyama with ``½ g ∂g/∂x (ΔW² − h)``: strong order 1, one call a step.

    For noise that depends on the state, number by number (``DiagonalSDE``); with additive noise it
    is Euler–Maruyama.

    Source: Milstein, "Approximate integration of stochastic differential equations", 1974; Kloeden
    and Platen 1992, equation 10.3.12.
    """

    def _kick(self, dynamics: Dynamics, t: float, x: State, dw: State, h: float) -> State:
        def leafwise(g: Tensor, slope: Tensor, dw: Tensor) -> Tensor:
            return g * (dw + slope * (dw**2 - h) / 2)

        kick: State = tree_map(leafwise, *dynamics.diffusion_slope(t, x), dw)
        return kick


@dataclass(frozen=True)
class StochasticHeun(TableSolver):
    """Heun's method with one Brownian increment: weak order 2, strong order 1, two calls a step.

    ``x̂ = x + h f(t, x) + g(t) ΔW``, ``x_s = x + h (f(t, x) + f(s, x̂))/2 + (g(t) + g(s))/2 ΔW``.
    Looks at the end of each step, so ε(t) must leave the drift finite there.

    Source: Kloeden and Platen 1992, section 15.1, for additive noise.
    """

    order = 2
    strong_order = 1.0
    evaluations = 2
    stochastic = True
    draws = 1

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The step, forward or backward."""
        sketch = Sketch(dynamics, times[:-1], times[1:], self.draws)
        x, h, kick = sketch.x, sketch.h, sketch.h.abs().sqrt() * sketch.noise[0]
        g_t, g_s = dynamics.diffusion(sketch.t), dynamics.diffusion(sketch.s)
        first = sketch.drift(sketch.t, x)
        second = sketch.drift(sketch.s, x + h * first + g_t * kick)
        return sketch.moves(x + (h / 2) * (first + second) + ((g_t + g_s) / 2) * kick)


@dataclass(frozen=True)
class SRK15(TableSolver):
    r"""A stochastic Runge–Kutta method of strong order 1.5: weak order 2, two calls a step.

    With ``J = ∫ (W_u − W_t) du / h`` over the step, and its inner stage at ``r = t + ¾ h``,

    ``x̂ = x + ¾ h f(t, x) + (3/2) g(s) J``,
    ``x_s = x + h (f(t, x) + 2 f(r, x̂))/3 + g(s) ΔW + (g(t) − g(s)) J``.

    It evaluates no drift at the end of a step.

    Source: Rößler, "Runge–Kutta methods for the strong approximation of solutions of stochastic
    differential equations", 2010, SRA1.
    """

    order = 2
    strong_order = 1.5
    evaluations = 2
    stochastic = True
    draws = 2

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The step, forward or backward."""
        sketch = Sketch(dynamics, times[:-1], times[1:], self.draws)
        x, h, (xi, zeta) = sketch.x, sketch.h, sketch.noise
        root = h.abs().sqrt()
        increment, mean = root * xi, (root / 2) * (xi + 3**-0.5 * zeta)
        g_t, g_s = dynamics.diffusion(sketch.t), dynamics.diffusion(sketch.s)
        first = sketch.drift(sketch.t, x)
        inner = x + (0.75 * h) * first + (1.5 * g_s) * mean
        second = sketch.drift(torch.add(sketch.t, h, alpha=0.75), inner)
        kick = g_s * increment + (g_t - g_s) * mean
        return sketch.moves(x + (h / 3) * (first + 2.0 * second) + kick)
