"""Weights of the loss over time; each is float64, shaped as the coefficients of the path.

Weights from papers on diffusion are stated for the error of a denoiser. They act on other kinds
of prediction through ``Kind.gain``, which says how that error shows in the kind's own residual, so
that the weighted loss is the same whatever the network predicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.interpolants import Point
from sicore.predictions import Kind


class Weight(Protocol):
    """A positive function of time."""

    def __call__(self, p: Point, kind: Kind) -> Tensor:
        """The weight of a kind's squared residual at a point of the path."""
        ...


@dataclass(frozen=True)
class UniformWeight:
    """``w = 1`` on the prediction's own residual."""

    def __call__(self, p: Point, kind: Kind) -> Tensor:
        """Ones."""
        return torch.ones_like(p.beta)


@dataclass(frozen=True)
class SNRWeight:
    """``w = (β/γ)²`` on denoisers: that of noise prediction."""

    def __call__(self, p: Point, kind: Kind) -> Tensor:
        """The signal-to-noise ratio."""
        return (p.beta / p.gamma / kind.gain(p)) ** 2


@dataclass(frozen=True)
class EDMWeight:
    """``w = (σ² + σ_d²)/(σ σ_d)²`` at ``σ = γ/β`` on denoisers: unit weight on EDM's network.

    Source: Karras et al. 2022, table 1.
    """

    sigma_data: float = 1.0

    def __call__(self, p: Point, kind: Kind) -> Tensor:
        """The weight, finite at pure noise (β = 0)."""
        return (1 / self.sigma_data**2 + (p.beta / p.gamma) ** 2) / kind.gain(p) ** 2
