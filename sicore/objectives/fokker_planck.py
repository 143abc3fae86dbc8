r"""How far a model is from the Fokker–Planck equation, which ties its times together.

With the velocity b of the path, ``p_t`` obeys ``∂_t p + ∇·(p b) = 0``. For ``φ = log p_t`` and its
gradient s, and b made from s by the path's own conversion, this reads

* scalar: ``R = ∂_t φ + ∇·b + b·∇φ = 0``,
* vector: ``R = ∂_t s + ∇(∇·b + b·s) = 0``, its gradient.

Where the scalar R is 0, ODE and SDEs that start from ``p_0 ∝ e^φ`` have one and the same law,
whatever their noise; a model trained by regression alone has several, and R bounds their distance.
Where the vector R is 0, a score that is a gradient at one time is one at all times.

In the clock τ of a diffusion ``dX = f dτ + g dW`` from data to noise, ``b_τ = f − g² s/2``, and the
scalar is ``∂_τ φ + ∇·f + f·∇φ − ½ g² (Δφ + ‖∇φ‖²)``. With ``t = t(τ)`` falling, both terms of R
change by the one factor ``dτ/dt < 0``: the residual here is the paper's times that factor.

Sources: Deveney et al., "Closing the ODE–SDE gap in score-based diffusion models through the
Fokker–Planck equation", 2023 (scalar, regulariser); Lai et al., "FP-Diffusion: improving
score-based diffusion models by enforcing the underlying score Fokker–Planck equation", 2023
(vector).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import InterpolantSample
from sicore.predictions import SCORE, VELOCITY, Condition, Prediction, convert
from sicore.predictions.potential import PotentialPrediction, gradient, twice_differentiable
from sicore.states import (
    Noise,
    State,
    add,
    batch_size,
    combine,
    inner,
    leaves,
    size_per_sample,
    tree_map,
    zeros_like,
)

EXACT_UP_TO = 16
"""Entries of a sample up to which divergences are exact: one backward pass for each."""


def potential_residual(
    potential: PotentialPrediction,
    t: Tensor,
    x: State,
    condition: Condition = None,
    probe: State | None = None,
) -> Tensor:
    """``∂_t φ + ∇·b + b·∇φ`` of a potential on a one-sided path, ``(B,)``, in 1/time.

    Gradients flow to the network's weights, unless they are disabled.

    Args:
        potential: φ, with its path.
        t: times ``()`` or ``(B,)``, where the score determines the velocity.
        x: states ``(B, ...)``.
        condition: what each sample is conditioned on, or None.
        probe: entries ±1, shaped as x, for Hutchinson's unbiased estimate of ``∇·b``; None for
            the exact divergence, which costs a backward pass for each entry of a sample.

    Raises:
        ConversionError: where the score does not determine the velocity: at a pure-noise start,
            and on two-sided paths.
    """
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        time, at = _variables(t, x)
        phi = potential.log_density(time, at, condition)
        rate, score = _slopes(phi, time, at)
        velocity = convert(potential.interpolant, time, at, score, SCORE, VELOCITY)
        residual = rate + _divergence(velocity, at, probe) + inner(velocity, score)
    return residual if keep else residual.detach()


@dataclass(frozen=True)
class ScoreResidual:
    """The two sides of the equation for the score.

    Attributes:
        rate: ``∂_t s``, shaped as the state.
        residuals: R, shaped as the state: one, exact; or one unbiased estimate for each probe,
            independent given the state.
    """

    rate: State
    residuals: tuple[State, ...]

    def squared(self) -> Tensor:
        """``‖R‖²`` of each sample, ``(B,)``, summed over entries.

        With K probes the mean of ``R_k · R_l`` over ``k ≠ l``: unbiased, unlike the square of one
        estimate, and sometimes negative.
        """
        count = len(self.residuals)
        if count == 1:
            return inner(self.residuals[0], self.residuals[0])
        pairs = [inner(r, other) for r, other in combinations(self.residuals, 2)]
        return torch.stack(pairs).mean(0)

    def scale(self) -> Tensor:
        """``‖∂_t s‖² + ‖R − ∂_t s‖²`` of each sample, ``(B,)``: the size of the two sides."""
        others = [combine(1.0, r, -1.0, self.rate) for r in self.residuals]
        squares = torch.stack([inner(other, other) for other in others])
        return inner(self.rate, self.rate) + squares.mean(0)


def score_residual(
    prediction: Prediction,
    t: Tensor,
    x: State,
    condition: Condition = None,
    probes: tuple[State, ...] = (),
    x0: State | None = None,
) -> ScoreResidual:
    """``∂_t s + ∇(∇·b + b·s)`` of any prediction that determines score and velocity.

    One evaluation of the network, differentiated twice. Gradients flow to its weights, unless
    they are disabled.

    Args:
        prediction: of any kind, guided or not.
        t: times ``()`` or ``(B,)`` inside the path.
        x: states ``(B, ...)``.
        condition: what each sample is conditioned on, or None.
        probes: at least two with entries ±1, shaped as x, for estimates of ``∇·b``; none for the
            exact divergence, which costs two backward passes for each entry of a sample.
        x0: the source states, where the prediction is given them (see ``convert``).

    Raises:
        ConversionError: if the prediction does not determine the score and the velocity, as the
            velocity alone of a two-sided path does not.
    """
    if len(probes) == 1:
        raise InputError("probes: expected none, for the exact divergence, or at least two, got 1")
    keep = torch.is_grad_enabled()
    with torch.enable_grad(), twice_differentiable():
        time, at = _variables(t, x)
        value = prediction(time, at, condition)
        path, kind = prediction.interpolant, prediction.kind
        score, velocity = (convert(path, time, at, value, kind, to, x0) for to in (SCORE, VELOCITY))
        rate = _rate(score, time, keep)
        flow = inner(velocity, score)
        sums = [_divergence(velocity, at, probe) + flow for probe in probes or (None,)]
        residuals = tuple(add(rate, gradient(total, at, keep=keep)) for total in sums)
    return ScoreResidual(rate, residuals)


def probes_for(x: State, noise: Noise, count: int = 2) -> tuple[State, ...]:
    """Independent probes of entries ±1; none where the exact divergence is affordable.

    Args:
        x: states ``(B, ...)``; exact up to ``EXACT_UP_TO`` entries of a sample.
        noise: the streams of these samples.
        count: how many.
    """
    if size_per_sample(x) <= EXACT_UP_TO:
        return ()
    streams = replace(noise, space=None).named("probes")  # every entry on its own
    return tuple(tree_map(torch.sign, streams.at(i).normal_like(x)) for i in range(count))


@dataclass(frozen=True)
class FokkerPlanckRegulariser:
    """The squared Fokker–Planck residual as a term of the loss.

    For a ``PotentialPrediction`` it is ``weight · R²`` with the scalar residual, as in the paper,
    and so depends on the path's clock: a path that crosses the paper's time T in [0, 1] has
    residuals T times as large. For any other prediction it is ``weight · ‖R‖² / (‖∂_t s‖² +
    ‖R − ∂_t s‖²)`` with the vector residual and a denominator that carries no gradient: at most
    twice the weight, and the same in every clock.

    The times are those of the sample. States of up to ``EXACT_UP_TO`` entries have exact
    divergences; others the product of two estimates, unbiased for the square. Two-sided paths need
    the kind ``velocity-noise``. For a potential, the velocity is singular where a path starts from
    pure noise (``linear`` at t = 0, but not ``vp``): there the time law must keep its distance.

    Args:
        weight: how much it counts.
        box: None for residuals at the states of the sample; a number r for states that are
            uniform in ``[−r, r]`` in every entry, as in the paper (its r is 3.5).

    Source: Deveney et al. 2023.
    """

    weight: float = 0.1
    box: float | None = None

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise InputError(f"fokker-planck: expected weight >= 0, got {self.weight}")
        if self.box is not None and not self.box > 0:
            raise InputError(f"fokker-planck: expected box > 0, got {self.box}")

    def __call__(
        self, prediction: Prediction, sample: InterpolantSample, condition: Condition, noise: Noise
    ) -> Tensor:
        """The weighted square of each sample, ``(B,)``."""
        streams = noise.named("fokker-planck")
        x = sample.x_t if self.box is None else _uniform(sample.x_t, self.box, streams)
        probes = probes_for(x, streams)
        if isinstance(prediction, PotentialPrediction):
            residuals = [
                potential_residual(prediction, sample.t, x, condition, probe)
                for probe in probes or (None,)
            ]
            return self.weight * residuals[0] * residuals[-1]
        found = score_residual(prediction, sample.t, x, condition, probes)
        return self.weight * found.squared() / found.scale().detach()


def _variables(t: Tensor, x: State) -> tuple[Tensor, State]:
    """Times ``(B,)``, one variable for each sample, and states, to differentiate in."""
    time = t.detach().expand(batch_size(x)).clone().requires_grad_()
    return time, cast("State", tree_map(lambda leaf: leaf.detach().clone().requires_grad_(), x))


def _slopes(phi: Tensor, time: Tensor, x: State) -> tuple[Tensor, State]:
    """``∂_t φ``, ``(B,)``, and ``∇φ``, in one backward pass."""
    whole = {"t": time, **{f"x{name}": leaf for name, leaf in leaves(x).items()}}
    found = cast("dict[str, Tensor]", gradient(phi, whole, keep=True))
    rate = found.pop("t").to(phi)
    return rate, found["x"] if isinstance(x, Tensor) else {k[1:]: v for k, v in found.items()}


def _divergence(field: State, x: State, probe: State | None) -> Tensor:
    """``∇·field`` of each sample, ``(B,)``, with a graph; exact, or ``v · ∇(v · field)``."""
    if probe is not None:
        return inner(gradient(inner(field, probe), x, keep=True), probe)
    diagonal = [
        cast("Tensor", gradient(entry, leaves(x)[name], keep=True)).flatten(1)[:, i]
        for name, leaf in leaves(field).items()
        for i, entry in enumerate(leaf.flatten(1).unbind(1))
    ]
    return torch.stack(diagonal).sum(0)


def _rate(score: State, time: Tensor, keep: bool) -> State:
    """``∂_t s``: the derivative in u of the derivative of ``u · s`` in t, which is linear in u."""
    u = cast("State", tree_map(lambda leaf: leaf.detach().requires_grad_(), zeros_like(score)))
    slope = cast("Tensor", gradient(inner(score, u), time, keep=True))
    return gradient(slope, u, keep=keep)


def _uniform(like: State, box: float, noise: Noise) -> State:
    streams = noise.named("box")
    drawn = {
        name: box * (2 * streams.uniform(leaf.shape[1:], leaf.dtype, name).to(leaf.device) - 1)
        for name, leaf in leaves(like).items()
    }
    return drawn[""] if isinstance(like, Tensor) else drawn
