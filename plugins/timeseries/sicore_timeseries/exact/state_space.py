r"""Linear-Gaussian state space models: Kalman's filter, the smoother, and the likelihood.

``z_{t+1} = A z_t + w``,  ``y_t = H z_t + v``,  ``w ~ N(0, Q)``, ``v ~ N(0, R)``, ``z_0 ~ N(m, P)``.

Entries of y that are NaN are not observed. Sources: Kalman, 1960; Rauch, Tung and Striebel, 1965;
Särkkä, "Bayesian filtering and smoothing", 2013, theorems 4.2 and 8.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.exact.gaussian_law import GaussianLaw


class Moments(NamedTuple):
    """Means ``(B, T, D)`` and covariances ``(B, T, D, D)``."""

    mean: Tensor
    covariance: Tensor


class Filtered(NamedTuple):
    """States given the past: before and after each observation; and the likelihood of all."""

    predicted: Moments
    updated: Moments
    log_likelihood: Tensor
    """In nats, ``(B,)``."""


@dataclass(frozen=True)
class StateSpaceModel:
    """All float64.

    Args:
        transition: A, ``(D, D)``.
        process: Q, ``(D, D)``.
        observation: H, ``(C, D)``.
        measurement: R, ``(C, C)``, positive definite.
        mean: m, ``(D,)``.
        covariance: P, ``(D, D)``.

    Raises:
        InputError: for shapes that do not fit.
    """

    transition: Tensor
    process: Tensor
    observation: Tensor
    measurement: Tensor
    mean: Tensor
    covariance: Tensor

    def __post_init__(self) -> None:
        c, d = self.observation.shape
        shapes = {
            "transition": (d, d),
            "process": (d, d),
            "measurement": (c, c),
            "mean": (d,),
            "covariance": (d, d),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                got = tuple(getattr(self, name).shape)
                raise InputError(f"state space: expected {name} of shape {shape}, got {got}")

    def sample(self, noise: Noise, length: int) -> Tensor:
        """Observations ``(n, T, C)``, float64."""
        return self.law(length).sample(noise)

    def law(self, length: int) -> GaussianLaw:
        """The law of observations of T rows.

        ``Cov[y_s, y_t] = H A^{s−t} P_t Hᵀ + R [s = t]`` for ``s >= t``.
        """
        a, h = self.transition, self.observation
        means, covariances = [self.mean], [self.covariance]
        for _ in range(length - 1):
            means.append(a @ means[-1])
            covariances.append(a @ covariances[-1] @ a.mT + self.process)
        c = len(h)
        whole = torch.zeros(length, c, length, c, dtype=torch.float64)
        for t, cross in enumerate(covariances):
            whole[t, :, t] = h @ cross @ h.mT + self.measurement
            for s in range(t + 1, length):
                cross = a @ cross
                whole[s, :, t] = h @ cross @ h.mT
                whole[t, :, s] = whole[s, :, t].mT
        mean = torch.stack(means) @ h.mT
        return GaussianLaw(mean, whole.reshape(length * c, length * c))

    def filter(self, y: Tensor) -> Filtered:
        """The law of each state given the observations up to it.

        Args:
            y: ``(B, T, C)``, NaN where not observed.
        """
        b, length, _ = y.shape
        mean, covariance = self.mean.expand(b, -1), self.covariance.expand(b, -1, -1)
        likelihood = y.new_zeros(b)
        before, after = [], []
        for t in range(length):
            before.append((mean, covariance))
            mean, covariance, gained = self._update(mean, covariance, y[:, t])
            after.append((mean, covariance))
            likelihood = likelihood + gained
            mean, covariance = self._predict(mean, covariance)
        return Filtered(_stacked(before), _stacked(after), likelihood)

    def smooth(self, y: Tensor) -> Moments:
        """The law of each state given all observations ``(B, T, C)``."""
        found = self.filter(y)
        mean, covariance = found.updated.mean[:, -1], found.updated.covariance[:, -1]
        smoothed = [(mean, covariance)]
        for t in range(y.shape[1] - 2, -1, -1):
            own, spread = found.updated.mean[:, t], found.updated.covariance[:, t]
            next_mean = found.predicted.mean[:, t + 1]
            next_spread = found.predicted.covariance[:, t + 1]
            gain = torch.linalg.solve(next_spread, self.transition @ spread).mT
            mean = own + _times(gain, mean - next_mean)
            covariance = spread + gain @ (covariance - next_spread) @ gain.mT
            smoothed.append((mean, covariance))
        return _stacked(smoothed[::-1])

    def observed(self, states: Moments) -> Moments:
        """The law of observations without their noise, ``H z``: ``(B, T, C)``, ``(B, T, C, C)``."""
        h = self.observation
        return Moments(states.mean @ h.mT, h @ states.covariance @ h.mT)

    def forecast(self, y: Tensor, horizon: int) -> Moments:
        """The law of each of the next H observations ``(B, H, C)``, given all ``(B, T, C)``."""
        ahead = y.new_full((len(y), horizon, y.shape[2]), torch.nan)
        found = self.filter(torch.cat((y, ahead), 1)).predicted
        states = Moments(found.mean[:, -horizon:], found.covariance[:, -horizon:])
        mean, covariance = self.observed(states)
        return Moments(mean, covariance + self.measurement)

    def _predict(self, mean: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
        a = self.transition
        return mean @ a.mT, a @ covariance @ a.mT + self.process

    def _update(self, mean: Tensor, covariance: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """An entry that is not observed becomes 0 · z + a noise of variance 1, observed as 0."""
        there = (~y.isnan()).to(mean)
        h = there.unsqueeze(-1) * self.observation
        noise = there.unsqueeze(-1) * self.measurement * there.unsqueeze(-2)
        s = h @ covariance @ h.mT + noise + torch.diag_embed(1 - there)
        residual = y.nan_to_num(0.0) * there - _times(h, mean)
        factor = torch.linalg.cholesky(s)
        gain = torch.cholesky_solve(h @ covariance, factor).mT
        white = torch.linalg.solve_triangular(factor, residual.unsqueeze(-1), upper=False)
        log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = there.sum(-1) * math.log(2 * math.pi)
        gained = -0.5 * (white.square().sum((-2, -1)) + log_det + constant)
        left = torch.eye(mean.shape[-1]).to(mean) - gain @ h
        spread = left @ covariance @ left.mT + gain @ noise @ gain.mT  # Joseph's form
        return mean + _times(gain, residual), spread, gained


def _stacked(moments: list[tuple[Tensor, Tensor]]) -> Moments:
    means, covariances = zip(*moments, strict=True)
    return Moments(torch.stack(means, 1), torch.stack(covariances, 1))


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)
