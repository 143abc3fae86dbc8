"""Time laws: how often training visits each time. All draw float64 times ``(B,)``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided
from sicore.states import Noise


class TimeLaw(Protocol):
    """A law of training times in (0, 1)."""

    def sample(self, noise: Noise, interpolant: Interpolant) -> Tensor:
        """One time for each sample of the noise."""
        ...


@dataclass(frozen=True)
class Uniform:
    """``t ~ U(0, 1)``."""

    def sample(self, noise: Noise, interpolant: Interpolant) -> Tensor:
        """Uniform times."""
        return noise.uniform()


@dataclass(frozen=True)
class LogitNormal:
    """``logit t ~ N(mean, std²)``: more work in the middle of the path.

    Source: Esser et al., "Scaling rectified flow transformers", 2024, equation 19.
    """

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if self.std <= 0:
            raise InputError(f"logit-normal: expected std > 0, got {self.std}")

    def sample(self, noise: Noise, interpolant: Interpolant) -> Tensor:
        """Logistic function of normals."""
        return torch.sigmoid(self.mean + self.std * noise.normal((), torch.float64))


@dataclass(frozen=True)
class EDMLogNormal:
    """``log σ ~ N(mean, std²)``, cut off at the path's largest noise level.

    Source: Karras et al. 2022, table 1.
    """

    mean: float = -1.2
    std: float = 1.2

    def __post_init__(self) -> None:
        if self.std <= 0:
            raise InputError(f"edm-log-normal: expected std > 0, got {self.std}")

    def sample(self, noise: Noise, interpolant: Interpolant) -> Tensor:
        """Times of noise levels drawn by the inverse distribution function."""
        if interpolant.two_sided:
            raise InputError("edm-log-normal: a two-sided path has no noise level")
        path = cast("OneSided", interpolant)
        largest = float(path.noise_level(torch.zeros((), dtype=torch.float64)))
        cut = (math.log(largest) - self.mean) / self.std if math.isfinite(largest) else math.inf
        below = 0.5 * (1 + math.erf(cut / math.sqrt(2)))
        normal = torch.special.ndtri(noise.uniform() * below)
        return path.time_at(torch.exp(self.mean + self.std * normal))
