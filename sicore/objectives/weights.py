"""Weights of the loss over time; each is float64, shaped as t."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.interpolants import Point


class Weight(Protocol):
    """A positive function of time."""

    def __call__(self, p: Point) -> Tensor:
        """The weight at a point of the path."""
        ...


@dataclass(frozen=True)
class UniformWeight:
    """``w = 1``."""

    def __call__(self, p: Point) -> Tensor:
        """Ones."""
        return torch.ones_like(p.t)


@dataclass(frozen=True)
class SNRWeight:
    """``w = (β/γ)²``: a data prediction weighted as a noise prediction."""

    def __call__(self, p: Point) -> Tensor:
        """The signal-to-noise ratio."""
        return (p.beta / p.gamma) ** 2


@dataclass(frozen=True)
class EDMWeight:
    """``w = (σ² + σ_d²)/(σ σ_d)²`` at ``σ = γ/β``: unit weight on the preconditioned network.

    Source: Karras et al. 2022, table 1.
    """

    sigma_data: float = 1.0

    def __call__(self, p: Point) -> Tensor:
        """The weight, finite at pure noise (β = 0)."""
        return 1 / self.sigma_data**2 + (p.beta / p.gamma) ** 2
