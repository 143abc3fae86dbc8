r"""Posterior sampling: a prediction that also knows a measurement.

For ``y = A x1 + σ_y n``, Bayes' rule adds ``∇ log p(y|x_t)`` to the score, hence

``D_y = D + (γ²/β) ∇ log p(y|x_t)``,  with ``D = E[x1|x_t]``,

to the data prediction of a one-sided path. With a Gaussian ``p(x1|x_t) ≈ N(D, C)`` this is

``D_y = D + C Aᵀ u``,  ``(A C Aᵀ + σ_y² I) u = y − A D``,

where ``C v = Cov[x1|x_t] v = (γ²/β) (∂D/∂x_t)ᵀ v`` is exact (Tweedie's second moment) and costs
one backward pass. Methods differ in the covariance that they put into the system for u.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, Time
from sicore.inverse.conjugate_gradient import conjugate_gradient
from sicore.inverse.operators import Operator
from sicore.predictions import DATA, Condition, Kind, Prediction, convert, part_of
from sicore.solvers import Callback
from sicore.states import State, expand


@dataclass(frozen=True)
class Measurement:
    """What was observed.

    Args:
        operator: A.
        y: ``A x1 + noise_std · n`` for each sample of the batch, in units of the state.
        noise_std: the standard deviation of the measurement's noise.
    """

    operator: Operator
    y: Tensor
    noise_std: float = 0.0

    def __post_init__(self) -> None:
        if not self.noise_std >= 0:
            raise InputError(f"noise_std: expected a number >= 0, got {self.noise_std}")


class Method(Protocol):
    """A way to sample the posterior: wraps the prediction, acts between steps, or both."""

    def attach(
        self, prediction: Prediction, measurement: Measurement
    ) -> tuple[Prediction, Sequence[Callback]]:
        """The prediction to integrate, and callbacks for the solve loop."""
        ...


@dataclass(frozen=True)
class Uncertainty:
    """The law of x1 given x_t at one evaluation.

    Args:
        covariance: ``v ↦ Cov[x1|x_t] v`` by a backward pass.
        variance: r², what the covariance would be for data ``N(0, σ_d² I)``; ``()`` or ``(B,)``.
    """

    covariance: Callable[[Tensor], Tensor]
    variance: Tensor


class CovarianceModel(Protocol):
    """How a method solves for u."""

    def solve(self, residual: Tensor, given: Uncertainty, measurement: Measurement) -> Tensor:
        """``u`` from ``y − A D``."""
        ...


@dataclass(frozen=True)
class PosteriorPrediction:
    """The data prediction ``D_y``.

    Args:
        prediction: on a one-sided path.
        measurement: what was observed.
        model: solves for u.
        data_std: σ_d; 1 for standardised states.
    """

    prediction: Prediction
    measurement: Measurement
    model: CovarianceModel
    data_std: float = 1.0

    def __post_init__(self) -> None:
        path = self.prediction.interpolant
        if path.two_sided or not path.gaussian:
            raise InputError("posterior: needs a one-sided path, which starts from Gaussian noise")

    @property
    def interpolant(self) -> Interpolant:
        """The path of the inner prediction."""
        return self.prediction.interpolant

    @property
    def kind(self) -> Kind:
        """Data."""
        return DATA

    @property
    def calls(self) -> int:
        """Those of the inner prediction; each has backward passes too."""
        return self.prediction.calls

    def take(self, index: Tensor) -> PosteriorPrediction:
        """For a part of the batch, with its measurements."""
        seen = replace(self.measurement, y=self.measurement.y[index])
        return replace(self, prediction=part_of(self.prediction, index), measurement=seen)

    def __call__(self, t: Time, x: State, condition: Condition = None) -> State:
        """Evaluate ``D_y``."""
        if not isinstance(x, Tensor):
            raise InputError("posterior: the operators act on tensors, not on trees of tensors")
        operator, y = self.measurement.operator, self.measurement.y.to(x)
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            value = self.prediction(t, leaf, condition)
            kind = self.prediction.kind
            data = cast("Tensor", convert(self.interpolant, t, leaf, value, kind, DATA))
        mean = data.detach()
        given = self._uncertainty(t, leaf, data)
        residual = y - operator(mean)
        u = self.model.solve(residual, given, self.measurement)
        corrected = mean + given.covariance(operator.adjoint(u))
        known = (self.interpolant.at(t).gamma == 0).reshape(-1, *(1,) * (x.ndim - 1)).to(x.device)
        if not bool(known.any()):
            return corrected
        # At γ = 0, C = 0 and u may be 0/0: the limit is D, or D made to agree with an exact y.
        exact = self.measurement.noise_std == 0
        limit = mean + operator.pseudoinverse(residual) if exact else mean
        return torch.where(known, limit, corrected)

    def _uncertainty(self, t: Time, leaf: Tensor, data: Tensor) -> Uncertainty:
        p, square = self.interpolant.at(t), self.data_std**2
        variance = p.gamma**2 * square / (p.gamma**2 + p.beta**2 * square)
        # At β = 0 the Jacobian vanishes with β; the limit for data N(0, σ_d² I) takes its place.
        start = p.beta == 0
        by_jacobian = torch.where(start, 0.0, p.gamma**2 / torch.where(start, 1.0, p.beta))
        by_model = torch.where(start, variance, 0.0)

        def covariance(v: Tensor) -> Tensor:
            (pulled,) = torch.autograd.grad(data, leaf, v, retain_graph=True)
            return expand(by_jacobian, v) * pulled + expand(by_model, v) * v

        return Uncertainty(covariance, variance)


@dataclass(frozen=True)
class PiGDM:
    r"""Pseudoinverse-guided diffusion (ΠGDM): ``(r² A Aᵀ + σ_y² I) u = y − A D``.

    Takes ``C ≈ r² I`` with ``r² = γ² σ_d²/(γ² + β² σ_d²)`` in the system for u: closed form for
    the usual operators, one backward pass a call. Right for uncorrelated data; where data are
    correlated it corrects common directions too much.

    Args:
        data_std: σ_d; 1 for standardised states.

    Source: Song, Vahdat, Mardani and Kautz, "Pseudoinverse-guided diffusion models for inverse
    problems", 2023, equations 7 to 9.
    """

    data_std: float = 1.0

    def attach(
        self, prediction: Prediction, measurement: Measurement
    ) -> tuple[Prediction, Sequence[Callback]]:
        """Wrap the prediction."""
        return PosteriorPrediction(prediction, measurement, self, self.data_std), ()

    def solve(self, residual: Tensor, given: Uncertainty, measurement: Measurement) -> Tensor:
        """In closed form where the operator has one."""
        signal = expand(given.variance, residual)
        return measurement.operator.solve(residual, signal, measurement.noise_std**2)


@dataclass(frozen=True)
class MMPS:
    r"""Moment-matching posterior sampling: ``(A C Aᵀ + σ_y² I) u = y − A D`` with the true C.

    A few conjugate-gradient iterations, each a backward pass. The covariance knows which entries
    move together, so neither common nor rare directions are over-corrected; stopping early
    regularises, since a network's Jacobian is only nearly symmetric.

    Args:
        iterations: of the conjugate gradients.

    Source: Rozet, Andry, Lanusse and Louppe, "Learning diffusion priors from observations by
    expectation maximization", 2024, section 4.2.
    """

    iterations: int = 2

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise InputError(f"mmps: expected iterations >= 1, got {self.iterations}")

    def attach(
        self, prediction: Prediction, measurement: Measurement
    ) -> tuple[Prediction, Sequence[Callback]]:
        """Wrap the prediction."""
        return PosteriorPrediction(prediction, measurement, self), ()

    def solve(self, residual: Tensor, given: Uncertainty, measurement: Measurement) -> Tensor:
        """By conjugate gradients through the network."""
        operator, noise = measurement.operator, measurement.noise_std**2

        def apply(u: Tensor) -> Tensor:
            return operator(given.covariance(operator.adjoint(u))) + noise * u

        return conjugate_gradient(apply, residual, iterations=self.iterations)
