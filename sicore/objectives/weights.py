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

from sicore.errors import InputError
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


@dataclass(frozen=True)
class MinSNRWeight:
    """``w = min(SNR, gamma)`` on denoisers, with ``SNR = (β/γ)²``.

    On a noise prediction it is ``min(SNR, gamma)/SNR``, on v with β² + γ² = 1
    ``min(SNR, gamma)/(SNR + 1)``, both as in the paper.

    Args:
        gamma: the bound; no relation to the path's γ.

    Source: Hang et al., "Efficient diffusion training via min-SNR weighting strategy", 2023,
    section 3.4.
    """

    gamma: float = 5.0

    def __post_init__(self) -> None:
        if self.gamma <= 0:
            raise InputError(f"min-snr: expected gamma > 0, got {self.gamma}")

    def __call__(self, p: Point, kind: Kind) -> Tensor:
        """The bounded ratio."""
        return ((p.beta / p.gamma) ** 2).clamp(max=self.gamma) / kind.gain(p) ** 2


@dataclass(frozen=True)
class LikelihoodWeight:
    """``w = ½ g² (β/γ²)²`` on denoisers, with ``½ g² = (β̇/β) γ² − γγ̇``.

    The loss is then ``½ g² ‖s_θ − s‖² / d`` up to terms that do not depend on the network. Its
    integral over t, times d, is the divergence in nats of the paths of the SDE that samples with
    ``sicore.dynamics.noising`` from those of the exact one, and so bounds ``KL(data ‖ model)`` up
    to the part that the starting law adds. On a velocity it is ``2/g²``. It grows without bound
    as γ → 0, where an importance law or a ``Perturbed`` path keeps the variance in hand.

    Source: Song, Durkan, Murray and Ermon, "Maximum likelihood training of score-based diffusion
    models", 2021, theorem 1.
    """

    def __call__(self, p: Point, kind: Kind) -> Tensor:
        """The weight in nats per unit of time.

        Raises:
            InputError: where it is not finite, at γ = 0 or β = 0.
        """
        rate = p.beta_dot / p.beta * p.gamma**2 - p.gamma_gamma_dot
        score = p.beta / p.gamma**2 / kind.gain(p)
        weight = rate * score**2
        if not bool(weight.isfinite().all()):
            t = float(p.t.expand(weight.shape)[~weight.isfinite()].flatten()[0])
            raise InputError(
                f"likelihood weight: it is not finite at t = {t:g}; use times inside (0, 1), or a "
                f"path whose noise does not vanish"
            )
        return weight
