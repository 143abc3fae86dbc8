"""The one-sided paths of flow matching ``x_t = β(t) x1 + γ(t) z``: from noise (t = 0) to data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import OneSided


@dataclass(frozen=True)
class Linear(OneSided):
    """``β = t, γ = 1 − (1 − σ_min) t``: conditional optimal transport, the path of flow matching.

    With ``σ_min > 0`` it ends in the data with a little noise, which sampling removes by the
    denoiser.

    Args:
        sigma_min: the noise that is left at t = 1, in units of the state.

    Raises:
        InputError: unless ``0 <= sigma_min < 1``.

    Source: Lipman et al., "Flow matching for generative modeling", 2023, equation 20.
    """

    sigma_min: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma_min < 1:
            raise InputError(f"linear: expected 0 <= sigma_min < 1, got {self.sigma_min}")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, t, 1 − (1 − σ_min) t``; the last is exactly σ_min at t = 1."""
        return torch.zeros_like(t), t, 1 - t + self.sigma_min * t

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 1, −(1 − σ_min) γ``."""
        zero, _, gamma = self.coefficients(t)
        return zero, torch.ones_like(t), (self.sigma_min - 1) * gamma

    def time_at(self, sigma: Tensor) -> Tensor:
        """``t = 1 / (1 + σ − σ_min)``.

        Raises:
            InputError: if a level lies below σ_min, where the path never goes.
        """
        if not bool((sigma >= self.sigma_min).all()):
            raise InputError(f"linear: noise levels end at {self.sigma_min}, got {sigma.min():g}")
        return 1 / (1 + (sigma - self.sigma_min))


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
