r"""Dynamics: the ODE or SDE whose solution follows a path, made from one prediction.

With velocity b and score s, for every ``ε(t) ≥ 0`` chosen after training,

* ODE ``dx = b dt``,
* forward SDE ``dX = (b + ε s) dt + √(2ε) dW``, from t = 0 to 1,
* backward SDE, drift ``b − ε s``, from t = 1 to 0,

share the marginals of the path. Any such drift is a row over the prediction's expectations (see
``sicore.predictions.kinds``), so it is made from ONE evaluation as ``λ(t) x + μ(t) · value``:
the semilinear split that exponential and multistep solvers build on.

Source: Albergo, Boffi and Vanden-Eijnden 2023, theorem 2.6 and corollary 2.10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, Point
from sicore.predictions import Combination, Condition, Prediction, Row, combination
from sicore.states import State

Epsilon = Callable[[Tensor], Tensor]


class Dynamics(Protocol):
    """What a solver integrates, over signed steps."""

    @property
    def interpolant(self) -> Interpolant:
        """The path, whose coefficients exponential solvers know."""
        ...

    @property
    def calls(self) -> int:
        """Network calls for each drift."""
        ...

    @property
    def direction(self) -> int:
        """+1 if it runs forward in t, −1 if backward, 0 if either way."""
        ...

    @property
    def stochastic(self) -> bool:
        """Whether there is noise."""
        ...

    def drift(self, t: Tensor, x: State) -> State:
        """The drift with respect to dt; one evaluation of the prediction."""
        ...

    def diffusion(self, t: Tensor) -> Tensor:
        """The coefficient of dW."""
        ...

    def transfer(self, t: Tensor, s: Tensor, x: State) -> State:
        """The jump from t to s that keeps the expectations at t; one evaluation."""
        ...


@dataclass(frozen=True)
class PathDynamics:
    """The ODE (``epsilon`` None) or SDE of a prediction on its path.

    Args:
        prediction: of any kind that determines the drift.
        epsilon: ``ε(t)``, float64 in and out; None for the ODE.
        condition: what to generate, passed on to the prediction.
        backward: for an SDE, whether it runs from data to source.
        x0: the source states ``(B, ...)``, where the prediction is conditioned on them (a bridge
            from a known recording): the drift is then that of the path given x0.

    Raises:
        InputError: for an SDE on a path whose noise is not normal.
        ConversionError: from ``drift``, at a time where the prediction does not determine it.
    """

    prediction: Prediction
    epsilon: Epsilon | None = None
    condition: Condition = None
    backward: bool = False
    x0: State | None = None

    def __post_init__(self) -> None:
        if self.epsilon is not None and not self.interpolant.gaussian:
            raise InputError(
                f"{type(self.interpolant).__name__}: its noise is not normal, so only the ODE has "
                f"its marginals; set epsilon to 0, with an ODE solver"
            )

    @property
    def interpolant(self) -> Interpolant:
        """The path."""
        return self.prediction.interpolant

    @property
    def calls(self) -> int:
        """Network calls for each drift."""
        return self.prediction.calls

    @property
    def stochastic(self) -> bool:
        """Whether there is noise."""
        return self.epsilon is not None

    @property
    def direction(self) -> int:
        """An ODE runs either way."""
        if self.epsilon is None:
            return 0
        return -1 if self.backward else 1

    def diffusion(self, t: Tensor) -> Tensor:
        """``√(2ε(t))``."""
        if self.epsilon is None:
            return torch.zeros_like(t)
        return (2 * self.epsilon(t)).sqrt()

    def split(self, t: Tensor) -> Combination:
        """λ(t), μ(t) and ν(t) of the drift ``λ x + μ · value + ν x0``."""
        p = self.interpolant.at(t)
        score = -p.gamma_gamma_dot
        if self.epsilon is not None:
            score = score + self.direction * self.epsilon(p.t)
        wanted = Row(p.alpha_dot, p.beta_dot, score)
        return self._combination(p, wanted, "the drift")

    def drift(self, t: Tensor, x: State) -> State:
        """``b ± ε s``; one evaluation of the prediction."""
        split = self.split(t)
        value = self.prediction(t, x, self.condition)
        return split.apply(x, self.prediction.kind.parts(value), self.x0)

    def transfer(self, t: Tensor, s: Tensor, x: State) -> State:
        """``α_s E0 + β_s E1 + γ_s E[z]`` with the expectations at (t, x): DDIM's step.

        Source: Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, equation 12.
        """
        here, there = self.interpolant.at(t), self.interpolant.at(s)
        wanted = Row(there.alpha, there.beta, -here.gamma * there.gamma)
        made = self._combination(here, wanted, "the step")
        value = self.prediction(t, x, self.condition)
        return made.apply(x, self.prediction.kind.parts(value), self.x0)

    def _combination(self, p: Point, wanted: Row, name: str) -> Combination:
        kind, observed = self.prediction.kind, self.x0 is not None
        return combination(self.interpolant, p, kind, wanted, name, observed)


def constant(value: float) -> Epsilon:
    """``ε(t) = value``; needs the score wherever the solver looks, also at an end point."""
    return _Scaled(_checked(value), torch.ones_like)


def noising(interpolant: Interpolant) -> Epsilon:
    """``ε(t) = g²/2 = (β̇/β) γ² − γγ̇``: the reverse of the diffusion whose marginals the path has.

    For the paths of diffusion models (VP, VE, sub-VP, EDM, OUVE) g is the paper's coefficient, so
    that the SDE is the one that the paper runs backward.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, equation 6.
    """

    def epsilon(t: Tensor) -> Tensor:
        p = interpolant.at(t)
        return p.beta_dot / p.beta * p.gamma**2 - p.gamma_gamma_dot

    return epsilon


def proportional(value: float, interpolant: Interpolant) -> Epsilon:
    """``ε(t) = value · γ(t)``: ``ε s = −value · E[z|x]`` stays finite where γ vanishes."""
    return _Scaled(_checked(value), lambda t: interpolant.at(t).gamma)


@dataclass(frozen=True)
class _Scaled:
    value: float
    shape: Callable[[Tensor], Tensor]

    def __call__(self, t: Tensor) -> Tensor:
        return self.value * self.shape(t)


def _checked(value: float) -> float:
    if not value >= 0:
        raise InputError(f"epsilon: expected a number >= 0, got {value}")
    return value
