"""Solvers for SDEs with additive noise ``dX = f(t, X) dt + g(t) dW``, by sums of states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.table import Move, Sketch, TableSolver


@dataclass(frozen=True)
class EulerMaruyama(TableSolver):
    """``x_s = x_t + h f(t, x_t) + g(t) ΔW``: weak order 1, strong order 1, one call a step.

    Source: Kloeden and Platen, "Numerical solution of SDEs", 1992, section 10.2.
    """

    order = 1
    evaluations = 1
    stochastic = True
    draws = 1

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The step, forward or backward."""
        sketch = Sketch(dynamics, times[:-1], times[1:], self.draws)
        kick = (dynamics.diffusion(sketch.t) * sketch.h.abs().sqrt()) * sketch.noise[0]
        return sketch.moves(sketch.x + sketch.h * sketch.drift(sketch.t, sketch.x) + kick)


@dataclass(frozen=True)
class StochasticHeun(TableSolver):
    """Heun's method with one Brownian increment: weak order 2, two calls a step.

    ``x̂ = x + h f(t, x) + g(t) ΔW``, ``x_s = x + h (f(t, x) + f(s, x̂))/2 + (g(t) + g(s))/2 ΔW``.
    Looks at the end of each step, so ε(t) must leave the drift finite there.

    Source: Kloeden and Platen 1992, section 15.1, for additive noise.
    """

    order = 2
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
