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
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, Point, Time
from sicore.predictions import Combination, Condition, Kind, Prediction, Row, combination, part_of
from sicore.states import State, take, tree_map, weighted_sum

Epsilon = Callable[[Tensor], Tensor]


class Dynamics:
    """What a solver integrates, over signed steps: ``dX = f(t, X) dt + g(t) dW``.

    The least is ``drift``. Where it is ``λ(t) x + μ(t) · value + ν(t) x0`` with the value of a
    network, ``evaluate`` and ``split`` say so, and solvers work on values and numbers alone. What
    has no path is refused by the solvers that need one.
    """

    @property
    def path(self) -> Interpolant | None:
        """The path, if there is one."""
        return None

    @property
    def interpolant(self) -> Interpolant:
        """The path, whose coefficients exponential solvers know.

        Raises:
            InputError: if there is none.
        """
        if self.path is None:
            raise InputError(f"{type(self).__name__}: has no path, which this solver needs")
        return self.path

    @property
    def calls(self) -> int:
        """Network calls for each drift."""
        return 1

    @property
    def parts(self) -> int:
        """How many parts a value has, see ``evaluate``."""
        return 1

    @property
    def direction(self) -> int:
        """+1 if it runs forward in t, −1 if backward, 0 if either way."""
        return 0

    @property
    def stochastic(self) -> bool:
        """Whether there is noise."""
        return False

    @property
    def additive(self) -> bool:
        """Whether the diffusion is a function of time alone; see `DiagonalSDE`."""
        return True

    @property
    def constants(self) -> tuple[State, ...]:
        """States that take part in every step as they are: x0 where it is observed."""
        return ()

    def drift(self, t: Time, x: State) -> State:
        """The drift with respect to dt; one evaluation of the prediction."""
        raise NotImplementedError

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """What the drift is made of besides x, part by part: one evaluation."""
        return (self.drift(t, x),)

    def split(self, t: Tensor) -> Combination:
        """λ(t), μ(t) and ν(t), shaped as the coefficients of the path; for many times at once."""
        zero = torch.zeros_like(t)
        return Combination(zero, (torch.ones_like(t),), zero)

    def express(self, p: Point, wanted: Row, name: str) -> Combination:
        """A row over the expectations (see ``sicore.predictions.kinds``) by x and the values.

        Args:
            p: points of the path.
            wanted: the row there.
            name: of what it is, for the message.

        Raises:
            InputError: if there is no path.
            ConversionError: where the prediction does not determine it.
        """
        raise InputError(f"{type(self).__name__}: has no path, which {name} needs")

    def diffusion(self, t: Tensor) -> Tensor:
        """The coefficient of dW, where it is a function of time alone."""
        return torch.zeros_like(t)

    def diffusion_at(self, t: Time, x: State) -> State:
        """The coefficients ``g(t, x)`` of dW, one for each number of x, where they depend on it."""
        raise NotImplementedError

    def diffusion_slope(self, t: Time, x: State) -> tuple[State, State]:
        """``g(t, x)`` and ``∂g_i/∂x_i``, shaped as x."""
        raise NotImplementedError

    def transfer(self, t: Time, s: Time, x: State) -> State:
        """The jump from t to s that keeps the expectations at t; one evaluation.

        ``α_s E0 + β_s E1 + γ_s E[z]``.

        Source: Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, equation 12.
        """
        here, there = self.interpolant.at(t), self.interpolant.at(s)
        wanted = Row(there.alpha, there.beta, -here.gamma * there.gamma)
        made = self.express(here, wanted, "the step")
        states = (x, *self.evaluate(t, x), *self.constants)
        return weighted_sum((made.of_state, *made.of_value, made.of_x0)[: len(states)], states)

    def take(self, index: Tensor) -> Dynamics:
        """Those of a part of the batch."""
        return self


@dataclass(frozen=True)
class PathDynamics(Dynamics):
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
    def path(self) -> Interpolant:
        """That of the prediction."""
        return self.prediction.interpolant

    @property
    def calls(self) -> int:
        """Network calls for each drift."""
        return self.prediction.calls

    @property
    def parts(self) -> int:
        """One; two for the pair of a two-sided path."""
        return len(self.prediction.kind.rows(self.interpolant.at(0.5)))

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

    @property
    def constants(self) -> tuple[State, ...]:
        """x0 where it is observed."""
        return () if self.x0 is None else (self.x0,)

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """The parts of the prediction's value."""
        return self._kind.parts(self.prediction(t, x, self.condition))

    @cached_property
    def _kind(self) -> Kind:
        return self.prediction.kind

    def split(self, t: Tensor) -> Combination:
        """λ(t), μ(t) and ν(t) of the drift ``λ x + μ · value + ν x0``."""
        p = self.interpolant.at(t)
        score = -p.gamma_gamma_dot
        if self.epsilon is not None:
            score = score + self.direction * self.epsilon(p.t)
        return self.express(p, Row(p.alpha_dot, p.beta_dot, score), "the drift")

    def drift(self, t: Time, x: State) -> State:
        """``b ± ε s``; one evaluation of the prediction."""
        split = self.split(torch.as_tensor(t, dtype=torch.float64))
        return split.apply(x, self.evaluate(t, x), self.x0)

    def express(self, p: Point, wanted: Row, name: str) -> Combination:
        """By the one conversion between predictions."""
        kind, observed = self.prediction.kind, self.x0 is not None
        return combination(self.interpolant, p, kind, wanted, name, observed)

    def take(self, index: Tensor) -> PathDynamics:
        """Those of a part of the batch: its conditions, source states and measurements."""
        return replace(
            self,
            prediction=part_of(self.prediction, index),
            condition=_rows(self.condition, index),
            x0=None if self.x0 is None else take(self.x0, index),
        )


def _rows(condition: Condition, index: Tensor) -> Condition:
    return None if condition is None else {name: v[index] for name, v in condition.items()}


@dataclass(frozen=True)
class DiagonalSDE(Dynamics):
    r"""An Itô SDE whose noise depends on the state: ``dX_i = f_i(t, X) dt + g_i(t, X_i) dW_i``.

    Each number of the state has a Brownian motion of its own. It has no path, and runs forward.
    Euler–Maruyama and Milstein integrate it; solvers for additive noise refuse it.

    Args:
        f: the drift, ``(t, x) -> State``.
        g: the diffusion, ``(t, x) -> State``, number by number.
        slope: ``∂g_i/∂x_i``, ``(t, x) -> State``; by automatic differentiation (forward mode)
            if it is None.

    Raises:
        InputError: from ``diffusion(t)``, which is what a solver for additive noise asks for.

    Source: Kloeden and Platen, "Numerical solution of SDEs", 1992, section 10.3.
    """

    f: Callable[[Time, State], State]
    g: Callable[[Time, State], State]
    slope: Callable[[Time, State], State] | None = None

    @property
    def stochastic(self) -> bool:
        """There is noise."""
        return True

    @property
    def additive(self) -> bool:
        """No: it depends on the state."""
        return False

    @property
    def direction(self) -> int:
        """Forward."""
        return 1

    def drift(self, t: Time, x: State) -> State:
        """``f(t, x)``."""
        return self.f(t, x)

    def diffusion(self, t: Tensor) -> Tensor:
        """Not a function of time alone."""
        raise InputError(
            "DiagonalSDE: its diffusion depends on the state, and this solver is made for additive "
            "noise (on other noise it would not solve the Itô SDE): use EulerMaruyama or Milstein"
        )

    def diffusion_at(self, t: Time, x: State) -> State:
        """``g(t, x)``."""
        return self.g(t, x)

    def diffusion_slope(self, t: Time, x: State) -> tuple[State, State]:
        """``g`` and its derivatives, all by one direction: g_i depends on x_i alone."""
        if self.slope is not None:
            return self.g(t, x), self.slope(t, x)
        ones = tree_map(torch.ones_like, x)
        values, slopes, *_ = torch.func.jvp(lambda y: self.g(t, y), (x,), (ones,))
        return values, slopes


def constant(value: float) -> Epsilon:
    """``ε(t) = value``; needs the score wherever the solver looks, also at an end point."""
    return _Scaled(_checked(value), torch.ones_like)


def noising(interpolant: Interpolant) -> Epsilon:
    """``ε(t) = g²/2 = (β̇/β) γ² − γγ̇``: the reverse of the diffusion whose marginals the path has.

    For the paths of diffusion models (VP, VE, sub-VP, EDM, OUVE) g is the paper's coefficient, so
    that the SDE is the one that the paper runs backward.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, equation 6.
    """
    return _Noising(interpolant)


def proportional(value: float, interpolant: Interpolant) -> Epsilon:
    """``ε(t) = value · γ(t)``: ``ε s = −value · E[z|x]`` stays finite where γ vanishes."""
    return _Scaled(_checked(value), lambda t: interpolant.at(t).gamma)


@dataclass(frozen=True)
class _Noising:
    interpolant: Interpolant

    def __call__(self, t: Tensor) -> Tensor:
        p = self.interpolant.at(t)
        return p.beta_dot / p.beta * p.gamma**2 - p.gamma_gamma_dot

    def kept(self, t: Tensor, s: Tensor) -> Tensor:
        """``exp(−∫_t^s ε/γ²) = σ_s/σ_t`` with ``σ = γ/β``, since ``ε/γ² = d/dt log(1/σ)``."""
        p, q = self.interpolant.at(t), self.interpolant.at(s)
        return (q.gamma / p.gamma) * (p.beta / q.beta)


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
