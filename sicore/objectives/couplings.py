"""Couplings: which source sample meets which data sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sicore.interpolants import Interpolant
from sicore.states import Noise, State

Source = Callable[[Noise, State], State]


class Coupling(Protocol):
    """A joint law of (x0, x1) with the right marginals."""

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise
    ) -> tuple[State | None, State]:
        """``(x0, x1)``; x0 is None on a one-sided path."""
        ...


@dataclass(frozen=True)
class Independent:
    """x0 independent of x1.

    Args:
        source: draws x0 for a two-sided path, given the streams and a batch of data for its
            shape; None draws standard normals.
    """

    source: Source | None = None

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise
    ) -> tuple[State | None, State]:
        """Draw the source."""
        if not interpolant.two_sided:
            return None, x1
        streams = noise.named("source")
        return (self.source or Noise.normal_like)(streams, x1), x1
