"""Time grids as objects: how a number of steps is laid over the path."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided
from sicore.solvers.clocks import AngleClock, Clock, RatioClock


class Grid(Protocol):
    """Lays ``steps`` steps from ``start`` to ``end``."""

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """``steps + 1`` times, float64 on the CPU, strictly monotone."""
        ...


@dataclass(frozen=True)
class UniformGrid:
    """Equal steps in t."""

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """``start + (end − start) i / steps``, with exact ends."""
        check_steps(steps)
        return torch.linspace(start, end, steps + 1, dtype=torch.float64)


@dataclass(frozen=True)
class NoiseLevelGrid:
    """Equal steps in ``σ^(1/ρ)`` between two noise levels, then one step to t = 1.

    Args:
        sigma_max: the first level; the path's own start if it is lower.
        sigma_min: the last level above zero.
        rho: how strongly steps concentrate at low noise.

    Source: Karras et al. 2022, equation 5.
    """

    sigma_max: float = 80.0
    sigma_min: float = 0.002
    rho: float = 7.0

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """Times of the levels, none above that at ``start``; forward to t = 1.

        Raises:
            InputError: on a two-sided path, which has no noise level, or for another end.
        """
        first = _first_level(interpolant, start, end, self.sigma_max)
        high, low = first ** (1 / self.rho), self.sigma_min ** (1 / self.rho)
        return _at_levels(torch.lerp(*_ends(high, low), _shares(steps)) ** self.rho, interpolant)


@dataclass(frozen=True)
class ClockGrid:
    """Equal steps on a clock that is finite at both ends (see ``sicore.solvers.clocks``).

    Args:
        clock: the variable.
    """

    clock: Clock

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """Times with exact ends, in either direction.

        Raises:
            InputError: on a path without one noise level, or where the clock is not finite.
        """
        check_steps(steps)
        ends = torch.tensor([start, end], dtype=torch.float64)
        low, high = self.clock.read(interpolant, ends)
        if not bool((low.isfinite() & high.isfinite()).all()):
            raise InputError(
                f"grid: {type(self.clock).__name__} is not finite from {start} to {end}"
            )
        shares = torch.linspace(0, 1, steps + 1, dtype=torch.float64)[1:-1]
        inner = self.clock.time(interpolant, torch.lerp(low, high, shares))
        return torch.cat((ends[:1], inner, ends[1:]))


def angle_grid(variance: float = 0.1) -> ClockGrid:
    """Equal steps in ``arctan(√v/σ)``: even in the rotation from noise to data of variance v.

    Data have structure that is finer than themselves, which is decided at lower noise; a v below
    their variance puts more steps there.

    Args:
        variance: v, in units of the state.

    Raises:
        InputError: unless v > 0.
    """
    _check_scale("angle grid: variance", variance)
    return ClockGrid(AngleClock(variance))


def cosine_grid() -> ClockGrid:
    """The angle grid for v = 1: the time of the cosine schedule, whatever the path.

    Source: Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021, section
    3.2.
    """
    return angle_grid(1.0)


def ratio_grid(scale: float = 1.0) -> ClockGrid:
    """Equal steps in ``1/(1 + σ/s)``: the time of the linear path for s = 1, whatever the path.

    Args:
        scale: s, in units of the state; smaller puts more steps at low noise.

    Raises:
        InputError: unless s > 0.
    """
    _check_scale("ratio grid: scale", scale)
    return ClockGrid(RatioClock(scale))


@dataclass(frozen=True)
class GivenGrid:
    """Times that are given.

    Args:
        given: float64 ``(N + 1,)``.
    """

    given: Tensor

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """As they are.

        Raises:
            InputError: unless they are ``steps + 1``.
        """
        if len(self.given) != steps + 1:
            raise InputError(f"grid: expected {steps + 1} times, got {len(self.given)}")
        return self.given


@dataclass(frozen=True)
class LogSNRGrid:
    """Equal steps in ``log(β/γ)`` between two noise levels, then one step to t = 1.

    Args:
        sigma_max: the first level; the path's own start if it is lower.
        sigma_min: the last level above zero.

    Raises:
        InputError: unless ``0 < sigma_min < sigma_max``.

    Source: Lu et al., "DPM-Solver", 2022, section 3.3 (uniform log-SNR).
    """

    sigma_max: float = 20.0
    sigma_min: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max:
            got = f"{self.sigma_min} and {self.sigma_max}"
            raise InputError(f"log-SNR grid: expected 0 < sigma_min < sigma_max, got {got}")

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """Times of the levels, none above that at ``start``; forward to t = 1.

        Raises:
            InputError: on a path without one noise level, or for another end.
        """
        first = _first_level(interpolant, start, end, self.sigma_max)
        ends = _ends(math.log(first), math.log(self.sigma_min))
        return _at_levels(torch.lerp(*ends, _shares(steps)).exp(), interpolant)


def _first_level(path: Interpolant, start: float, end: float, highest: float) -> float:
    if not isinstance(path, OneSided) or end != 1.0:
        raise InputError("noise-level grid: needs a path with one noise level and ends at t = 1")
    return min(float(path.noise_level(torch.tensor(start, dtype=torch.float64))), highest)


def _ends(high: float, low: float) -> tuple[Tensor, Tensor]:
    return torch.tensor(high, dtype=torch.float64), torch.tensor(low, dtype=torch.float64)


def _shares(steps: int) -> Tensor:
    """Where the levels of so many steps lie, the last of which goes to zero."""
    check_steps(steps)
    return torch.linspace(0, 1, steps, dtype=torch.float64)


def _at_levels(levels: Tensor, path: Interpolant) -> Tensor:
    times = cast("OneSided", path).time_at(levels)
    return torch.cat((times, torch.ones(1, dtype=torch.float64)))


def _check_scale(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"{name}: expected a number > 0, got {value}")


def check_steps(steps: int) -> None:
    """Raise unless the number of steps is a positive integer."""
    if steps < 1:
        raise InputError(f"steps: expected a whole number >= 1, got {steps}")
