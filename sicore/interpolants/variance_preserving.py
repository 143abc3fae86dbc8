r"""Diffusions that shrink the data as they add noise, in the paper's time ``τ``.

On the variance-preserving ones ``β = √ᾱ`` and ``γ = √(1 − ᾱ)``, so that standardised data keep
their variance; the families differ in the schedule ``ᾱ(τ)``, the share of the signal.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import OneSided


class VariancePreserving(OneSided):
    """``β² + γ² = 1``; families give β and γ, each to its full relative precision."""

    @abstractmethod
    def signal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``β = √ᾱ`` and ``β̇``."""

    @abstractmethod
    def noise(self, t: Tensor) -> Tensor:
        """``γ = √(1 − ᾱ)``, exactly 0 at t = 1."""

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, √ᾱ, √(1 − ᾱ)``."""
        return torch.zeros_like(t), self.signal(t)[0], self.noise(t)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, β̇, −β β̇``."""
        beta, slope = self.signal(t)
        return torch.zeros_like(t), slope, -beta * slope


@dataclass(frozen=True)
class LinearRate:
    """The noise rate ``β_min + (β_max − β_min) τ`` and its integral ``B(τ)``, with ``τ = 1 − t``.

    Args:
        beta_min: the rate at the data end.
        beta_max: the rate at the noise end.

    Raises:
        InputError: unless ``0 < beta_min < beta_max``.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.beta_min < self.beta_max < math.inf:
            name, got = type(self).__name__.lower(), f"got {self.beta_min} and {self.beta_max}"
            raise InputError(f"{name}: expected 0 < beta_min < beta_max, {got}")

    def rate(self, tau: Tensor) -> Tensor:
        """``B′(τ)``."""
        return self.beta_min + (self.beta_max - self.beta_min) * tau

    def integral(self, tau: Tensor) -> Tensor:
        """``B(τ) = β_min τ + (β_max − β_min) τ²/2``."""
        return self.beta_min * tau + (self.beta_max - self.beta_min) * tau**2 / 2

    def time_of(self, integral: Tensor) -> Tensor:
        """``t = 1 − τ`` at the positive root of ``B(τ) = integral``."""
        slope = self.beta_max - self.beta_min
        root = (self.beta_min**2 + 2 * slope * integral).sqrt()
        return 1 - 2 * integral / (self.beta_min + root)


@dataclass(frozen=True)
class VP(LinearRate, VariancePreserving):
    """Variance preserving with the linear schedule: ``ᾱ = exp(−B(τ))``, ``τ = 1 − t``.

    ``B(τ) = β_min τ + (β_max − β_min) τ²/2``. γ̇ is infinite at t = 1, γγ̇ is not.

    Args:
        beta_min: the rate at the data end.
        beta_max: the rate at the noise end.

    Raises:
        InputError: unless ``0 < beta_min < beta_max``.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, equation 33.
    """

    def signal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``exp(−B/2)`` and ``B′β/2``."""
        beta = torch.exp(-self.integral(1 - t) / 2)
        return beta, self.rate(1 - t) * beta / 2

    def noise(self, t: Tensor) -> Tensor:
        """``√(1 − exp(−B))``."""
        return (-torch.expm1(-self.integral(1 - t))).sqrt()

    def time_at(self, sigma: Tensor) -> Tensor:
        """Where ``B = log(1 + σ²)``."""
        return self.time_of(torch.log1p(sigma**2))


@dataclass(frozen=True)
class SubVP(LinearRate, OneSided):
    """``β = exp(−B(τ)/2), γ = 1 − exp(−B(τ))``, ``τ = 1 − t``: less noise than on VP everywhere.

    ``B(τ) = β_min τ + (β_max − β_min) τ²/2``. Standardised data do not keep their variance
    on the way: ``β² + γ² = 1 − β² (1 − β²)``.

    Args:
        beta_min: the rate at the data end.
        beta_max: the rate at the noise end.

    Raises:
        InputError: unless ``0 < beta_min < beta_max``.

    Source: Song et al. 2021, section 3.4 and equation 29.
    """

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, exp(−B/2), 1 − exp(−B)``."""
        integral = self.integral(1 - t)
        return torch.zeros_like(t), torch.exp(-integral / 2), -torch.expm1(-integral)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, B′β/2, −B′β²γ``."""
        zero, beta, gamma = self.coefficients(t)
        rate = self.rate(1 - t)
        return zero, rate * beta / 2, -rate * beta**2 * gamma

    def time_at(self, sigma: Tensor) -> Tensor:
        """Where ``σ = 2 sinh(B/2)``."""
        return self.time_of(2 * torch.asinh(sigma / 2))


@dataclass(frozen=True)
class VPCosine(VariancePreserving):
    r"""Variance preserving with the cosine schedule, ``ᾱ(τ) = f(τ)/f(0)``, ``τ = 1 − t``.

    ``f(τ) = cos²((τ + s)/(1 + s) · π/2)``. With ``c = π/(2(1 + s))`` this is
    ``β = sin(ct)/sin(c)``, exactly 0 at t = 0 and 1 at t = 1.

    Args:
        s: the offset that keeps the first noise levels from being too small.

    Raises:
        InputError: unless ``s > 0``; for s = 0 the path is ``trigonometric``.

    Source: Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021,
    equation 17, without its clipping of β.
    """

    s: float = 0.008

    def __post_init__(self) -> None:
        if not 0 < self.s < math.inf:
            raise InputError(f"vp-cosine: expected s > 0, got {self.s}; s = 0 is trigonometric")

    @property
    def _angle(self) -> float:
        return math.pi / 2 / (1 + self.s)

    def signal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``sin(ct)/sin(c)`` and ``c cos(ct)/sin(c)``."""
        c, whole = self._angle, torch.sin(self._angle * torch.ones_like(t))
        return torch.sin(c * t) / whole, c * torch.cos(c * t) / whole

    def noise(self, t: Tensor) -> Tensor:
        """``√(sin(c(1 − t)) sin(c(1 + t)))/sin(c)``."""
        c = self._angle
        return (torch.sin(c * (1 - t)) * torch.sin(c * (1 + t))).sqrt() / math.sin(c)

    def time_at(self, sigma: Tensor) -> Tensor:
        """``tan(ct) = sin(c)/√(cos²(c) + σ²)``."""
        sine, cosine = (torch.full_like(sigma, f(self._angle)) for f in (math.sin, math.cos))
        angle = torch.atan2(sine, torch.hypot(cosine, sigma))
        return angle / torch.atan2(sine, cosine)


@dataclass(frozen=True)
class VPSigmoid(VariancePreserving):
    r"""Variance preserving with the sigmoid schedule, in the paper's time ``τ = 1 − t²``.

    ``ᾱ(τ) = (σ(b) − σ(a + (b − a) τ)) / (σ(b) − σ(a))`` with the logistic function σ,
    ``a = start/temperature`` and ``b = end/temperature``. ᾱ goes to zero linearly in τ, so in the
    paper's own clock β̇ is infinite at the noise; in this one it is finite, as all is. Times that
    are uniform in τ are ``t = √u`` of uniforms.

    Args:
        start: the argument of σ at the data end.
        end: the argument of σ at the noise end.
        temperature: divides both; small ones concentrate the noise in the middle.

    Raises:
        InputError: unless ``start < end`` and ``temperature > 0``, with
            ``(end − start)/temperature <= 500``.

    Source: Jabri, Fleet and Chen, "Scalable adaptive computation for iterative generation", 2023;
    Chen, "On the importance of noise scheduling for diffusion models", 2023, algorithm 1, without
    its clipping.
    """

    start: float = -3.0
    end: float = 3.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        width = (self.end - self.start) / self.temperature if self.temperature else math.nan
        if not (self.temperature > 0 and 0 < width <= 500):
            raise InputError(
                "vp-sigmoid: expected start < end and temperature > 0, with (end - start) / "
                f"temperature <= 500, got {self.start}, {self.end} and {self.temperature}"
            )

    @property
    def _ends(self) -> tuple[float, float, float]:
        """``a/2, b/2`` and ``h = (b − a)/2``."""
        a, b = self.start / self.temperature / 2, self.end / self.temperature / 2
        return a, b, b - a

    def signal(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``β = t √(k sinhc(h t²)/cosh(b/2 − h t²))``, ``k = h cosh(a/2)/sinh(h)``, and β̇.

        It is ᾱ by ``σ(x) − σ(y) = sinh((x − y)/2) / (2 cosh(x/2) cosh(y/2))``.
        """
        a, b, h = self._ends
        k = h * math.cosh(a) / math.sinh(h)
        z, cosh = h * t**2, torch.cosh(b - h * t**2)
        sinhc = torch.where(z == 0, 1.0, torch.sinh(z) / torch.where(z == 0, 1.0, z))
        root = (k * sinhc / cosh).sqrt()
        return t * root, k * math.cosh(b) / (cosh**2 * root)

    def noise(self, t: Tensor) -> Tensor:
        """``√(cosh(b/2) sinh(h (1 − t²))/(sinh(h) cosh(b/2 − h t²)))``."""
        _, b, h = self._ends
        share = torch.sinh(h * (1 - t) * (1 + t)) / math.sinh(h)
        return (share * math.cosh(b) / torch.cosh(b - h * t**2)).sqrt()

    def time_at(self, sigma: Tensor) -> Tensor:
        """``h t² = ½ log(1 + 2 sinh(h)/(q + e^{−h}))`` with ``q = σ² cosh(a/2)/cosh(b/2)``."""
        a, b, h = self._ends
        q = sigma**2 * (math.cosh(a) / math.cosh(b))
        whole = torch.log1p(2 * math.sinh(h) / torch.full_like(q, math.exp(-h)))
        return (torch.log1p(2 * math.sinh(h) / (q + math.exp(-h))) / whole).sqrt()
