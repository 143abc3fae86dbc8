r"""Reversible Heun: a step that can be taken back exactly, so that nothing need be remembered.

The state z travels with a second one, ẑ, at which the coefficients are evaluated. With
``μ̂ = μ(t, ẑ)``, ``σ̂ = σ(t)`` and a prime for the end of the step,

``ẑ' = 2z − ẑ + μ̂ Δt + σ̂ ΔW``,  ``z' = z + ½(μ̂ + μ̂') Δt + ½(σ̂ + σ̂') ΔW``.

By the half increments ``d = ½(μ̂ Δt + σ̂ ΔW)`` and ``d' = ½(μ̂' Δt + σ̂' ΔW)`` and the state y
between them, a step and the way back are

``y = z + d(ẑ)``,   ``ẑ' = 2y − ẑ``,  ``z' = y + d'(ẑ')``,
``y = z' − d'(ẑ')``,  ``ẑ = 2y − ẑ'``,  ``z = y − d(ẑ)``.

The value at ẑ' is that of the next step too, so each step costs one call, in both directions.

Source: Kidger, Foster, Li and Lyons, "Efficient and accurate gradients for neural SDEs", 2021,
algorithms 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.base import Carry, Step
from sicore.solvers.table import Form, Move, Sketch, TableSolver
from sicore.states import Noise, Scalar, State, add, combine, weighted_sum


class Halves(NamedTuple):
    """The weights of d and of d': of an observed x0, the noise, ẑ, and the parts of the value."""

    start: tuple[Scalar, ...]
    end: tuple[Scalar, ...]


def as_it_is(increment: State) -> State:
    """A half increment that is not changed."""
    return increment


Settle = Callable[[State], State]


@dataclass(frozen=True)
class ReversibleHeun(TableSolver):
    """Order 2 for ODEs; for SDEs with additive noise weak order 2, strong order 1; one call a step.

    The first step takes one call more. Every step looks at its end. The difference ẑ − z grows
    where the drift contracts, as with the leapfrog rule: for stiff problems, or for a few large
    steps, other solvers are better.

    Args:
        stochastic: whether it steps an SDE; the noise is additive, so that Itô and Stratonovich
            agree.
    """

    stochastic: bool = False
    order = 2
    evaluations = 1
    startup = 1
    memory = 1

    @property
    def strong_order(self) -> float:  # type: ignore[override]
        """1 for an SDE."""
        return float(self.stochastic)

    @property
    def draws(self) -> int:  # type: ignore[override]
        """One for an SDE."""
        return int(self.stochastic)

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The steps; the first one begins with ẑ = z, and the value there."""
        first = self._sketch(dynamics, times[:2])
        begun = self._moves(first, first.x, first.evaluate(first.t, first.x))
        rest = self._sketch(dynamics, times[1:])
        ahead, *values = rest.history
        return [*begun, *self._moves(rest, ahead, values)]

    def _sketch(self, dynamics: Dynamics, times: Tensor) -> Sketch:
        return Sketch(dynamics, times[:-1], times[1:], self.draws, history=1 + dynamics.parts)

    def _moves(self, sketch: Sketch, ahead: Form, values: Sequence[Form]) -> list[Move]:
        """The formula, from z, ẑ and the value there; the new ẑ and its value are kept."""
        between = sketch.x + self._half(sketch, sketch.t, ahead, values)
        reached = 2.0 * between - ahead
        found = sketch.evaluate(sketch.s, reached)
        return sketch.moves(
            between + self._half(sketch, sketch.s, reached, found), [reached, *found]
        )

    def _half(self, sketch: Sketch, time: Tensor, ahead: Form, values: Sequence[Form]) -> Form:
        """A half increment, d or d'."""
        dynamics, h = sketch.dynamics, sketch.h
        made = (h / 2) * sketch.apply(dynamics.split(time), ahead, values)
        for noise in sketch.noise:
            made = made + (dynamics.diffusion(time) * h.abs().sqrt() / 2) * noise
        return made

    def halves(self, dynamics: Dynamics, times: Tensor) -> list[Halves]:
        """The tables of ``forth`` and ``reverse``, which have ẑ and its value from the start."""
        sketch = self._sketch(dynamics, times)
        ahead, *values = sketch.history
        ends = [self._half(sketch, time, ahead, values) for time in (sketch.t, sketch.s)]
        start, end = ([move.final[1:] for move in sketch.moves(form)] for form in ends)
        return [Halves(*row) for row in zip(start, end, strict=True)]

    def forth(
        self,
        dynamics: Dynamics,
        step: Step,
        x: State,
        carry: Carry,
        noise: Noise,
        settle: Settle = as_it_is,
    ) -> tuple[State, Carry]:
        """A step by half increments, which ``reverse`` takes back.

        Args:
            dynamics: as in ``step``.
            step: the interval, with its `Halves`.
            x: the states at ``step.t``.
            carry: ẑ, and the parts of the value there.
            noise: the streams of the samples, at the draw of this step.
            settle: what is made of each half increment. If it rounds them so that sums of states
                are exact, the way back is exact too.
        """
        known, (ahead, *values) = self.registers(dynamics, step, x, noise)[1:], carry
        between = add(x, settle(_half(step.table.start, ahead, known, values)))
        reached = combine(2.0, between, -1.0, ahead)
        found = dynamics.evaluate(step.s, reached)
        return add(between, settle(_half(step.table.end, reached, known, found))), (reached, *found)

    def reverse(
        self,
        dynamics: Dynamics,
        step: Step,
        x: State,
        carry: Carry,
        noise: Noise,
        settle: Settle = as_it_is,
    ) -> tuple[State, Carry]:
        """The state and the carry before a step, from those after it, by one call.

        Args:
            dynamics: as in ``step``.
            step: the step that is undone, with its `Halves`.
            x: the states at ``step.s``.
            carry: what the step returned: ẑ, and the parts of the value there.
            noise: the streams that it was taken with.
            settle: as it was taken.
        """
        known, (reached, *found) = self.registers(dynamics, step, x, noise)[1:], carry
        between = combine(1.0, x, -1.0, settle(_half(step.table.end, reached, known, found)))
        ahead = combine(2.0, between, -1.0, reached)
        values = dynamics.evaluate(step.t, ahead)
        half = settle(_half(step.table.start, ahead, known, values))
        return combine(1.0, between, -1.0, half), (ahead, *values)


def _half(
    weights: Sequence[Scalar], ahead: State, known: Sequence[State], values: Sequence[State]
) -> State:
    return weighted_sum(weights, (*known, ahead, *values))
