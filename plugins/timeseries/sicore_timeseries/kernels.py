"""Covariances of stationary processes as functions of the distance in time.

They are the laws of exact processes, and, by name, of the noise that paths start from.

Source: Rasmussen and Williams, "Gaussian processes for machine learning", 2006, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.errors import InputError, UnknownName

NUGGET = 1e-6
"""Added to the diagonal, relative to the variance: smooth kernels are singular to rounding."""


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


KERNELS: Mapping[str, Callable[[float], Kernel]] = {
    "matern12": OrnsteinUhlenbeck,
    "matern32": Matern32,
    "matern52": Matern52,
    "rbf": SquaredExponential,
}
"""Of variance 1, by name; called with the length."""


def covariance_of(name: str, length: float, times: Tensor) -> Tensor:
    """Correlations between moments, float64 ``(..., T, T)``.

    Args:
        name: of a kernel.
        length: its scale, in the units of the moments.
        times: moments ``(..., T)``.

    Raises:
        UnknownName, InputError: for another name, or a length that is not above 0.
    """
    if name not in KERNELS:
        raise UnknownName("kernel", name, KERNELS)
    at = times.double()
    return KERNELS[name](length)((at.unsqueeze(-1) - at.unsqueeze(-2)).abs())


def factor_of(name: str, length: float, times: Tensor) -> Tensor:
    """L with ``L Lᵀ`` the covariance, float64 ``(..., T, T)``; arguments as `covariance_of`'s."""
    covariance = covariance_of(name, length, times)
    eye = torch.eye(times.shape[-1], dtype=torch.float64, device=times.device)
    return torch.linalg.cholesky(covariance + NUGGET * eye)
