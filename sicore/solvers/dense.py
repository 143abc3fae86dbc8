r"""The states between the ends of a step of Dormand and Prince's method, at no further call.

With ``θ = (τ − t)/h``, slopes ``k_1 … k_7`` and the new state ``x'``,

``x(τ) = (1 − q) x + q x' + h (θ (1 − θ)² k_1 − θ² (1 − θ) k_7 + θ² (1 − θ)² Σ_j d_j k_j)``

with ``q = θ² (3 − 2θ)``: the cubic through both ends and their slopes, and a correction that makes
it of order 4 everywhere. Neighbouring steps share value and slope.

Source: Hairer, Nørsett and Wanner, "Solving ordinary differential equations I", 1993, section II.6;
d_j is that of their program DOPRI5.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import cast

import torch
from torch import Tensor

from sicore.solvers.lanes import Lanes
from sicore.states import (
    State,
    StateSpace,
    batch_size,
    concatenate,
    leaves,
    part_of_space,
    scale,
    take,
    tree_map,
    weighted_sum,
)

CORRECTION = (
    -12715105075 / 11282082432,
    0.0,
    87487479700 / 32700410799,
    -10690763975 / 1880347072,
    701980252875 / 199316789632,
    -1453857185 / 822651844,
    69997945 / 29380423,
)


def inside(theta: Tensor, h: Tensor, x: State, new: State, slopes: Sequence[State]) -> State:
    """The states at shares of their steps.

    Args:
        theta: θ in [0, 1], float64 ``(B,)`` on the CPU.
        h: the steps, signed, ``(B,)``.
        x: where they start, ``(B, ...)``.
        new: where they end.
        slopes: ``k_1 … k_7``, the last one at ``new``.
    """
    rest = 1 - theta
    q, bump = theta**2 * (3 - 2 * theta), h * theta**2 * rest**2
    of_slopes = [d * bump for d in CORRECTION]
    of_slopes[0] = of_slopes[0] + h * theta * rest**2
    of_slopes[-1] = of_slopes[-1] - h * theta**2 * rest
    numbers = beside(torch.stack([1 - q, q, *of_slopes]), x)
    used = [c if d else 0.0 for c, d in zip(numbers[2:].unbind(), CORRECTION, strict=True)]
    return weighted_sum((numbers[0], numbers[1], *used), (x, new, *slopes))


def beside(numbers: Tensor, x: State) -> Tensor:
    """Numbers on the device of a state and in its dtype, in one transfer."""
    found = list(leaves(x).values())
    return numbers.to(found[0].device, reduce(torch.promote_types, [leaf.dtype for leaf in found]))


class Passage:
    """The states of all samples at the times of a grid, noted as each sample passes them.

    Args:
        x: the states at the first time.
        times: the grid.
        space: if given, the states are projected onto it.
    """

    def __init__(self, x: State, times: Tensor, space: StateSpace | None = None) -> None:
        self._x, self._times, self._samples, self._space = x, times, batch_size(x), space
        self._places, self._states = [torch.arange(self._samples)], [x]

    def note(
        self, lanes: Lanes, s: Tensor, new: State, slopes: Sequence[State], passed: Tensor
    ) -> None:
        """A step of some samples, from where they are to s; only those that ``passed`` count."""
        way = (self._times[-1] - self._times[0]).sign()
        first, last = (
            torch.searchsorted(way * self._times, way * t, right=True) for t in (lanes.t, s)
        )
        count = torch.where(passed, last - first, 0)
        row = torch.arange(len(s)).repeat_interleave(count)
        if not len(row):
            return
        time = first[row] + torch.arange(len(row)) - (count.cumsum(0) - count)[row]
        h = (s - lanes.t)[row]
        theta = (self._times[time] - lanes.t[row]) / h
        parts = [take(state, row) for state in (lanes.x, new, *slopes)]
        self._places.append(time * self._samples + lanes.number[row])
        made = inside(theta, h, parts[0], parts[1], parts[2:])
        space = part_of_space(self._space, lanes.number[row])
        self._states.append(made if space is None else space.project(made))

    def whole(self) -> State:
        """The states at all times ``(N + 1, B, ...)``; NaN where a sample did not come."""
        places, shape = torch.cat(self._places), (len(self._times), self._samples)
        missing = torch.ones(len(self._times) * self._samples, dtype=torch.bool)
        missing[places] = False
        absent = missing.nonzero().squeeze(1)
        never = scale(torch.nan, take(self._x, absent % self._samples))
        order = torch.cat([places, absent]).argsort()
        flat = take(concatenate([*self._states, never]), order)
        return cast("State", tree_map(lambda leaf: leaf.unflatten(0, shape), flat))
