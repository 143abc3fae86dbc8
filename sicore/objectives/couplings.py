"""Couplings: which source sample, and which noise, meets which data sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.predictions import Condition
from sicore.states import Noise, State


class Source(Protocol):
    """A law of source states."""

    def __call__(self, noise: Noise, like: State) -> State:
        """One draw for each stream, of the structure, shape, dtype and device of ``like``."""
        ...


class Coupled(NamedTuple):
    """What a path is drawn from; x0 is None on a one-sided path."""

    x0: State | None
    x1: State
    z: State


class Coupling(ABC):
    """A joint law of (x0, x1, z) with the right marginals."""

    @property
    def observed(self) -> str | None:
        """The name of the condition that is x0 itself, where the network is given it."""
        return None

    def shown(self, condition: Condition) -> Condition:
        """What the network is given of the dataset's conditions."""
        return condition

    def source_states(self, noise: Noise, like: State) -> State:
        """Source states to sample from, one for each stream.

        Raises:
            InputError: if they can only come from the user.
        """
        raise InputError("this model starts from source states of the user: give x0")

    @abstractmethod
    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Pair a batch of data; x1 keeps its order, which is that of the conditions."""


@dataclass(frozen=True)
class Independent(Coupling):
    """x0, x1 and z independent.

    Args:
        source: draws x0 for a two-sided path; None draws standard normals.
    """

    source: Source | None = None

    def source_states(self, noise: Noise, like: State) -> State:
        """Those of the source."""
        return (self.source or Noise.normal_like)(noise, like)

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Draw source and noise."""
        z = interpolant.latent(noise.named("latent"), x1)
        if not interpolant.two_sided:
            return Coupled(None, x1, z)
        return Coupled(self.source_states(noise.named("source"), x1), x1, z)


@dataclass(frozen=True)
class Paired(Coupling):
    """x0 is a condition of the dataset: a noisy recording with its clean one, a past window.

    Args:
        key: the name of the condition that holds it.
        seen: whether the network is given it too. Then the path is one given x0, and at sampling
            time everything about it follows from one prediction.

    Raises:
        InputError: if the dataset has no such condition, or the path is one-sided.
    """

    key: str = "x0"
    seen: bool = True

    @property
    def observed(self) -> str | None:
        """The key, if the network is given it."""
        return self.key if self.seen else None

    def shown(self, condition: Condition) -> Condition:
        """All, or all but the key."""
        if self.seen:
            return condition
        return {k: v for k, v in (condition or {}).items() if k != self.key} or None

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Take x0 from the condition."""
        if not interpolant.two_sided:
            raise InputError(f"paired: {type(interpolant).__name__} starts from noise, not from x0")
        if condition is None or self.key not in condition:
            got = sorted(condition or {})
            raise InputError(f"paired: the dataset gives no condition '{self.key}', only {got}")
        z = interpolant.latent(noise.named("latent"), x1)
        return Coupled(cast("State", condition[self.key]), x1, z)
