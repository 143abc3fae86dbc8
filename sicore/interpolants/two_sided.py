"""Two-sided paths ``x_t = α(t) x0 + β(t) x1 + γ(t) z`` between samples of any two laws."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import Interpolant
from sicore.interpolants.gammas import BrownianGamma, Gamma, SineSquaredGamma, largest


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

    Args:
        gamma: the latent noise.

    Raises:
        InputError: unless γ < 1 inside (0, 1).

    Source: Albergo, Boffi and Vanden-Eijnden 2023, equation 4.5.
    """

    gamma: Gamma = field(default_factory=BrownianGamma)

    def __post_init__(self) -> None:
        if largest(self.gamma) >= 1:
            raise InputError(
                f"trigonometric-two-sided: expected γ < 1 inside (0, 1), but {self.gamma} is "
                f"{largest(self.gamma):g} at t = 1/2; use brownian with a < 4, or quadratic"
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


@dataclass(frozen=True)
class EncodingDecoding(TwoSided):
    """``α = cos²(πt)`` before t = 1/2, ``β = cos²(πt)`` after it, and zero otherwise.

    The first half carries the source to the Gaussian ``N(0, γ(1/2)²)``, the second that to the
    data: an encoder and a decoder, whose states at t = 1/2 know of neither side but by the flow.

    Args:
        gamma: the latent noise.

    Raises:
        InputError: if γ vanishes at t = 1/2, where it is all that is left.

    Source: Albergo, Boffi and Vanden-Eijnden 2023, section 4.2.
    """

    gamma: Gamma = field(default_factory=SineSquaredGamma)

    def __post_init__(self) -> None:
        _require_noise(self.gamma, "encoding-decoding")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``c(t), c(1 − t), γ`` with ``c(s) = cos²(πs)`` before 1/2 and 0 after."""
        return _fading(t)[0], _fading(1 - t)[0], self.gamma.value(t)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``ċ(t), −ċ(1 − t), γγ̇``."""
        return _fading(t)[1], -_fading(1 - t)[1], self.gamma.product(t)


@dataclass(frozen=True)
class Mirror(TwoSided):
    """``α = 0, β = 1``: from the data to themselves, ``x_t = x1 + γ(t) z``.

    The source has the law of the data: sampling starts from data, and an SDE makes other data of
    them. x0 is nothing but where sampling starts; no state before the end depends on it.

    Args:
        gamma: the latent noise.

    Raises:
        InputError: if γ vanishes at t = 1/2, and so everywhere.

    Source: Albergo, Boffi and Vanden-Eijnden 2023, section 3.3.
    """

    gamma: Gamma = field(default_factory=BrownianGamma)

    def __post_init__(self) -> None:
        _require_noise(self.gamma, "mirror")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 1, γ``."""
        return torch.zeros_like(t), torch.ones_like(t), self.gamma.value(t)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, 0, γγ̇``."""
        zero = torch.zeros_like(t)
        return zero, zero, self.gamma.product(t)


def _fading(s: Tensor) -> tuple[Tensor, Tensor]:
    """``cos²(πs)`` before s = 1/2 and 0 after, with its derivative ``−2π cos(πs) sin(πs)``.

    Written with ``cos(πs) = sin(π(1/2 − s))``, so that both are exactly 0 at 1/2.
    """
    cosine = torch.where(s < 0.5, torch.sin(math.pi * (0.5 - s)), 0.0)
    return cosine**2, -2 * math.pi * cosine * torch.sin(math.pi * s)


def _require_noise(gamma: Gamma, name: str) -> None:
    if not largest(gamma) > 0:
        raise InputError(
            f"{name}: expected γ > 0 inside (0, 1), but {gamma} is 0; use sine-squared, brownian "
            f"or quadratic"
        )
