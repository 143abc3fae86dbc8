"""Clocks: the variable in which an exponential solver takes a quantity to be a polynomial.

A network's output is smoother in one variable than in another, and the same formula with another
clock is another method: DPM-Solver++ reads log-SNR, DEIS time. A clock grows with t, and need not
be finite at the ends of a path; where it is not, a solver takes the quantity to be constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided


class Clock(Protocol):
    """A growing function of time on a path."""

    def read(self, path: Interpolant | None, t: Tensor) -> Tensor:
        """The clock at times t, float64, of the shape of t."""
        ...

    def time(self, path: Interpolant | None, c: Tensor) -> Tensor:
        """The time at which it reads c."""
        ...


@dataclass(frozen=True)
class TimeClock:
    """t itself."""

    def read(self, path: Interpolant | None, t: Tensor) -> Tensor:
        """T."""
        return t

    def time(self, path: Interpolant | None, c: Tensor) -> Tensor:
        """C."""
        return c


@dataclass(frozen=True)
class LogSNRClock:
    """``λ = log(β/γ)``, from −∞ at pure noise to ∞ at the data.

    Source: Lu et al., "DPM-Solver", 2022, section 3.
    """

    def read(self, path: Interpolant | None, t: Tensor) -> Tensor:
        """``−log σ``."""
        return -one_sided(path, "log-snr").noise_level(t).log()

    def time(self, path: Interpolant | None, c: Tensor) -> Tensor:
        """Where ``σ = e^{−c}``."""
        return one_sided(path, "log-snr").time_at(torch.exp(-c))


@dataclass(frozen=True)
class AngleClock:
    """``arctan(√v β/γ)``, from 0 at pure noise to π/2 at the data: finite at both ends.

    Args:
        variance: v, of the data; 1 for standardised states, and then it is the time of the
            trigonometric path, up to a factor.
    """

    variance: float = 1.0

    def read(self, path: Interpolant | None, t: Tensor) -> Tensor:
        """``arctan(√v/σ)``."""
        return torch.atan(self.variance**0.5 / one_sided(path, "angle").noise_level(t))

    def time(self, path: Interpolant | None, c: Tensor) -> Tensor:
        """Where ``σ = √v/tan c``."""
        return one_sided(path, "angle").time_at(self.variance**0.5 / torch.tan(c))


@dataclass(frozen=True)
class RatioClock:
    """``β/(β + γ/s)``, from 0 to 1 on every path; the time of the linear path for s = 1.

    It is finite at both ends, so that a polynomial reaches the data itself.

    Args:
        scale: s, the noise level at which it reads ½; of the order of the data's deviation.
    """

    scale: float = 1.0

    def read(self, path: Interpolant | None, t: Tensor) -> Tensor:
        """``1/(1 + σ/s)``."""
        return 1 / (1 + one_sided(path, "ratio").noise_level(t) / self.scale)

    def time(self, path: Interpolant | None, c: Tensor) -> Tensor:
        """Where ``σ = s (1 − c)/c``."""
        return one_sided(path, "ratio").time_at(self.scale * (1 - c) / c)


@dataclass(frozen=True)
class PowerClock:
    """``−σ^(1/ρ)``: 0 at the data, −∞ where the noise is pure.

    Args:
        rho: ρ; 1 is the noise level itself, as in the linear multistep method of EDM's users, 7 its
            grid's own variable.
    """

    rho: float = 7.0

    def read(self, path: Interpolant | None, t: Tensor) -> Tensor:
        """``−σ^(1/ρ)``."""
        return -(one_sided(path, "power").noise_level(t) ** (1 / self.rho))

    def time(self, path: Interpolant | None, c: Tensor) -> Tensor:
        """Where ``σ = (−c)^ρ``."""
        return one_sided(path, "power").time_at((-c) ** self.rho)


def one_sided(path: Interpolant | None, what: str) -> OneSided:
    """The path, if it has one noise level.

    Raises:
        InputError: if it starts from samples, or is a product of paths.
    """
    if not isinstance(path, OneSided):
        raise InputError(
            f"the clock '{what}' needs a path from noise with one noise level, and "
            f"{'there is none' if path is None else type(path).__name__ + ' is not one'}; use "
            f"the clock 'time'"
        )
    return path
