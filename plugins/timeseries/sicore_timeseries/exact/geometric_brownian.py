"""Geometric Brownian motion: ``dS = μ S dt + σ S dW``, so that ``log S`` has normal steps.

Source: Black and Scholes, "The pricing of options and corporate liabilities", Journal of Political
Economy 81 (1973).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.special import ndtr, ndtri

from sicore.errors import InputError
from sicore.states import Noise


@dataclass(frozen=True)
class GeometricBrownianMotion:
    """``S_t = S_0 exp((μ − σ²/2) t + σ W_t)``.

    Args:
        start: S_0 > 0.
        drift: μ.
        volatility: σ > 0.

    Raises:
        InputError: for a start or volatility that is not above 0.
    """

    start: float = 1.0
    drift: float = 0.0
    volatility: float = 0.2

    def __post_init__(self) -> None:
        if not (self.start > 0 and self.volatility > 0):
            raise InputError(
                f"geometric Brownian motion: expected a start and a volatility > 0, got "
                f"{self.start} and {self.volatility}"
            )

    def sample(self, noise: Noise, times: Tensor) -> Tensor:
        """Paths ``(n, T, 1)``, float64, at increasing moments ``(T,)`` from 0 on."""
        t = times.double()
        steps = t.diff(prepend=t.new_zeros(1))
        z = noise.named("brownian").normal((len(t),), torch.float64)
        logarithm = ((self.drift - self.volatility**2 / 2) * steps) + self.volatility * (
            steps.sqrt() * z
        )
        return (self.start * logarithm.cumsum(-1).exp()).unsqueeze(-1)

    def mean(self, t: Tensor) -> Tensor:
        """``S_0 e^{μt}``."""
        return self.start * (self.drift * t).exp()

    def variance(self, t: Tensor) -> Tensor:
        """``S_0² e^{2μt} (e^{σ²t} − 1)``."""
        return self.mean(t) ** 2 * torch.expm1(self.volatility**2 * t)

    def log_law(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of ``log S_t``."""
        mean = math.log(self.start) + (self.drift - self.volatility**2 / 2) * t
        return mean, self.volatility * t.sqrt()

    def quantile(self, t: Tensor, levels: Tensor) -> Tensor:
        """Quantiles of S_t at levels in (0, 1); the arguments broadcast."""
        mean, std = self.log_law(t)
        return (mean + std * ndtri(levels)).exp()

    def cdf(self, t: Tensor, x: Tensor) -> Tensor:
        """``P(S_t <= x)`` for t > 0 and x > 0; the arguments broadcast."""
        mean, std = self.log_law(t)
        return ndtr((x.log() - mean) / std)

    def call_price(self, t: Tensor, strike: Tensor) -> Tensor:
        """``e^{−μt} E[(S_t − K)⁺] = S_0 Φ(d + σ√t) − K e^{−μt} Φ(d)`` for t > 0, K > 0.

        ``d = (log(S_0/K) + (μ − σ²/2) t)/(σ√t)``; under the risk-neutral law μ is the interest.
        """
        mean, std = self.log_law(t)
        d = (mean - strike.log()) / std
        return self.start * ndtr(d + std) - strike * (-self.drift * t).exp() * ndtr(d)
