"""Covariances of Gaussian processes, as the law of the noise at any moments.

Source: Rasmussen and Williams, "Gaussian processes for machine learning", 2006, chapter 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sicore.errors import InputError, UnknownName

NUGGET = 1e-6
"""Added to the diagonal, relative to the variance: smooth kernels are singular to rounding."""

KERNELS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "rbf": lambda r: torch.exp(-(r**2) / 2),
    "matern12": lambda r: torch.exp(-r),
    "matern32": lambda r: (1 + 3**0.5 * r) * torch.exp(-(3**0.5) * r),
    "matern52": lambda r: (1 + 5**0.5 * r + 5 * r**2 / 3) * torch.exp(-(5**0.5) * r),
}
"""Correlation at the distance r, in units of the length scale."""


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
    if not length > 0:
        raise InputError(f"kernel '{name}': expected a length > 0, got {length}")
    at = times.double()
    return KERNELS[name]((at.unsqueeze(-1) - at.unsqueeze(-2)).abs() / length)


def factor_of(name: str, length: float, times: Tensor) -> Tensor:
    """L with ``L Lᵀ`` the covariance, float64 ``(..., T, T)``; arguments as `covariance_of`'s."""
    covariance = covariance_of(name, length, times)
    eye = torch.eye(times.shape[-1], dtype=torch.float64, device=times.device)
    return torch.linalg.cholesky(covariance + NUGGET * eye)
