"""Time laws: how often training visits each time. All draw float64 times ``(B,)``.

A law that learns is in ``importance``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided
from sicore.states import Noise

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # φ 2⁶⁴ modulo 2⁶⁴, as a signed 64-bit integer


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

    def state(self) -> dict[str, Tensor]:
        """What it has learned, for a checkpoint; most laws hold nothing."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the ``state`` of a law made with the same parameters."""
        return None


@dataclass(frozen=True)
class Uniform(TimeLaw):
    """``t ~ U(start, end)``; a model is then sampled between these times only.

    Args:
        start: the first time.
        end: the last time.

    Raises:
        InputError: unless ``0 <= start < end <= 1``.
    """

    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= 1:
            raise InputError(
                f"uniform: expected 0 <= start < end <= 1, got {self.start} and {self.end}"
            )

    def quantile(self, u: Tensor, interpolant: Interpolant) -> Tensor:
        """``t = start + (end − start) u``."""
        return self.start + (self.end - self.start) * u


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
    """``log σ ~ N(mean, std²)``, cut off at the path's largest and smallest noise levels.

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
        ends = interpolant.noise_level(torch.tensor([1.0, 0.0], dtype=torch.float64))
        low, high = torch.special.ndtr((ends.log() - self.mean) / self.std).tolist()
        normal = torch.special.ndtri(low + (1 - u) * (high - low))
        return interpolant.time_at(torch.exp(self.mean + self.std * normal))


@dataclass(frozen=True)
class WrappedLaw(TimeLaw):
    """Another law, of which a subclass changes something.

    Args:
        time_law: the law inside.
    """

    time_law: TimeLaw = Uniform()

    def quantile(self, u: Tensor, interpolant: Interpolant) -> Tensor:
        """That of the law inside."""
        return self.time_law.quantile(u, interpolant)

    def sample(self, noise: Noise, interpolant: Interpolant) -> Tensor:
        """That of the law inside."""
        return self.time_law.sample(noise, interpolant)

    def correction(self, t: Tensor) -> Tensor:
        """That of the law inside."""
        return self.time_law.correction(t)

    def observe(self, t: Tensor, loss: Tensor) -> None:
        """Passed on."""
        self.time_law.observe(t, loss)

    def state(self) -> dict[str, Tensor]:
        """That of the law inside."""
        return self.time_law.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Passed on."""
        self.time_law.load(state)


@dataclass(frozen=True)
class LowDiscrepancy(WrappedLaw):
    """Another law's quantiles at ``u_k = frac(u_0 + k φ)``, φ the golden ratio, k the sample.

    Any window of consecutive samples, such as a batch, covers (0, 1) almost evenly: its
    discrepancy falls as ``log B / B``, not as ``1/√B``, and with it the part of the loss
    estimate's error that comes from the times. Each u_k alone is uniform over seeds, through u_0.
    It is a function of (seed, k) in wrapping 64-bit integers, the same in any batch and process.

    Args:
        time_law: the law whose quantiles are taken.

    Sources: Weyl's sequence, as in Niederreiter 1992, section 3.1; for times, Kingma et al.,
    "Variational diffusion models", 2021, appendix I.1, with a grid for each batch.
    """

    def sample(self, noise: Noise, interpolant: Interpolant) -> Tensor:
        """The sequence at the noise's sample numbers."""
        start = replace(noise, index=torch.zeros_like(noise.index[:1])).uniform()
        offset = (start * 2.0**32).long() << 32
        places = (offset + noise.index * _GOLDEN >> 12) & (1 << 52) - 1
        return self.quantile((places.double() + 0.5) * 2.0**-52, interpolant)
