r"""Posterior sampling: a prediction that also knows a measurement.

For ``y = A x1 + σ_y n``, Bayes' rule adds ``∇ log p(y|x_t)`` to the score, hence

``D_y = D + (γ²/β) ∇ log p(y|x_t)``,  with ``D = E[x1|x_t]``,

to the data prediction of a one-sided path. Every method is an approximation of ``p(y|x_t)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.inverse.operators import Operator
from sicore.predictions import DATA, Condition, Kind, Prediction, Value, convert
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
class PiGDM:
    r"""Pseudoinverse-guided diffusion (ΠGDM).

    Approximates ``p(x1|x_t) ≈ N(D, r² I)``, so that
    ``∇ log p(y|x_t) = (∂D/∂x_t)ᵀ Aᵀ (r² A Aᵀ + σ_y² I)⁻¹ (y − A D)``,
    with ``r² = γ² σ_d²/(γ² + β² σ_d²)``, the posterior variance of data ``N(0, σ_d² I)``.

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
        if prediction.interpolant.two_sided:
            raise InputError("pigdm: needs a one-sided path, which starts from Gaussian noise")
        return PiGDMPrediction(prediction, measurement, self.data_std), ()


@dataclass(frozen=True)
class PiGDMPrediction:
    """The data prediction ``D_y``; each evaluation differentiates the inner one once."""

    prediction: Prediction
    measurement: Measurement
    data_std: float

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
        """Those of the inner prediction; each has a backward pass too."""
        return self.prediction.calls

    def __call__(self, t: Tensor, x: State, condition: Condition = None) -> State:
        """Evaluate ``D_y``."""
        if not isinstance(x, Tensor):
            raise InputError("pigdm: the operators act on tensors, not on trees of tensors")
        p = self.interpolant.at(t)
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            value = self.prediction(t, leaf, condition)
            data = cast("Tensor", self._data(t, leaf, value))
            pull = self._pull(data.detach(), t)
            (guided,) = torch.autograd.grad(data, leaf, pull)
        # At β = 0 the Jacobian vanishes with β; its limit under the method's own model of
        # p(x1|x_t), (γ²/β) ∂D/∂x = r² I, takes its place.
        start = p.beta == 0
        ratio = p.gamma**2 / torch.where(start, 1.0, p.beta)
        by_jacobian = expand(torch.where(start, 0.0, ratio), x) * guided
        by_model = expand(torch.where(start, self._variance(t), 0.0), x) * pull
        return data.detach() + by_jacobian + by_model

    def _data(self, t: Tensor, x: Tensor, value: Value) -> State:
        return convert(self.interpolant, t, x, value, self.prediction.kind, DATA)

    def _variance(self, t: Tensor) -> Tensor:
        p = self.interpolant.at(t)
        square = self.data_std**2
        return p.gamma**2 * square / (p.gamma**2 + p.beta**2 * square)

    def _pull(self, data: Tensor, t: Tensor) -> Tensor:
        """``Aᵀ (r² A Aᵀ + σ_y² I)⁻¹ (y − A D)``."""
        operator, y = self.measurement.operator, self.measurement.y.to(data)
        residual = y - operator(data)
        signal = expand(self._variance(t), residual)
        solved = operator.solve(residual, signal, self.measurement.noise_std**2)
        return operator.adjoint(solved)
