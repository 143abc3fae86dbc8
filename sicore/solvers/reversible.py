r"""Reversible Heun: a step that can be taken back exactly, so that nothing need be remembered.

The state z travels with a second one, ẑ, at which the coefficients are evaluated. With
``μ̂ = μ(t, ẑ)``, ``σ̂ = σ(t)`` and a prime for the end of the step,

``ẑ' = 2z − ẑ + μ̂ Δt + σ̂ ΔW``,  ``z' = z + ½(μ̂ + μ̂') Δt + ½(σ̂ + σ̂') ΔW``.

Both are linear in z, so the step from the end to the start, with −Δt and −ΔW, has the same form
and undoes it: ``ẑ = 2z' − ẑ' − μ̂' Δt − σ̂' ΔW``. The value at ẑ' is that of the next step, so each
step costs one call.

Source: Kidger, Foster, Li and Lyons, "Efficient and accurate gradients for neural SDEs", 2021,
algorithms 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.base import Carry, Step
from sicore.solvers.table import Move, Sketch, TableSolver
from sicore.states import Noise, State, weighted_sum


class ThereAndBack(NamedTuple):
    """A step, and the one that undoes it."""

    there: Move
    back: Move


@dataclass(frozen=True)
class ReversibleHeun(TableSolver):
    """Order 2 for ODEs; for SDEs with additive noise strong order 1, weak order 2; one call a step.

    One more call comes before the first step. It looks at the end of each step. The difference
    ẑ − z grows where the drift contracts, as with the leapfrog rule: for stiff problems, or for a
    few large steps, other solvers are better.

    Args:
        stochastic: whether it steps an SDE; the noise is additive, so that Itô and Stratonovich
            agree.
    """

    stochastic: bool = False
    order = 2
    evaluations = 1
    startup = 1

    @property
    def draws(self) -> int:  # type: ignore[override]
        """One for an SDE."""
        return int(self.stochastic)

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[ThereAndBack]:
        """Every step, and its inverse."""
        t, s = times[:-1], times[1:]
        there, back = self._moves(dynamics, t, s, 1.0), self._moves(dynamics, s, t, -1.0)
        return [ThereAndBack(*pair) for pair in zip(there, back, strict=True)]

    def _moves(self, dynamics: Dynamics, t: Tensor, s: Tensor, sign: float) -> list[Move]:
        """From t to s; the sign is that of ΔW against the noise of the step."""
        sketch = Sketch(dynamics, t, s, self.draws, history=1 + dynamics.parts)
        z, h, (ahead, *values) = sketch.x, sketch.h, sketch.history
        here = sketch.apply(dynamics.split(t), ahead, values)
        kicks = [sign * h.abs().sqrt() * noise for noise in sketch.noise]
        reached = 2.0 * z - ahead + h * here
        for kick in kicks:
            reached = reached + dynamics.diffusion(t) * kick
        there = sketch.drift(s, reached)
        final = z + (h / 2) * (here + there)
        for kick in kicks:
            final = final + ((dynamics.diffusion(t) + dynamics.diffusion(s)) / 2) * kick
        return sketch.moves(final)

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """One call; the carry is ẑ and the parts of the value there."""
        pair = (x, *dynamics.evaluate(step.t, x)) if carry is None else carry
        return self._advance(dynamics, step, step.table.there, x, pair, noise)

    def reverse(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """The state and the carry before a step, from those after it, by one call.

        Args:
            dynamics: as in ``step``.
            step: the step that is undone.
            x: the states at ``step.s``.
            carry: what the step returned.
            noise: the streams that it was taken with.
        """
        return self._advance(dynamics, step, step.table.back, x, carry, noise)

    def _advance(
        self, dynamics: Dynamics, step: Step, move: Move, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        registers = [*self.registers(dynamics, step, x, noise), *carry]
        ((time, weights),) = move.stages
        reached = weighted_sum(weights, registers)
        values = dynamics.evaluate(time, reached)
        return weighted_sum(move.final, [*registers, *values]), (reached, *values)
