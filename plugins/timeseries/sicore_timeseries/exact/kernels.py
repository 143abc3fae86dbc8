"""Covariances of stationary processes as functions of the distance in time.

Source: Rasmussen and Williams, "Gaussian processes for machine learning", 2006, chapter 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sicore.errors import InputError


class Kernel(Protocol):
    """A covariance ``k(r)`` at distances ``r >= 0``, elementwise."""

    def __call__(self, r: Tensor) -> Tensor:
        """Of the shape of r."""
        ...


@dataclass(frozen=True)
class _Scaled:
    """A kernel with a variance and a length, both above 0."""

    length: float = 1.0
    variance: float = 1.0

    def __post_init__(self) -> None:
        if not (self.length > 0 and self.variance > 0):
            raise InputError(
                f"kernel: expected a length and a variance > 0, got {self.length}, {self.variance}"
            )


class OrnsteinUhlenbeck(_Scaled):
    """``v exp(−r/ℓ)``: the law of ``dX = −X/ℓ dt + √(2v/ℓ) dW``; paths are rough."""

    def __call__(self, r: Tensor) -> Tensor:
        """Of the shape of r."""
        return self.variance * (-r / self.length).exp()


class Matern32(_Scaled):
    """``v (1 + a) exp(−a)``, ``a = √3 r/ℓ``: paths have one derivative."""

    def __call__(self, r: Tensor) -> Tensor:
        """Of the shape of r."""
        a = math.sqrt(3) * r / self.length
        return self.variance * (1 + a) * (-a).exp()


class Matern52(_Scaled):
    """``v (1 + a + a²/3) exp(−a)``, ``a = √5 r/ℓ``: paths have two derivatives."""

    def __call__(self, r: Tensor) -> Tensor:
        """Of the shape of r."""
        a = math.sqrt(5) * r / self.length
        return self.variance * (1 + a + a**2 / 3) * (-a).exp()


class SquaredExponential(_Scaled):
    """``v exp(−r²/(2ℓ²))``: paths are smooth, and the covariance is nearly singular."""

    def __call__(self, r: Tensor) -> Tensor:
        """Of the shape of r."""
        return self.variance * (-((r / self.length) ** 2) / 2).exp()


@dataclass(frozen=True)
class Periodic(_Scaled):
    """``v exp(−2 sin²(π r/p)/ℓ²)``: paths repeat with the period p, of any form.

    Args:
        length: ℓ, in units of the period over π.
        variance: v.
        period: p.
    """

    period: float = 1.0

    def __call__(self, r: Tensor) -> Tensor:
        """Of the shape of r."""
        half = (math.pi * r / self.period).sin() / self.length
        return self.variance * (-2 * half**2).exp()
