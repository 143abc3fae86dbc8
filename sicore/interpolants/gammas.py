"""The latent noise γ(t) of a two-sided path, with γγ̇, which stays finite where γ̇ does not.

Source: Albergo, Boffi and Vanden-Eijnden 2023, table 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.errors import InputError


class Gamma(Protocol):
    """γ(t) with γ(0) = γ(1) = 0, symmetric about t = 1/2, where it is largest."""

    def value(self, t: Tensor) -> Tensor:
        """``γ(t)``."""
        ...

    def product(self, t: Tensor) -> Tensor:
        """``γ(t) γ̇(t)``."""
        ...


def largest(gamma: Gamma) -> float:
    """``γ(1/2)``."""
    return float(gamma.value(torch.tensor(0.5, dtype=torch.float64)))


@dataclass(frozen=True)
class NoGamma:
    """``γ = 0``: the deterministic interpolant of rectified flow."""

    def value(self, t: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros_like(t)

    def product(self, t: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros_like(t)


@dataclass(frozen=True)
class BrownianGamma:
    """``γ = √(a t (1 − t))``, the Brownian bridge; γ̇ is infinite at both ends.

    Args:
        a: the rate of the bridge's variance; ``γ(1/2) = √a/2``.

    Raises:
        InputError: unless ``a > 0``.
    """

    a: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.a < math.inf:
            raise InputError(f"brownian: expected a > 0, got {self.a}; without noise it is 'none'")

    def value(self, t: Tensor) -> Tensor:
        """``√(a t (1 − t))``."""
        return (self.a * t * (1 - t)).sqrt()

    def product(self, t: Tensor) -> Tensor:
        """``a (1 − 2t) / 2``."""
        return self.a * (1 - 2 * t) / 2


@dataclass(frozen=True)
class QuadraticGamma:
    """``γ = t (1 − t)``."""

    def value(self, t: Tensor) -> Tensor:
        """``t (1 − t)``."""
        return t * (1 - t)

    def product(self, t: Tensor) -> Tensor:
        """``t (1 − t) (1 − 2t)``."""
        return t * (1 - t) * (1 - 2 * t)


@dataclass(frozen=True)
class SineSquaredGamma:
    """``γ = sin²(πt)``."""

    def value(self, t: Tensor) -> Tensor:
        """``sin(πt) sin(π(1 − t))``: sin²(πt), in a form that is exactly 0 at t = 1."""
        return torch.sin(math.pi * t) * torch.sin(math.pi * (1 - t))

    def product(self, t: Tensor) -> Tensor:
        """``π sin²(πt) sin(2πt)``."""
        return math.pi * self.value(t) * torch.sin(2 * math.pi * t)
