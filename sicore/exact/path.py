r"""A path between Gaussian mixtures with everything about it in closed form.

Given components (j, k) of x0 and x1, ``x_t ~ N(α m_j + β m_k, S)`` with
``S = α² C_j + β² C_k + γ² I``, and with ``e = S^{-1}(x − mean)`` and responsibilities r:
``E[x0|x] = Σ r (m_j + α C_j e)``, ``E[x1|x] = Σ r (m_k + β C_k e)``, ``s = −Σ r e``.
These three determine every prediction by its row (``sicore.predictions.kinds``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.exact.mixture import GaussianMixture, gaussian_log_prob
from sicore.interpolants import Interpolant, Point
from sicore.predictions import (
    DATA,
    PAIR,
    SCORE,
    VELOCITY,
    FunctionPrediction,
    Kind,
    Pair,
    Row,
    Value,
)
from sicore.states import State


class Expectations(NamedTuple):
    """``E[x0|x], E[x1|x]`` and the score, each ``(B, d)``."""

    x0: Tensor
    x1: Tensor
    score: Tensor


@dataclass(frozen=True)
class ExactPath:
    """The law of ``x_t`` and all its predictions.

    Args:
        interpolant: the path; its noise must be normal.
        target: the law of x1, independent of x0.
        source: the law of x0 on a two-sided path; None on a one-sided one.

    Raises:
        InputError: for a source on a one-sided path, or none on a two-sided one, and for a path
            whose noise is not normal.
    """

    interpolant: Interpolant
    target: GaussianMixture
    source: GaussianMixture | None = None

    def __post_init__(self) -> None:
        if self.interpolant.two_sided == (self.source is None):
            raise InputError("ExactPath: a source belongs to a two-sided path, and only to it")
        if not self.interpolant.gaussian:
            raise InputError("ExactPath: needs normal noise; for other noise there is ExactPoints")

    def given(self, x0: Tensor) -> ExactPath:
        """The path from one observed x0 ``(d,)``: what a prediction that is given x0 learns.

        x1 keeps its law, being independent of x0; for a pair that is not, make a path whose target
        is the law of x1 given x0. There is no density where β = γ = 0: the state is x0 itself.
        """
        weight = torch.ones(1, dtype=x0.dtype, device=x0.device)
        place = x0.unsqueeze(0)
        point = GaussianMixture(weight, place, place.new_zeros(1, len(x0), len(x0)))
        return ExactPath(self.interpolant, self.target, point)

    def marginal(self, t: Tensor | float) -> GaussianMixture:
        """The law of ``x_t`` at one time."""
        joint = self._joint(self.interpolant.at(t))
        return GaussianMixture(joint.weights, joint.means[0], joint.covariances[0])

    def log_prob(self, t: Tensor | float, x: Tensor) -> Tensor:
        """``log p_t(x)`` in nats, ``(B,)``."""
        joint = self._joint(self.interpolant.at(t))
        return torch.logsumexp(joint.log_prob(x), -1)

    def expectations(self, t: Tensor | float, x: Tensor) -> Expectations:
        """The three that determine all predictions; t is ``()`` or ``(B,)``."""
        p = self.interpolant.at(t)
        joint = self._joint(p)
        r = torch.softmax(joint.log_prob(x), -1).unsqueeze(-1)
        e = torch.cholesky_solve((x.unsqueeze(1) - joint.means).unsqueeze(-1), joint.factor)
        alpha, beta = p.alpha.reshape(-1, 1, 1), p.beta.reshape(-1, 1, 1)
        x0 = joint.means0 + alpha * (joint.covariances0 @ e).squeeze(-1)
        x1 = joint.means1 + beta * (joint.covariances1 @ e).squeeze(-1)
        return Expectations((r * x0).sum(1), (r * x1).sum(1), -(r * e.squeeze(-1)).sum(1))

    def value(self, kind: Kind, t: Tensor | float, x: Tensor) -> Value:
        """The exact prediction of a kind at (t, x)."""
        known = self.expectations(t, x)
        parts = [_evaluate(row, known) for row in kind.rows(self.interpolant.at(t))]
        return Pair(*parts) if kind is PAIR else parts[0]

    def velocity(self, t: Tensor | float, x: Tensor) -> Tensor:
        """``E[ẋ_t | x_t = x]``."""
        return cast("Tensor", self.value(VELOCITY, t, x))

    def score(self, t: Tensor | float, x: Tensor) -> Tensor:
        """``∇ log p_t(x)``."""
        return cast("Tensor", self.value(SCORE, t, x))

    def denoiser(self, t: Tensor | float, x: Tensor) -> Tensor:
        """``E[x1 | x_t = x]``."""
        return cast("Tensor", self.value(DATA, t, x))

    def prediction(self, kind: Kind) -> FunctionPrediction:
        """The exact prediction, for solvers, guidance and posteriors to use."""

        def function(t: Tensor, x: State) -> Value:
            return self.value(kind, t, cast("Tensor", x))

        return FunctionPrediction(function, self.interpolant, kind)

    def _joint(self, p: Point) -> _Joint:
        source = self.source or _point_mass(self.target)
        k0, k1, d = len(source.weights), len(self.target.weights), self.target.dimension
        alpha, beta, gamma = (c.reshape(-1, 1, 1) for c in (p.alpha, p.beta, p.gamma))
        means0 = source.means.repeat_interleave(k1, 0)
        means1 = self.target.means.repeat(k0, 1)
        covariances0 = source.covariances.repeat_interleave(k1, 0)
        covariances1 = self.target.covariances.repeat(k0, 1, 1)
        square = [c.unsqueeze(-1) ** 2 for c in (alpha, beta, gamma)]
        eye = torch.eye(d, dtype=means1.dtype, device=means1.device)
        return _Joint(
            torch.outer(source.weights, self.target.weights).flatten(),
            alpha * means0 + beta * means1,
            square[0] * covariances0 + square[1] * covariances1 + square[2] * eye,
            means0,
            means1,
            covariances0,
            covariances1,
        )


class _Joint(NamedTuple):
    """Pairs of components; means and covariances carry the batch of times in front."""

    weights: Tensor
    means: Tensor
    covariances: Tensor
    means0: Tensor
    means1: Tensor
    covariances0: Tensor
    covariances1: Tensor

    @property
    def factor(self) -> Tensor:
        return torch.linalg.cholesky(self.covariances)

    def log_prob(self, x: Tensor) -> Tensor:
        """Weighted log-densities ``(B, K)``."""
        return self.weights.log() + gaussian_log_prob(x.unsqueeze(1) - self.means, self.factor)


def _evaluate(row: Row, known: Expectations) -> Tensor:
    terms = [c.reshape(-1, 1) * e for c, e in zip(row, known, strict=True)]
    return terms[0] + terms[1] + terms[2]


def _point_mass(like: GaussianMixture) -> GaussianMixture:
    """x0 = 0: what a one-sided path has in the place of a source."""
    one = torch.ones(1, dtype=like.means.dtype, device=like.means.device)
    return GaussianMixture(one, like.means[:1] * 0, like.covariances[:1] * 0)
