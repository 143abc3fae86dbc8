r"""Bridges from a known observation y = x0 to the data: ``x_t = α(t) y + β(t) x1 + γ(t) z``.

A noisy recording and its clean one, a blurred picture and its sharp one: the network is given y,
and at sampling time everything follows from one prediction (see ``sicore.predictions.convert``).
All are given in the time of their papers, ``τ = 1 − t``, in which the data are at τ = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import Interpolant
from sicore.interpolants.gammas import BrownianGamma
from sicore.interpolants.two_sided import TwoSidedLinear


@dataclass(frozen=True)
class OUVE(Interpolant):
    r"""``dx = θ (y − x) dτ + g dw``, ``g = σ_τ √(2L)``, ``σ_τ = σ_min e^{Lτ}``.

    ``L = log(σ_max/σ_min)``; an Ornstein–Uhlenbeck process towards y with exploding noise:
    ``β = e^{−θτ}``, ``α = 1 − β`` and ``γ² = σ_min² L/(θ + L) (e^{2Lτ} − e^{−2θτ})``.

    It does not reach y: at t = 0 the share ``β = e^{−θ}`` of the data is left, 0.223 for
    θ = 1.5. Sampling starts from ``y + γ z`` all the same, as the paper does, so that
    ``e^{−θ} (x1 − y)`` is missing from its start.

    Args:
        theta: how fast the mean goes from the data to y.
        sigma_min: σ_τ at the data end, in units of the state.
        sigma_max: σ_τ at the end of y; γ(0) is less, 0.389 for these values.

    Raises:
        InputError: unless ``theta > 0`` and ``0 < sigma_min < sigma_max``.

    Source: Richter et al., "Speech enhancement and dereverberation with diffusion-based generative
    models", 2023; Welker, Richter and Gerkmann, "Speech enhancement with score-based generative
    models in the complex STFT domain", 2022.
    """

    two_sided: ClassVar[bool] = True
    theta: float = 1.5
    sigma_min: float = 0.05
    sigma_max: float = 0.5

    def __post_init__(self) -> None:
        fits = 0 < self.theta < math.inf and 0 < self.sigma_min < self.sigma_max < math.inf
        if not fits:
            got = f"got {self.theta}, {self.sigma_min} and {self.sigma_max}"
            raise InputError(f"ouve: expected theta > 0 and 0 < sigma_min < sigma_max, {got}")

    @property
    def _log_ratio(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    @property
    def _scale(self) -> float:
        """``σ_min² L/(θ + L)``."""
        return self.sigma_min**2 * self._log_ratio / (self.theta + self._log_ratio)

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``1 − e^{−θτ}, e^{−θτ}, γ``; the first and the last are exactly 0 at t = 1."""
        decay = -self.theta * (1 - t)
        growth = torch.expm1(2 * (self.theta + self._log_ratio) * (1 - t))
        gamma = (self._scale * growth).sqrt() * torch.exp(decay)
        return -torch.expm1(decay), torch.exp(decay), gamma

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``−θβ, θβ, −σ_min² L/(θ + L) (L e^{2Lτ} + θ e^{−2θτ})``."""
        slope = self.theta * torch.exp(-self.theta * (1 - t))
        noise = self._log_ratio * torch.exp(2 * self._log_ratio * (1 - t))
        kept = self.theta * torch.exp(-2 * self.theta * (1 - t))
        return -slope, slope, -self._scale * (noise + kept)


@dataclass(frozen=True)
class SBVE(Interpolant):
    r"""The Schrödinger bridge between one y and one x1, of a diffusion that only adds noise.

    With the reference ``dx = √c k^τ dw``, so ``σ_τ² = c (k^{2τ} − 1)/(2 log k)``, it is the
    reference that starts in x1 and is pinned to y at τ = 1: ``α = σ_τ²/σ_1²``, ``β = 1 − α``,
    ``γ² = σ_1² α β``. It starts in y exactly.

    Args:
        k: how much more noise there is at y than at the data; below 1 it is less.
        c: the reference's g² at the data end.

    Raises:
        InputError: unless ``k > 0``, ``k != 1`` and ``c > 0``; k = 1 is ``brownian-bridge``.

    Source: Jukić et al., "Schrödinger bridge for generative speech enhancement", 2024, equation 11
    and table 1 (variance exploding).
    """

    two_sided: ClassVar[bool] = True
    k: float = 2.6
    c: float = 0.4

    def __post_init__(self) -> None:
        if not (0 < self.k < math.inf and self.k != 1 and 0 < self.c < math.inf):
            raise InputError(
                f"sb-ve: expected k > 0, k != 1 and c > 0, got {self.k} and {self.c}; "
                f"k = 1 is brownian-bridge with sigma = sqrt(c)"
            )

    @property
    def variance(self) -> float:
        """``σ_1² = c (k² − 1)/(2 log k)``, the reference's whole variance."""
        rate = 2 * math.log(self.k)
        return self.c * math.expm1(rate) / rate

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``σ_τ²/σ_1², (σ_1² − σ_τ²)/σ_1², √(σ_1² αβ)``, each exactly 0 at its end."""
        rate = 2 * math.log(self.k)
        whole = torch.expm1(rate * torch.ones_like(t))
        alpha = torch.expm1(rate * (1 - t)) / whole
        beta = torch.exp(rate * (1 - t)) * (torch.expm1(rate * t) / whole)
        return alpha, beta, (self.variance * alpha * beta).sqrt()

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``−g²/σ_1², g²/σ_1², (α − β) g²/2`` with ``g² = c k^{2τ}``."""
        alpha, beta, _ = self.coefficients(t)
        square = self.c * torch.exp(2 * math.log(self.k) * (1 - t))
        slope = square / self.variance
        return -slope, slope, (alpha - beta) * square / 2


@dataclass(frozen=True)
class ConditionalOT(Interpolant):
    r"""Straight lines from ``N(y, σ_max²)`` to the data: ``α = 1 − t, β = t, γ = σ_max (1 − t)``.

    Conditional optimal transport from a Gaussian around y rather than around 0: of all paths
    between the two Gaussians ``N(y, σ_max²)`` and ``N(x1, σ_min²)`` it is the one of least kinetic
    energy. It starts in ``y + σ_max z`` exactly. With y observed one prediction determines the
    others, as on every bridge.

    Args:
        sigma_max: the noise around y at t = 0, in units of the state.
        sigma_min: what is left of it at t = 1: ``γ = σ_max (1 − t) + σ_min t``.

    Raises:
        InputError: unless ``0 <= sigma_min < sigma_max``.

    Sources: Lee et al., "FlowSE: flow matching-based speech enhancement", 2025; Lipman et al.,
    "Flow matching for generative modeling", 2023, section 4.1.
    """

    two_sided: ClassVar[bool] = True
    sigma_max: float
    sigma_min: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma_min < self.sigma_max < math.inf:
            raise InputError(
                f"conditional-ot: expected 0 <= sigma_min < sigma_max, got {self.sigma_min} and "
                f"{self.sigma_max}"
            )

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``1 − t, t, σ_max (1 − t) + σ_min t``."""
        return 1 - t, t, self.sigma_max * (1 - t) + self.sigma_min * t

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``−1, 1, −(σ_max − σ_min) γ``."""
        one, gamma = torch.ones_like(t), self.coefficients(t)[2]
        return -one, one, (self.sigma_min - self.sigma_max) * gamma


def brownian_bridge(sigma: float = 1.0) -> TwoSidedLinear:
    """The bridge of ``dx = σ dw``: ``α = 1 − t, β = t, γ = σ √(t (1 − t))``.

    Args:
        sigma: the deviation that the Brownian motion has after time 1.

    Raises:
        InputError: unless ``sigma > 0``.
    """
    if not 0 < sigma < math.inf:
        raise InputError(f"brownian-bridge: expected sigma > 0, got {sigma}")
    return TwoSidedLinear(BrownianGamma(sigma**2))
