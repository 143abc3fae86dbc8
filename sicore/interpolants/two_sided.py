"""Two-sided paths ``x_t = α(t) x0 + β(t) x1 + γ(t) z`` between samples of any two laws."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import Interpolant
from sicore.interpolants.gammas import BrownianGamma, Gamma


class TwoSided(Interpolant):
    """A path between two sample sets, with latent noise γ."""

    two_sided: ClassVar[bool] = True
    gamma: Gamma


@dataclass(frozen=True)
class TwoSidedLinear(TwoSided):
    """``α = 1 − t, β = t``.

    Source: Albergo, Boffi and Vanden-Eijnden 2023, equation 4.2.
    """

    gamma: Gamma = field(default_factory=BrownianGamma)

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``1 − t, t, γ``."""
        return 1 - t, t, self.gamma.value(t)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``−1, 1, γγ̇``."""
        one = torch.ones_like(t)
        return -one, one, self.gamma.product(t)


@dataclass(frozen=True)
class TwoSidedTrigonometric(TwoSided):
    """``α = √(1 − γ²) cos(πt/2), β = √(1 − γ²) sin(πt/2)``: constant variance.

    Source: Albergo, Boffi and Vanden-Eijnden 2023, equation 4.5. Needs γ < 1 inside (0, 1).
    """

    gamma: Gamma = field(default_factory=BrownianGamma)

    def __post_init__(self) -> None:
        largest = float(self.gamma.value(torch.tensor(0.5, dtype=torch.float64)))
        if largest >= 1:
            raise InputError(
                f"trigonometric-two-sided: expected γ < 1 inside (0, 1), but {self.gamma} is "
                f"{largest:g} at t = 1/2; use brownian with a < 4, or quadratic"
            )

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``√(1 − γ²) sin(π(1 − t)/2), √(1 − γ²) sin(πt/2), γ``."""
        gamma = self.gamma.value(t)
        radius = (1 - gamma**2).sqrt()
        cosine, sine = torch.sin(math.pi / 2 * (1 - t)), torch.sin(math.pi / 2 * t)
        return radius * cosine, radius * sine, gamma

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """By the product rule, with ``d√(1 − γ²)/dt = −γγ̇/√(1 − γ²)``."""
        product = self.gamma.product(t)
        radius = (1 - self.gamma.value(t) ** 2).sqrt()
        cosine, sine = torch.sin(math.pi / 2 * (1 - t)), torch.sin(math.pi / 2 * t)
        shrink, turn = -product / radius, math.pi / 2 * radius
        return shrink * cosine - turn * sine, shrink * sine + turn * cosine, product
