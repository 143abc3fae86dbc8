"""Vector autoregression of order 1: ``x_{t+1} = A x_t + w``, ``w ~ N(0, Q)``.

Source: Lütkepohl, "New introduction to multiple time series analysis", 2005, chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import scipy.linalg
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.exact.gaussian_law import GaussianLaw


@dataclass(frozen=True)
class VectorAutoregression:
    """The stationary process.

    Args:
        matrix: A, float64 ``(C, C)``, with all eigenvalues inside the unit circle.
        covariance: Q, ``(C, C)``, symmetric, positive semi-definite.

    Raises:
        InputError: for shapes that do not fit, or an A without a stationary law.
    """

    matrix: Tensor
    covariance: Tensor

    def __post_init__(self) -> None:
        c = len(self.matrix)
        if self.matrix.shape != (c, c) or self.covariance.shape != (c, c):
            shapes = tuple(self.matrix.shape), tuple(self.covariance.shape)
            raise InputError(f"autoregression: expected A and Q of shape (C, C), got {shapes}")
        radius = float(torch.linalg.eigvals(self.matrix).abs().max())
        if not radius < 1:
            raise InputError(
                f"autoregression: expected eigenvalues of A below 1 in modulus, got {radius:g}"
            )

    @classmethod
    def scalar(cls, coefficient: float, std: float) -> Self:
        """AR(1): ``x_{t+1} = a x_t + std · ξ``."""
        a, q = (torch.tensor([[v]], dtype=torch.float64) for v in (coefficient, std**2))
        return cls(a, q)

    @property
    def stationary(self) -> Tensor:
        """``Σ = A Σ Aᵀ + Q``, ``(C, C)``."""
        solved = scipy.linalg.solve_discrete_lyapunov(self.matrix.numpy(), self.covariance.numpy())
        return torch.from_numpy(solved)

    def autocovariance(self, lag: int) -> Tensor:
        """``E[x_{t+k} x_tᵀ] = A^k Σ`` for ``k >= 0``, ``(C, C)``."""
        return torch.linalg.matrix_power(self.matrix, lag) @ self.stationary

    def law(self, length: int) -> GaussianLaw:
        """The law of windows of T rows."""
        c = len(self.matrix)
        lags = [self.autocovariance(k) for k in range(length)]
        blocks = [
            torch.cat([lags[s - t] if s >= t else lags[t - s].mT for t in range(length)], 1)
            for s in range(length)
        ]
        return GaussianLaw(torch.zeros(length, c, dtype=torch.float64), torch.cat(blocks))

    def forecast(self, last: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """Means ``A^h x`` ``(B, H, C)`` and covariances ``Σ_{j<h} A^j Q A^jᵀ`` ``(H, C, C)``.

        Args:
            last: the present ``(B, C)``.
            horizon: H; h is 1 to H.
        """
        mean, covariance = last, torch.zeros_like(self.covariance)
        means, covariances = [], []
        for _ in range(horizon):
            mean = mean @ self.matrix.mT
            covariance = self.matrix @ covariance @ self.matrix.mT + self.covariance
            means.append(mean)
            covariances.append(covariance)
        return torch.stack(means, 1), torch.stack(covariances)

    def sample(self, noise: Noise, length: int) -> Tensor:
        """Windows ``(n, T, C)``, float64, step by step from the stationary law."""
        c = len(self.matrix)
        z = noise.named("autoregression").normal((length, c), torch.float64)
        first, root = (_root(m) for m in (self.stationary, self.covariance))
        x = z[:, 0] @ first.mT
        rows = [x]
        for t in range(1, length):
            x = x @ self.matrix.mT + z[:, t] @ root.mT
            rows.append(x)
        return torch.stack(rows, 1)


def _root(covariance: Tensor) -> Tensor:
    """``R`` with ``R Rᵀ`` the covariance, which may be singular."""
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=0).sqrt()  # below 0 by rounding only
