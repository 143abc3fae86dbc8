"""Gaussian mixtures: log-density, samples, moments, and the exact posterior of a measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise


@dataclass(frozen=True)
class GaussianMixture:
    """``Σ_k w_k N(m_k, C_k)`` in d dimensions.

    Args:
        weights: ``(K,)``, positive; normalised.
        means: ``(K, d)``.
        covariances: ``(K, d, d)``, symmetric, positive semi-definite.
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def __post_init__(self) -> None:
        k, d = self.means.shape
        if self.weights.shape != (k,) or self.covariances.shape != (k, d, d):
            shapes = [tuple(a.shape) for a in (self.weights, self.means, self.covariances)]
            raise InputError(f"mixture: expected shapes (K,), (K, d), (K, d, d), got {shapes}")
        object.__setattr__(self, "weights", self.weights / self.weights.sum())

    @property
    def dimension(self) -> int:
        """The dimension d."""
        return self.means.shape[1]

    @property
    def mean(self) -> Tensor:
        """``(d,)``."""
        return self.weights @ self.means

    @property
    def covariance(self) -> Tensor:
        """``(d, d)``."""
        centred = self.means - self.mean
        spread = torch.einsum("k,ki,kj->ij", self.weights, centred, centred)
        return torch.einsum("k,kij->ij", self.weights, self.covariances) + spread

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density in nats, ``(B, d) -> (B,)``."""
        return torch.logsumexp(self.weights.log() + self.component_log_prob(x), -1)

    def component_log_prob(self, x: Tensor) -> Tensor:
        """Log-density of each component, ``(B, d) -> (B, K)``."""
        factor = torch.linalg.cholesky(self.covariances)
        return gaussian_log_prob(x.unsqueeze(1) - self.means, factor)

    def sample(self, noise: Noise) -> Tensor:
        """One sample for each stream of the noise, ``(B, d)``."""
        streams = noise.named("mixture")
        edges = self.weights.cumsum(0)[:-1].contiguous()
        component = torch.searchsorted(edges, streams.uniform())
        z = streams.at(1).normal((self.dimension,), self.means.dtype)
        root = _root(self.covariances)[component]
        return self.means[component] + torch.einsum("bij,bj->bi", root, z)

    def posterior(self, matrix: Tensor, y: Tensor, noise_std: float) -> GaussianMixture:
        """The law of x given ``y = A x + noise_std · n``, again a mixture.

        Args:
            matrix: A, ``(m, d)``.
            y: the measurement, ``(m,)``.
            noise_std: standard deviation of n's scale; 0 is allowed if A C_k Aᵀ is regular.
        """
        cross = self.covariances @ matrix.T
        noise = noise_std**2 * torch.eye(len(y), dtype=y.dtype, device=y.device)
        factor = torch.linalg.cholesky(matrix @ cross + noise)
        residual = y - self.means @ matrix.T
        gain = torch.cholesky_solve(cross.mT, factor).mT
        means = self.means + torch.einsum("kdm,km->kd", gain, residual)
        covariances = self.covariances - gain @ cross.mT
        logits = self.weights.log() + gaussian_log_prob(residual, factor)
        return GaussianMixture(torch.softmax(logits, 0), means, (covariances + covariances.mT) / 2)


def gaussian_log_prob(residual: Tensor, factor: Tensor) -> Tensor:
    """Log-density of ``N(0, L Lᵀ)``: residual ``(..., d)``, factor ``(..., d, d)``."""
    whitened = torch.linalg.solve_triangular(factor, residual.unsqueeze(-1), upper=False)
    d = residual.shape[-1]
    log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -0.5 * whitened.squeeze(-1).square().sum(-1) - log_det - 0.5 * d * math.log(2 * math.pi)


def _root(covariances: Tensor) -> Tensor:
    """A square root that exists for singular covariances too."""
    values, vectors = torch.linalg.eigh(covariances)
    return vectors * values.clamp(min=0).sqrt().unsqueeze(-2)
