r"""Dormand and Prince's method with a step of its own for each sample.

A step is ``x' = x + h Σ_i b_i k_i``, of order 5, and ``h Σ_i e_i k_i`` with ``e = b − b̂`` is its
difference from a step of order 4 through the same slopes: the error. It is measured as the root
mean square of ``error/(atol + rtol max(|x|, |x'|))`` over all numbers of ONE sample, and a step is
accepted where that is at most 1. So no sample waits for another, or is changed by it.

The last slope of an accepted step is the first one of the next, and a rejected step keeps its
first: six calls for each attempt, after two that find the first step.

Sources: Dormand and Prince, "A family of embedded Runge–Kutta formulae", 1980; Hairer, Nørsett and
Wanner, "Solving ordinary differential equations I", 1993, sections II.4 and II.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.solvers.base import Solver
from sicore.solvers.controller import USUAL, PIController
from sicore.solvers.dense import Passage, beside
from sicore.solvers.lanes import Lanes
from sicore.solvers.runge_kutta import DORMAND_PRINCE
from sicore.solvers.solve import OK, Solution, status_of
from sicore.states import (
    Scalar,
    State,
    StateSpace,
    batch_size,
    leaves,
    part_of_space,
    size_per_sample,
    take,
    tree_map,
    weighted_sum,
)

STAGES = (*DORMAND_PRINCE.a[1:], DORMAND_PRINCE.b)  # the last slope is taken at x' itself
NODES = (*DORMAND_PRINCE.c[1:], 1.0)
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
ROWS = (*STAGES, ERROR)
BEGINNING, ATTEMPT = 2, 6  # evaluations
FIRST, SMALL = 1e-6, 1e-5  # a first step where there is nothing to go by; what counts as nothing


class Attempt(NamedTuple):
    """A step of each sample, before it is judged.

    Attributes:
        s: where it ends.
        x: the states there.
        slopes: all seven; the last one is at s and x.
        error: in units of what is tolerated, on the CPU; infinite where it is not a number.
    """

    s: Tensor
    x: State
    slopes: list[State]
    error: Tensor


@dataclass(frozen=True)
class DormandPrince(Solver):
    """Order 5 with an error of order 4, and steps that each sample chooses for itself.

    The grid of ``solve`` says where it starts, where it ends, and where the states are wanted with
    ``record``. It never looks beyond the end.

    Args:
        rtol: the error that is tolerated in each step, relative to the state.
        atol: the same, absolute.
        max_calls: the most network calls of a sample; one that needs more stops where it is, with
            the status ``OUT_OF_CALLS``.
        controller: chooses the steps.

    Raises:
        InputError: for tolerances that are negative or both 0, or too few calls for a single step.
    """

    rtol: float = 1e-5
    atol: float = 1e-5
    max_calls: int = 1000
    controller: PIController = USUAL
    order = 5
    evaluations = ATTEMPT
    adaptive = True

    def __post_init__(self) -> None:
        if not (self.rtol >= 0 and self.atol >= 0 and self.rtol + self.atol > 0):
            got = f"{self.rtol} and {self.atol}"
            raise InputError(f"dopri5: expected rtol and atol >= 0, not both 0, got {got}")
        if self.max_calls < BEGINNING + ATTEMPT:
            least = BEGINNING + ATTEMPT
            raise InputError(f"dopri5: expected max_calls >= {least}, got {self.max_calls}")

    def integrate(
        self,
        dynamics: Dynamics,
        x: State,
        times: Tensor,
        space: StateSpace | None = None,
        record: bool = False,
        width: int | None = None,
    ) -> Solution:
        """All samples from the first time to the last.

        At most ``width`` of them are in the network's batch. A sample that arrives leaves it, and
        one that waits takes its place.

        Args:
            dynamics: an ODE.
            x: the states at ``times[0]``.
            times: as in ``solve``.
            space: x is projected onto it at the end of every step.
            record: whether the states at all times are wanted; NaN where a sample stopped before.
            width: see above; by default all samples.
        """
        total, end = batch_size(x), float(times[-1])
        waiting = min(total, width or total)
        affordable = self.max_calls - ATTEMPT * dynamics.calls
        lanes = self._begin(dynamics, x, times, range(waiting))
        flow, left = dynamics.take(lanes.number), []
        passage = Passage(x, times, space) if record else None
        while len(lanes.number):
            over = lanes.over(end, affordable)
            if not bool(over.any()):
                here = part_of_space(space, lanes.number)
                attempt = self._attempt(flow, lanes, end, here)
                if passage is not None:
                    passage.note(lanes, attempt.s, attempt.x, attempt.slopes, attempt.error <= 1)
                lanes = self._judged(lanes, attempt, dynamics.calls)
                continue
            left.append(lanes.part(over.nonzero().squeeze(1)))
            lanes = lanes.part((~over).nonzero().squeeze(1))
            entering = range(waiting, min(total, waiting + int(over.sum())))
            if entering:
                lanes = lanes.joined(self._begin(dynamics, x, times, entering))
            waiting, flow = entering.stop, dynamics.take(lanes.number)
        for some in left:
            lanes = lanes.joined(some)
        ends = lanes.part(lanes.number.argsort())
        status = ends.status(end).to(next(iter(leaves(x).values())).device)
        return Solution(
            ends.x,
            times,
            int(ends.calls.max()) if total else 0,
            torch.where(status == OK, status_of(ends.x), status),
            calls=ends.calls,
            path=None if passage is None else passage.whole(),
        )

    def _begin(self, dynamics: Dynamics, x: State, times: Tensor, entering: range) -> Lanes:
        """Samples at the start, with the first step of Hairer, Nørsett and Wanner (II.4)."""
        number = torch.arange(entering.start, entering.stop)
        flow, x = dynamics.take(number), take(x, number)
        start, end = times[0], times[-1]
        t, way = start.expand(len(number)), (end - start).sign()
        slope = flow.drift(t, x)
        size, speed = self._norm(x, x, x), self._norm(slope, x, x)
        h = torch.where((size < SMALL) | (speed < SMALL), FIRST, 0.01 * size / speed)
        h = h.nan_to_num(0.0).minimum((end - start).abs())
        probe = torch.where(h == (end - start).abs(), end, t + way * h)
        other = flow.drift(probe, weighted_sum((1.0, way * h), (x, slope)))
        bend = self._norm(weighted_sum((1.0, -1.0), (other, slope)), x, x) / h
        most = speed.maximum(torch.where(bend.isfinite(), bend, 0.0))
        longest = torch.where(
            most < SMALL**3, (1e-3 * h).clamp(min=FIRST), (0.01 / most) ** (1 / self.order)
        )
        h = longest.minimum(100 * h).minimum((end - start).abs())
        broken = ~speed.isfinite()
        return Lanes(
            number,
            t,
            torch.where(broken, 0.0, way * h),
            torch.full_like(number, BEGINNING * dynamics.calls),
            torch.ones_like(t),
            torch.zeros_like(broken),
            broken,
            x,
            slope,
        )

    def _attempt(
        self, flow: Dynamics, lanes: Lanes, end: float, space: StateSpace | None
    ) -> Attempt:
        """One step of every sample, and its error: the only wait for the device."""
        s = lanes.next_time(end)
        h = s - lanes.t
        inner = [torch.add(lanes.t, h, alpha=c) for c in NODES[:-2]]
        times = torch.stack([*inner, s, s])
        drifts, weights = _drifts(flow, times, lanes.x), _weights(h, lanes.x)
        y, slopes = lanes.x, [lanes.slope]
        for time, row, drift in zip(times.unbind(), weights, drifts, strict=False):
            y = weighted_sum((1.0, *row), (lanes.x, *slopes))
            if space is not None and len(slopes) == len(STAGES):
                y = space.project(y)
            slopes.append(weighted_sum(drift, (y, *flow.evaluate(time, y), *flow.constants)))
        error = self._norm(weighted_sum(weights[-1], slopes), lanes.x, y)
        return Attempt(s, y, slopes, error.nan_to_num(torch.inf, torch.inf))

    def _judged(self, lanes: Lanes, attempt: Attempt, calls: int) -> Lanes:
        """Where every sample is after an attempt."""
        error, passed = attempt.error, attempt.error <= 1
        factor = self.controller.factor(error, lanes.error, lanes.rejected, self.order)
        return Lanes(
            lanes.number,
            attempt.s.where(passed, lanes.t),
            (attempt.s - lanes.t) * factor,
            lanes.calls + ATTEMPT * calls,
            error.where(passed, lanes.error),
            ~passed,
            error.isinf(),
            _chosen(passed, attempt.x, lanes.x),
            _chosen(passed, attempt.slopes[-1], lanes.slope),
        )

    @torch.no_grad()
    def _norm(self, v: State, x: State, y: State) -> Tensor:
        """The root mean square of ``v/(atol + rtol max(|x|, |y|))`` of each sample, on the CPU."""

        def squares(v: Tensor, x: Tensor, y: Tensor) -> Tensor:
            tolerated = self.atol + self.rtol * x.abs().maximum(y.abs())
            return (v / tolerated).square().reshape(len(v), -1).sum(1, dtype=torch.float64)

        total = sum(leaves(tree_map(squares, v, x, y)).values())
        return (cast("Tensor", total) / size_per_sample(x)).sqrt().cpu()


def _weights(h: Tensor, x: State) -> list[list[Scalar]]:
    """``h`` times each row of the tableau, and the row of the error, for each sample."""
    numbers = torch.tensor([c for row in ROWS for c in row], dtype=torch.float64)
    made = iter(beside(torch.outer(numbers, h), x).unbind())
    pairs = [[(c, next(made)) for c in row] for row in ROWS]
    return [[scaled if c else 0.0 for c, scaled in row] for row in pairs]


def _drifts(flow: Dynamics, times: Tensor, x: State) -> list[tuple[Scalar, ...]]:
    """How each drift is made of state, values and constants: at times ``(6, B)`` at once."""
    split = flow.split(times.flatten())
    parts = (split.of_state, *split.of_value, split.of_x0)[: 1 + flow.parts + len(flow.constants)]
    known = [_known(c) for c in parts]
    wide = torch.broadcast_tensors(*parts, times.flatten())[:-1]
    made = beside(torch.stack(wide), x).unflatten(-1, times.shape)
    by_stage = [part.unbind(-2) for part in made.unbind()]
    return [
        tuple(c[i] if n is None else n for c, n in zip(by_stage, known, strict=True))
        for i in range(len(times))
    ]


def _known(c: Tensor) -> float | None:
    """0 or 1, if it is that everywhere, which saves operations."""
    if c.requires_grad:
        return None
    first = float(c.flatten()[0])
    return first if first in (0.0, 1.0) and bool((c == first).all()) else None


def _chosen(passed: Tensor, new: State, old: State) -> State:
    """The new state of some samples, the old one of the others."""
    if bool(passed.all()):
        return new

    def leafwise(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(passed.to(a.device).reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    return cast("State", tree_map(leafwise, new, old))
