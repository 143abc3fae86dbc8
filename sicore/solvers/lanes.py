"""The samples that are in the network's batch, each with its own time and step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sicore.solvers.solve import NOT_FINITE, OK, OUT_OF_CALLS
from sicore.states import State, concatenate, take

SAME = 1.01  # a step that ends this close to the last time, in its own length, ends there


class Lanes(NamedTuple):
    """One row for each sample; numbers are on the CPU, the states where they came from.

    Attributes:
        number: which samples of the whole batch, int64 ``(B,)``.
        t: where each is, float64.
        h: its next step, signed.
        calls: how many network calls it took, int64.
        error: of its last accepted step, in units of what is tolerated.
        rejected: whether its last attempt was rejected.
        broken: whether its last attempt met a value that is not finite.
        x: the states.
        slope: the drift at t and x.
    """

    number: Tensor
    t: Tensor
    h: Tensor
    calls: Tensor
    error: Tensor
    rejected: Tensor
    broken: Tensor
    x: State
    slope: State

    def part(self, index: Tensor) -> Lanes:
        """Some of them."""
        return Lanes(*(take(field, index) for field in self))  # type: ignore[arg-type]

    def joined(self, other: Lanes) -> Lanes:
        """These and others."""
        pairs = zip(self, other, strict=True)
        return Lanes(*(concatenate(list(pair)) for pair in pairs))  # type: ignore[arg-type]

    def next_time(self, end: float) -> Tensor:
        """Where the next step ends: never beyond the end, and not just short of it."""
        last = (end - self.t).abs() <= SAME * self.h.abs()
        return torch.where(last, end, self.t + self.h)

    def over(self, end: float, affordable: int) -> Tensor:
        """Those that arrived, can pay no more calls, or whose step is too short to move them."""
        return (self.t == end) | (self.calls > affordable) | (self.t + self.h == self.t)

    def status(self, end: float) -> Tensor:
        """How each ends, as ``Solution.status``."""
        stopped = torch.where(self.broken, NOT_FINITE, OUT_OF_CALLS)
        return torch.where(self.t == end, OK, stopped)
