r"""The Schrödinger bridge between two Gaussians, in closed form.

Of all processes ``dX = b dt + √(2ε) dW`` from N(m0, C0) at t = 0 to N(m1, C1) at t = 1 it is the
one of least kinetic energy ``∫E‖b‖² dt``, and the nearest to Brownian motion of the same
volatility, ``σ² = 2ε``: ``KL = ∫E‖b‖² dt / (2σ²)``. Its ends are jointly Gaussian, with covariance

    ``C = E[(x0 − m0)(x1 − m1)ᵀ] = 2 R (D + σ²)⁻¹ R C1,   R = C0^{1/2},
    D = (4 R C1 R + σ⁴)^{1/2}``,

which is ``(R D R⁻¹ − σ²)/2`` in a form that needs no inverse of C0; between them it is a Brownian
bridge, ``x_t = (1 − t) x0 + t x1 + σ √(t(1 − t)) z``.

Source: Bunne, Hsieh, Cuturi and Krause, "The Schrödinger bridge between Gaussian measures has a
closed form", 2023, for Brownian motion; the energy follows from the divergence of the two ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.exact.mixture import GaussianMixture


@dataclass(frozen=True)
class GaussianBridge:
    """The bridge and all about it; everything in the dtype and on the device of the means.

    Args:
        mean0: ``(d,)``, of the source.
        covariance0: ``(d, d)``, symmetric and positive definite, of the source.
        mean1: ``(d,)``, of the data.
        covariance1: ``(d, d)``, of the data; the two covariances need not commute.
        epsilon: ε > 0, half the squared volatility.

    Raises:
        InputError: if shapes do not fit, or ε is not positive.
    """

    mean0: Tensor
    covariance0: Tensor
    mean1: Tensor
    covariance1: Tensor
    epsilon: float

    def __post_init__(self) -> None:
        (d,) = self.mean0.shape
        if self.mean1.shape != (d,) or not (
            self.covariance0.shape == self.covariance1.shape == (d, d)
        ):
            parts = (self.mean0, self.covariance0, self.mean1, self.covariance1)
            shapes = [tuple(part.shape) for part in parts]
            raise InputError(f"bridge: expected shapes (d,), (d, d), (d,), (d, d), got {shapes}")
        if not self.epsilon > 0:
            raise InputError(f"bridge: expected epsilon > 0, got {self.epsilon}")

    @property
    def cross_covariance(self) -> Tensor:
        """``C``, of x0 and x1."""
        spread, turned = self._spread()
        return 2 * turned.T @ (turned / spread[:, None]) @ self.covariance1

    def mean(self, t: float) -> Tensor:
        """``(1 − t) m0 + t m1``."""
        return (1 - t) * self.mean0 + t * self.mean1

    def covariance(self, t: float) -> Tensor:
        """``(1 − t)² C0 + t² C1 + t(1 − t)(C + Cᵀ + 2ε)``."""
        cross = self.cross_covariance
        between = cross + cross.T + 2 * self.epsilon * torch.eye(len(self.mean0)).to(cross)
        return (1 - t) ** 2 * self.covariance0 + t**2 * self.covariance1 + t * (1 - t) * between

    def marginal(self, t: float) -> GaussianMixture:
        """The law of ``x_t``, as a mixture of one component."""
        one = torch.ones(1, dtype=self.mean0.dtype, device=self.mean0.device)
        return GaussianMixture(one, self.mean(t)[None], self.covariance(t)[None])

    def gain(self, t: float) -> Tensor:
        """``A = S C_t⁻¹`` of the drift, ``(d, d)``, symmetric.

        ``S = (t C1 + (1 − t) Cᵀ) − ((1 − t) C0 + t C) − 2εt`` is the covariance of
        ``(x1 − x_t)/(1 − t)``, the drift of a Brownian bridge, with ``x_t``.
        """
        cross = self.cross_covariance
        forward = t * self.covariance1 + (1 - t) * cross.T
        back = (1 - t) * self.covariance0 + t * cross
        noise = 2 * self.epsilon * t * torch.eye(len(self.mean0)).to(cross)
        return torch.linalg.solve(self.covariance(t), (forward - back - noise).T).T

    def drift(self, t: float, x: Tensor) -> Tensor:
        """``b(t, x) = m1 − m0 + A (x − m_t)``, ``(B, d) -> (B, d)``."""
        return self.mean1 - self.mean0 + (x - self.mean(t)) @ self.gain(t).T

    @property
    def energy(self) -> float:
        """``∫E‖b‖² dt``; falls to the squared Wasserstein distance as ε → 0."""
        d, square = len(self.mean0), 2 * self.epsilon
        spread, _ = self._spread()
        total = self.covariance0 + self.covariance1 - 2 * self.cross_covariance
        moved = (self.mean1 - self.mean0).square().sum() + total.trace()
        entropy = spread.log().sum() - d * math.log(2) - torch.linalg.slogdet(self.covariance1)[1]
        return float(moved + square * (entropy - d))

    def _spread(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues of ``D + σ²`` and, with its eigenvectors U as columns, ``Uᵀ R``."""
        values, vectors = torch.linalg.eigh(self.covariance0)
        root = vectors * values.sqrt() @ vectors.T
        squares, basis = torch.linalg.eigh(root @ self.covariance1 @ root)
        return (4 * squares + 4 * self.epsilon**2).sqrt() + 2 * self.epsilon, basis.T @ root
