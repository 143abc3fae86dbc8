"""Time laws: how often training visits each time. All draw float64 times ``(B,)``."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided
from sicore.states import Noise


class TimeLaw(ABC):
    """A law of training times in (0, 1), given by its quantile function."""

    @abstractmethod
    def quantile(self, u: Tensor, interpolant: Interpolant) -> Tensor:
        """The times below which a share u of the draws lies; u in (0, 1), ``(B,)``."""

    def sample(self, noise: Noise, interpolant: Interpolant) -> Tensor:
        """One time for each sample of the noise."""
        return self.quantile(noise.uniform(), interpolant)

    def correction(self, t: Tensor) -> Tensor:
        """What the loss at t is multiplied by; ones where the law is meant to weight times."""
        return torch.ones_like(t)

    def observe(self, t: Tensor, loss: Tensor) -> None:
        """See the losses ``(B,)`` at times t, without gradient; most laws learn nothing."""
        return None


@dataclass(frozen=True)
class Uniform(TimeLaw):
    """``t ~ U(0, 1)``."""

    def quantile(self, u: Tensor, interpolant: Interpolant) -> Tensor:
        """``t = u``."""
        return u


@dataclass(frozen=True)
class LogitNormal(TimeLaw):
    """``logit t ~ N(mean, std²)``: more work in the middle of the path.

    Source: Esser et al., "Scaling rectified flow transformers", 2024, equation 19.
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if self.std <= 0:
            raise InputError(f"logit-normal: expected std > 0, got {self.std}")

    def quantile(self, u: Tensor, interpolant: Interpolant) -> Tensor:
        """The logistic function of normal quantiles."""
        return torch.sigmoid(self.mean + self.std * torch.special.ndtri(u))


@dataclass(frozen=True)
class EDMLogNormal(TimeLaw):
    """``log σ ~ N(mean, std²)``, cut off at the path's largest noise level.

    Source: Karras et al. 2022, table 1.
    """

    mean: float = -1.2
    std: float = 1.2

    def __post_init__(self) -> None:
        if self.std <= 0:
            raise InputError(f"edm-log-normal: expected std > 0, got {self.std}")

    def quantile(self, u: Tensor, interpolant: Interpolant) -> Tensor:
        """Times of the noise levels' quantiles, high levels first."""
        if not isinstance(interpolant, OneSided):
            name = type(interpolant).__name__
            raise InputError(f"edm-log-normal: needs a path with one noise level, not {name}")
        largest = float(interpolant.noise_level(torch.zeros((), dtype=torch.float64)))
        cut = (math.log(largest) - self.mean) / self.std if math.isfinite(largest) else math.inf
        below = 0.5 * (1 + math.erf(cut / math.sqrt(2)))
        normal = torch.special.ndtri((1 - u) * below)
        return interpolant.time_at(torch.exp(self.mean + self.std * normal))
