"""Diffusions that only add noise to the data, ``x_t = x1 + γ(t) z``: the noise level σ is γ."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import OneSided


@dataclass(frozen=True)
class VE(OneSided):
    """``γ = √(σ_τ² − σ_min²)`` with ``σ_τ = σ_min (σ_max/σ_min)^τ``, ``τ = 1 − t``.

    The exact transition of the paper's SDE from the data on, ``g = σ_τ √(2 log(σ_max/σ_min))``;
    γ̇ is infinite at t = 1, γγ̇ is not.

    Args:
        sigma_min: σ_τ at the data end, in standard deviations of the data.
        sigma_max: σ_τ at the noise end.

    Raises:
        InputError: unless ``0 < sigma_min < sigma_max``.

    Source: Song et al. 2021, equations 30 and 31.
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            got = f"got {self.sigma_min} and {self.sigma_max}"
            raise InputError(f"ve: expected 0 < sigma_min < sigma_max, {got}")

    @property
    def _log_ratio(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 1, σ_min √((σ_max/σ_min)^{2τ} − 1)``."""
        growth = torch.expm1(2 * self._log_ratio * (1 - t))
        return torch.zeros_like(t), torch.ones_like(t), self.sigma_min * growth.sqrt()

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 0, −σ_τ² log(σ_max/σ_min)``."""
        zero = torch.zeros_like(t)
        variance = self.sigma_min**2 * torch.exp(2 * self._log_ratio * (1 - t))
        return zero, zero, -self._log_ratio * variance

    def time_at(self, sigma: Tensor) -> Tensor:
        """``τ = log(1 + σ²/σ_min²) / (2 log(σ_max/σ_min))``."""
        return 1 - torch.log1p((sigma / self.sigma_min) ** 2) / (2 * self._log_ratio)


@dataclass(frozen=True)
class EDM(OneSided):
    """``x_t = x1 + σ(t) z`` with ``σ(t) = σ_max (1 − t)^ρ``.

    A uniform grid in t is the paper's grid of noise levels (its equation 5, with σ_min → 0).

    Args:
        sigma_max: the noise level at t = 0, in standard deviations of the data.
        rho: how strongly steps concentrate at low noise.

    Raises:
        InputError: unless ``sigma_max > 0`` and ``rho >= 1``.

    Source: Karras et al., "Elucidating the design space of diffusion-based generative models",
    2022, table 1 and equation 5.
    """

    sigma_max: float = 80.0
    rho: float = 7.0

    def __post_init__(self) -> None:
        if not (0 < self.sigma_max < math.inf and 1 <= self.rho < math.inf):
            name, got = type(self).__name__.lower(), f"got {self.sigma_max} and {self.rho}"
            raise InputError(f"{name}: expected sigma_max > 0 and rho >= 1, {got}")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 1, σ(t)``."""
        return torch.zeros_like(t), torch.ones_like(t), self.sigma_max * (1 - t) ** self.rho

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 0, −ρ σ_max² (1 − t)^(2ρ − 1)``."""
        zero = torch.zeros_like(t)
        product = -self.rho * self.sigma_max**2 * (1 - t) ** (2 * self.rho - 1)
        return zero, zero, product

    def time_at(self, sigma: Tensor) -> Tensor:
        """``t = 1 − (σ/σ_max)^(1/ρ)``."""
        return 1 - (sigma / self.sigma_max) ** (1 / self.rho)
