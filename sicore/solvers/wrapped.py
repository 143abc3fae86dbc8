"""Dynamics around other dynamics."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.interpolants import Interpolant, Point, Time
from sicore.predictions import Combination, Row
from sicore.states import State


class Wrapped(Dynamics):
    """The same dynamics; a base for those that watch or change what is evaluated.

    Args:
        dynamics: the inner ones.
    """

    def __init__(self, dynamics: Dynamics) -> None:
        self.inner = dynamics
        self._calls = dynamics.calls
        self._parts = dynamics.parts

    @property
    def path(self) -> Interpolant | None:
        """That of the inner ones, as is all else."""
        return self.inner.path

    @property
    def interpolant(self) -> Interpolant:
        """The path, or the refusal of the inner dynamics."""
        return self.inner.interpolant

    @property
    def calls(self) -> int:
        """Network calls for each drift."""
        return self._calls

    @property
    def parts(self) -> int:
        """How many parts a value has."""
        return self._parts

    @property
    def direction(self) -> int:
        """The way they run."""
        return self.inner.direction

    @property
    def stochastic(self) -> bool:
        """Whether there is noise."""
        return self.inner.stochastic

    @property
    def additive(self) -> bool:
        """Whether the diffusion is a function of time alone."""
        return self.inner.additive

    @cached_property
    def constants(self) -> tuple[State, ...]:
        """States that take part as they are."""
        return self.inner.constants

    def drift(self, t: Time, x: State) -> State:
        """The drift."""
        return self.inner.drift(t, x)

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """The parts of the value."""
        return self.inner.evaluate(t, x)

    def transfer(self, t: Time, s: Time, x: State) -> State:
        """The jump that keeps the expectations."""
        return self.inner.transfer(t, s, x)

    def split(self, t: Tensor) -> Combination:
        """The coefficients of the drift."""
        return self.inner.split(t)

    def express(self, p: Point, wanted: Row, name: str) -> Combination:
        """A row by x and the values."""
        return self.inner.express(p, wanted, name)

    def diffusion(self, t: Tensor) -> Tensor:
        """The coefficient of dW."""
        return self.inner.diffusion(t)

    def diffusion_at(self, t: Time, x: State) -> State:
        """The coefficients of dW at a state."""
        return self.inner.diffusion_at(t, x)

    def diffusion_slope(self, t: Time, x: State) -> tuple[State, State]:
        """The coefficients of dW and their derivatives."""
        return self.inner.diffusion_slope(t, x)
