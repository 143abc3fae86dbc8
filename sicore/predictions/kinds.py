r"""What a network predicts, written as rows over the conditional expectations.

At time t, with ``E0 = E[x0|x_t]``, ``E1 = E[x1|x_t]`` and the score ``s = ∇ log p_t(x_t)``,
``E[z|x_t] = −γ s``, and every quantity is a row ``(a, b, c)``: ``a E0 + b E1 + c s``:

==========  ===========================  =================
the state   ``x_t``                      ``(α, β, −γ²)``
velocity    ``E[ẋ_t|x_t]``               ``(α̇, β̇, −γγ̇)``
score       ``s``                        ``(0, 0, 1)``
noise       ``η = E[z|x_t]``             ``(0, 0, −γ)``
data        ``D = E[x1|x_t]``            ``(0, 1, 0)``
v           ``β E[z|x_t] − γ E[x1|x_t]`` ``(0, −γ, −βγ)``
==========  ===========================  =================

In this basis every entry is finite at both ends, which is why conversions are exact there.
The pair ``(v, η)`` of a two-sided path holds ``E[α̇ x0 + β̇ x1|x_t]`` and η. ``categorical`` is D of
states with one-hot entries, where it is a law over kinds, and is learned as one.

Sources: Albergo, Boffi and Vanden-Eijnden 2023, theorem 2.6; Salimans and Ho 2022 (v).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from sicore.interpolants import InterpolantSample, Point
from sicore.states import State, combine, inner_by_leaf, scale, tree_map


class Row(NamedTuple):
    """Coefficients of ``(E0, E1, s)``; float64, shaped as the coefficients of the path."""

    x0: Tensor
    x1: Tensor
    score: Tensor


class Pair(NamedTuple):
    """The value of a two-sided prediction: ``v = E[α̇ x0 + β̇ x1|x]`` and ``η = E[z|x]``."""

    v: State
    eta: State


Value = State | Pair


def state_row(p: Point) -> Row:
    """The row of ``x_t`` itself."""
    return Row(p.alpha, p.beta, -(p.gamma**2))


def weighted(sample: InterpolantSample, a: Tensor, b: Tensor, c: Tensor) -> State:
    """``a x0 + b x1 + c z`` of a draw."""
    value = combine(b, sample.x1, c, sample.z)
    return value if sample.x0 is None else combine(1.0, value, a, sample.x0)


class Kind:
    """One kind of prediction.

    Attributes:
        name: as in configurations.
        is_score: whether it is the score, which only paths with normal noise have.
    """

    name: str
    is_score: ClassVar[bool] = False

    def rows(self, p: Point) -> tuple[Row, ...]:
        """The row of each part of a value of this kind."""
        raise NotImplementedError

    def parts(self, value: Value) -> tuple[State, ...]:
        """The parts of a value, in the order of ``rows``."""
        return (value,)  # type: ignore[return-value]

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        """What regression drives to zero, part by part: the prediction minus its target."""
        raise NotImplementedError

    def errors(self, p: Point, sample: InterpolantSample, value: Value) -> Tensor:
        """What training minimises, leaf by leaf, ``(L, B)``: the square of the residual."""
        residuals = self.residual(p, sample, value)
        return torch.stack([inner_by_leaf(r, r) for r in residuals]).sum(0)

    def extrapolated(self, scale: float, base: Value, other: Value) -> Value:
        """``(1 − w) base + w other``, as guidance needs; every kind is linear in the score."""
        parts = [
            combine(1 - scale, a, scale, b)
            for a, b in zip(self.parts(base), self.parts(other), strict=True)
        ]
        return Pair(*parts) if len(parts) == 2 else parts[0]

    def gain(self, p: Point) -> Tensor:
        """How much the residual grows with an error of the data prediction, at fixed ``x_t``.

        On a one-sided path ``x_t = β E1 − γ² s``, so an error δ of E1 is one of ``β δ/γ²`` of s,
        and of ``(b + c β/γ²) δ`` of a row ``(a, b, c)``. It turns a weight that is stated for
        denoisers into one for any kind.
        """
        (row,) = self.rows(p)
        return row.x1 + row.score * p.beta / p.gamma**2

    def __repr__(self) -> str:
        return f"<kind {self.name}>"


@dataclass(frozen=True, repr=False)
class _Velocity(Kind):
    name: str = "velocity"

    def rows(self, p: Point) -> tuple[Row, ...]:
        return (Row(p.alpha_dot, p.beta_dot, -p.gamma_gamma_dot),)

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        target = weighted(sample, p.alpha_dot, p.beta_dot, p.gamma_dot)
        return (_minus(value, target),)


@dataclass(frozen=True, repr=False)
class _Score(Kind):
    name: str = "score"
    is_score: ClassVar[bool] = True

    def rows(self, p: Point) -> tuple[Row, ...]:
        zero = torch.zeros_like(p.beta)
        return (Row(zero, zero, torch.ones_like(p.beta)),)

    def gain(self, p: Point) -> Tensor:
        """That of the residual ``γ s + z``."""
        return p.beta / p.gamma

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        """``γ s + z``: denoising score matching, weighted so that it is finite at γ = 0."""
        return (tree_map(torch.add, scale(p.gamma, value), sample.z),)  # type: ignore[arg-type]


@dataclass(frozen=True, repr=False)
class _Noise(Kind):
    name: str = "noise"

    def gain(self, p: Point) -> Tensor:
        """``−β/γ``, where the general form is 0 · ∞ at γ = 0."""
        return -p.beta / p.gamma

    def rows(self, p: Point) -> tuple[Row, ...]:
        zero = torch.zeros_like(p.beta)
        return (Row(zero, zero, -p.gamma),)

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        return (_minus(value, sample.z),)


@dataclass(frozen=True, repr=False)
class _Data(Kind):
    name: str = "data"

    def gain(self, p: Point) -> Tensor:
        """Ones."""
        return torch.ones_like(p.beta)

    def rows(self, p: Point) -> tuple[Row, ...]:
        zero = torch.zeros_like(p.beta)
        return (Row(zero, torch.ones_like(p.beta), zero),)

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        return (_minus(value, sample.x1),)


@dataclass(frozen=True, repr=False)
class _V(Kind):
    name: str = "v"

    def rows(self, p: Point) -> tuple[Row, ...]:
        return (Row(torch.zeros_like(p.beta), -p.gamma, -p.beta * p.gamma),)

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        target = weighted(sample, torch.zeros_like(p.beta), -p.gamma, p.beta)
        return (_minus(value, target),)


@dataclass(frozen=True, repr=False)
class _VelocityNoise(Kind):
    name: str = "velocity-noise"

    def rows(self, p: Point) -> tuple[Row, ...]:
        zero = torch.zeros_like(p.beta)
        return Row(p.alpha_dot, p.beta_dot, zero), Row(zero, zero, -p.gamma)

    def parts(self, value: Value) -> tuple[State, ...]:
        v, eta = value
        return v, eta  # type: ignore[return-value]

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        v, eta = self.parts(value)
        target = weighted(sample, p.alpha_dot, p.beta_dot, torch.zeros_like(p.beta))
        return _minus(v, target), _minus(eta, sample.z)


@dataclass(frozen=True, repr=False)
class _Categorical(_Data):
    """The data prediction of one-hot entries: probabilities, learned by their logarithm."""

    name: str = "categorical"

    def errors(self, p: Point, sample: InterpolantSample, value: Value) -> Tensor:
        """The cross-entropy ``−Σ x1 log p`` of each leaf."""

        def minus_log(q: Tensor, one: Tensor) -> Tensor:
            return -torch.log(torch.where(one > 0, q, 1.0))

        (probable,) = self.parts(value)
        return inner_by_leaf(sample.x1, tree_map(minus_log, probable, sample.x1))

    def extrapolated(self, scale: float, base: Value, other: Value) -> Value:
        """``p^w q^(1−w)``, normalised: guidance is linear in logarithms."""

        def leafwise(q: Tensor, p: Tensor) -> Tensor:
            least = torch.finfo(p.dtype).tiny
            logits = torch.lerp((q + least).log(), (p + least).log(), scale)
            there = (p != 0).any(-1, keepdim=True)
            return torch.where(there, logits.softmax(-1), 0.0)

        mixed: State = tree_map(leafwise, *self.parts(base), *self.parts(other))
        return mixed


def _minus(value: Value, target: State) -> State:
    difference: State = tree_map(torch.sub, value, target)  # type: ignore[arg-type]
    return difference


VELOCITY: Kind = _Velocity()
SCORE: Kind = _Score()
NOISE: Kind = _Noise()
DATA: Kind = _Data()
V: Kind = _V()
PAIR: Kind = _VelocityNoise()
CATEGORICAL: Kind = _Categorical()
