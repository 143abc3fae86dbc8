"""One-sided paths ``x_t = β(t) x1 + γ(t) z``: from Gaussian noise at t = 0 to data at t = 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import OneSided


@dataclass(frozen=True)
class Linear(OneSided):
    """``β = t, γ = 1 − t``: conditional optimal transport, the path of flow matching.

    Source: Lipman et al., "Flow matching for generative modeling", 2023, equation 20 (σ_min = 0).
    """

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, t, 1 − t``."""
        return torch.zeros_like(t), t, 1 - t

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 1, −(1 − t)``."""
        return torch.zeros_like(t), torch.ones_like(t), t - 1

    def time_at(self, sigma: Tensor) -> Tensor:
        """``t = 1 / (1 + σ)``."""
        return 1 / (1 + sigma)


@dataclass(frozen=True)
class Trigonometric(OneSided):
    """``β = sin(πt/2), γ = cos(πt/2)``: constant variance for standardised data.

    Source: Albergo, Boffi and Vanden-Eijnden 2023, equation 4.5, one-sided.
    """

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, sin(πt/2), sin(π(1 − t)/2)``; the last form is exactly 0 at t = 1."""
        return torch.zeros_like(t), torch.sin(math.pi / 2 * t), torch.sin(math.pi / 2 * (1 - t))

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, π/2 cos(πt/2), −π/2 sin(πt/2) cos(πt/2)``."""
        _, beta, gamma = self.coefficients(t)
        return torch.zeros_like(t), math.pi / 2 * gamma, -math.pi / 2 * beta * gamma

    def time_at(self, sigma: Tensor) -> Tensor:
        """``t = (2/π) arctan(1/σ)``."""
        return 2 / math.pi * torch.atan(1 / sigma)


@dataclass(frozen=True)
class VP(OneSided):
    """Variance preserving: ``β² = exp(−B(τ)), γ² = 1 − β²`` in the paper's time ``τ = 1 − t``.

    ``B(τ) = β_min τ + (β_max − β_min) τ² / 2``. γ̇ is infinite at t = 1, γγ̇ is not.

    Args:
        beta_min: the rate at the data end.
        beta_max: the rate at the noise end.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, equation 33.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.beta_min < self.beta_max:
            got = f"got {self.beta_min} and {self.beta_max}"
            raise InputError(f"vp: expected 0 < beta_min < beta_max, {got}")

    def _integral(self, tau: Tensor) -> Tensor:
        return self.beta_min * tau + (self.beta_max - self.beta_min) * tau**2 / 2

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, exp(−B/2), √(1 − exp(−B))``."""
        integral = self._integral(1 - t)
        return torch.zeros_like(t), torch.exp(-integral / 2), (-torch.expm1(-integral)).sqrt()

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, B′β/2, −B′β²/2``."""
        tau = 1 - t
        rate = self.beta_min + (self.beta_max - self.beta_min) * tau
        beta = torch.exp(-self._integral(tau) / 2)
        return torch.zeros_like(t), rate * beta / 2, -rate * beta**2 / 2

    def time_at(self, sigma: Tensor) -> Tensor:
        """The positive root of ``B(τ) = log(1 + σ²)``."""
        target = torch.log1p(sigma**2)
        slope = self.beta_max - self.beta_min
        root = (self.beta_min**2 + 2 * slope * target).sqrt()
        return 1 - 2 * target / (self.beta_min + root)


@dataclass(frozen=True)
class EDM(OneSided):
    """``x_t = x1 + σ(t) z`` with ``σ(t) = σ_max (1 − t)^ρ``.

    A uniform grid in t is the paper's grid of noise levels (its equation 5, with σ_min → 0).

    Args:
        sigma_max: the noise level at t = 0, in standard deviations of the data.
        rho: how strongly steps concentrate at low noise.

    Source: Karras et al., "Elucidating the design space of diffusion-based generative models",
    2022, table 1 and equation 5.
    """

    sigma_max: float = 80.0
    rho: float = 7.0

    def __post_init__(self) -> None:
        if not (self.sigma_max > 0 and self.rho >= 1):
            got = f"got {self.sigma_max} and {self.rho}"
            raise InputError(f"edm: expected sigma_max > 0 and rho >= 1, {got}")

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
