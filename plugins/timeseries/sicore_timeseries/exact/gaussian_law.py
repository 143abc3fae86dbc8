r"""The Gaussian law of a window: samples, densities, and exact conditioning on some entries.

With s the entries that are seen, h those that are hidden, and ``K⁺`` the pseudo-inverse,

``E[x_h | x_s] = m_h + K_hs K_ss⁺ (x_s − m_s)``,  ``Cov[x_h | x_s] = K_hh − K_hs K_ss⁺ K_sh``.

Source: Rasmussen and Williams, "Gaussian processes for machine learning", 2006, eq. A.6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise

RANK = 1e-12  # eigenvalues below this share of the largest are rounding


@dataclass(frozen=True)
class GaussianLaw:
    """``N(m, K)`` of windows ``(T, C)``.

    Args:
        mean: m, float64 ``(T, C)``.
        covariance: K, ``(T C, T C)``, symmetric, positive semi-definite; entry ``t C + c`` is
            channel c at moment t.

    Raises:
        InputError: for a covariance of another shape.
    """

    mean: Tensor
    covariance: Tensor

    def __post_init__(self) -> None:
        size = self.mean.numel()
        if self.mean.ndim != 2 or self.covariance.shape != (size, size):
            raise InputError(
                f"Gaussian law: expected a mean (T, C) and a covariance (T C, T C), got "
                f"{tuple(self.mean.shape)} and {tuple(self.covariance.shape)}"
            )

    def sample(self, noise: Noise) -> Tensor:
        """One window for each stream of the noise, ``(n, T, C)``."""
        values, vectors = torch.linalg.eigh(self.covariance)
        root = vectors * values.clamp(min=0).sqrt()  # below 0 by rounding only
        z = noise.named("gaussian").normal((self.mean.numel(),), torch.float64)
        return self.mean + (z @ root.mT).reshape(-1, *self.mean.shape)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of the entries that are there (not NaN), in nats, ``(B, T, C) -> (B,)``.

        The covariance of these entries must be regular.
        """
        found = x.new_zeros(len(x))
        residual = (x - self.mean).flatten(1)
        for rows, seen in self._patterns(x):
            factor = torch.linalg.cholesky(self.covariance[seen][:, seen])
            white = torch.linalg.solve_triangular(factor, residual[rows][:, seen].mT, upper=False)
            log_det = 2 * factor.diagonal().log().sum() + int(seen.sum()) * math.log(2 * math.pi)
            found[rows] = -0.5 * (white.square().sum(0) + log_det)
        return found

    def conditional(self, observed: Tensor) -> tuple[Tensor, Tensor]:
        """Means ``(B, T, C)`` and covariances ``(B, T C, T C)`` given what was observed.

        Args:
            observed: ``(B, T, C)``, NaN where hidden. Observed entries keep their values, with
                covariance 0.
        """
        means = observed.clone()
        covariances = observed.new_zeros(len(observed), *self.covariance.shape)
        for rows, seen in self._patterns(observed):
            gain, hidden = self._gain(seen), ~seen
            residual = (observed[rows] - self.mean).flatten(1)[:, seen]
            filled = observed[rows].flatten(1)
            filled[:, hidden] = self.mean.flatten()[hidden] + residual @ gain.mT
            means[rows] = filled.reshape(-1, *self.mean.shape)
            left = self.covariance[hidden][:, hidden] - gain @ self.covariance[seen][:, hidden]
            whole = torch.zeros_like(self.covariance)
            whole[hidden.outer(hidden)] = ((left + left.mT) / 2).flatten()
            covariances[rows] = whole
        return means, covariances

    def sample_given(self, observed: Tensor, noise: Noise) -> Tensor:
        """Samples ``(B, T, C)`` given what was observed, one for each stream of the noise.

        By Matheron's rule: a sample of the law, moved by what its seen entries lack,
        ``x + K_·s K_ss⁺ (y − x_s)``.

        Args:
            observed: ``(B, T, C)``, NaN where hidden.
            noise: B streams.
        """
        x = self.sample(noise)
        for rows, seen in self._patterns(observed):
            gain, hidden = self._gain(seen), ~seen
            filled, known = x[rows].flatten(1), observed[rows].flatten(1)[:, seen]
            filled[:, hidden] += (known - filled[:, seen]) @ gain.mT
            filled[:, seen] = known
            x[rows] = filled.reshape(-1, *self.mean.shape)
        return x

    def _gain(self, seen: Tensor) -> Tensor:
        """``K_hs K_ss⁺``; a regular K_ss is solved with, which rounds less."""
        inner, cross = self.covariance[seen][:, seen], self.covariance[~seen][:, seen]
        factor, failed = torch.linalg.cholesky_ex(inner)
        if not failed:
            return torch.cholesky_solve(cross.mT, factor).mT
        return cross @ torch.linalg.pinv(inner, hermitian=True, rtol=RANK)

    def _patterns(self, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The rows that see the same entries, and these, bool ``(T C,)``."""
        if x.shape[1:] != self.mean.shape:
            raise InputError(
                f"Gaussian law: expected windows (B, {', '.join(map(str, self.mean.shape))}), got "
                f"{tuple(x.shape)}"
            )
        masks, number = (~x.isnan()).flatten(1).unique(dim=0, return_inverse=True)
        for k, seen in enumerate(masks):
            yield (number == k).nonzero().squeeze(1), seen
