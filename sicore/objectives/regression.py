r"""The training objective: regress a prediction on its conditional target along the path.

``L = E_t w(t) ‖prediction(t, x_t) − target‖² / d``, whose minimiser is the conditional
expectation, so that the same few lines serve velocity, score, noise, data, v and the pair (v, η).
On a tree it may be a sum over leaves instead, ``Σ_k c_k E_t w_k(t) ‖…‖²_k / d_k``: one task each.

Source: Albergo, Boffi and Vanden-Eijnden 2023, theorems 2.7 and 2.8 (up to terms that do not
depend on the network).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, InterpolantSample
from sicore.objectives.couplings import Coupled, Coupling, Independent
from sicore.objectives.laws import TimeLaw, Uniform
from sicore.objectives.rollout import Rollout
from sicore.objectives.weights import UniformWeight, Weight
from sicore.predictions import Condition, Kind, Prediction, Value, started
from sicore.states import Noise, State, leaves, scale, size_per_sample


class Regulariser(Protocol):
    """A term that is added to the loss."""

    def __call__(
        self, prediction: Prediction, sample: InterpolantSample, condition: Condition, noise: Noise
    ) -> Tensor:
        """Its value for each sample, ``(B,)``."""
        ...


@runtime_checkable
class ValueRegulariser(Protocol):
    """A term of the value that the loss has predicted: it costs no further evaluation."""

    def of_value(self, kind: Kind, value: Value, sample: InterpolantSample) -> Tensor:
        """Its value for each sample, ``(B,)``."""
        ...


@dataclass(frozen=True)
class Objective:
    """Regression on a path.

    Args:
        interpolant: the path.
        time_law: where on the path training looks.
        weight: how much it counts there.
        coupling: which source meets which data.
        antithetic: average over z and −z, which keeps the variance finite where γ̇ is infinite.
        condition_dropout: the share of samples that are trained without their condition, as
            classifier-free guidance needs. Of several conditions each is also left out in half of
            the others, so that any of them can be given alone.
        regularisers: terms that are added.
        leaf_weights: for trees, the weight c_k of each leaf's mean square; by default all entries
            count alike.
        rollout: states of a share of the samples from the network's own estimate.
    """

    interpolant: Interpolant
    time_law: TimeLaw = Uniform()
    weight: Weight = UniformWeight()
    coupling: Coupling = Independent()
    antithetic: bool = False
    condition_dropout: float = 0.0
    regularisers: tuple[Regulariser | ValueRegulariser, ...] = ()
    leaf_weights: Mapping[str, float] | None = None
    rollout: Rollout | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.condition_dropout <= 1:
            got = self.condition_dropout
            raise InputError(f"condition_dropout: expected a share in [0, 1], got {got}")
        one_hot = self.interpolant.categorical
        if one_hot and self.rollout is not None:
            raise InputError("rollout: its states are no draws of a categorical path; set it to 0")
        if one_hot and not self.coupling.independent_noise(self.interpolant):
            raise InputError(
                f"coupling: {type(self.coupling).__name__} measures distances, which one-hot "
                f"states have not; choose 'independent'"
            )
        if self.antithetic and self.rollout is not None:
            raise InputError("rollout: has no mirrored sample; set antithetic=false")
        if self.antithetic and not self.coupling.independent_noise(self.interpolant):
            raise InputError(
                f"antithetic: {type(self.coupling).__name__} ties the noise of "
                f"{type(self.interpolant).__name__} to the data, so −z is not as good as z"
            )

    def loss(self, prediction: Prediction, x1: State, condition: Condition, noise: Noise) -> Tensor:
        """The loss of each sample, ``(B,)``; the caller reduces.

        Args:
            prediction: what is trained.
            x1: data ``(B, ...)``.
            condition: what each sample is conditioned on, or None.
            noise: the streams of these samples.
        """
        t = self.time_law.sample(noise.named("time"), self.interpolant)
        pair = self.coupling(self.interpolant, x1, noise, condition)
        given = self._given(condition, pair, noise)
        pair, given = self._started(prediction, pair, given)
        sample = self.interpolant.sample(pair.x0, pair.x1, t, pair.z)
        if self.rollout is not None:
            sample = self.rollout(prediction, sample, given, noise.named("rollout"))
        value = prediction(sample.t, sample.x_t, given)
        loss = self._error(prediction.kind, sample, value)
        if self.antithetic:
            mirrored = self.interpolant.sample(pair.x0, pair.x1, t, scale(-1.0, pair.z))
            other = prediction(mirrored.t, mirrored.x_t, given)
            loss = (loss + self._error(prediction.kind, mirrored, other)) / 2
        self.time_law.observe(t, loss.detach())
        loss = self.time_law.correction(t).to(loss) * loss
        for regulariser in self.regularisers:
            if isinstance(regulariser, ValueRegulariser):
                loss = loss + regulariser.of_value(prediction.kind, value, sample)
            else:
                loss = loss + regulariser(prediction, sample, given, noise.named("regulariser"))
        return loss

    def _started(
        self, prediction: Prediction, pair: Coupled, given: Condition
    ) -> tuple[Coupled, Condition]:
        """The pair with the source where the network starts."""
        if self.coupling.observed is None or pair.x0 is None:
            return pair, given
        start = started(prediction, pair.x0, self.coupling.observed, given)
        return pair._replace(x0=start.x0), start.condition

    def _error(self, kind: Kind, sample: InterpolantSample, value: Value) -> Tensor:
        p = self.interpolant.at(sample.t)
        errors = kind.errors(p, sample, value)
        weight = self.weight(p, kind).to(errors)
        return (weight * self._share(sample.x1).to(errors) * errors).sum(0)

    def _share(self, x1: State) -> Tensor:
        """What one squared entry of each leaf counts, ``(L, 1)``."""
        parts = leaves(x1)
        if self.leaf_weights is None:
            return torch.full((len(parts), 1), 1 / size_per_sample(x1))
        if set(self.leaf_weights) != set(parts):
            raise InputError(
                f"leaf_weights: expected one for each of {sorted(parts)}, "
                f"got {sorted(self.leaf_weights)}"
            )
        shares = [self.leaf_weights[name] / parts[name][0].numel() for name in sorted(parts)]
        return torch.tensor(shares).unsqueeze(1)

    def _given(self, condition: Condition, pair: Coupled, noise: Noise) -> Condition:
        """What the network sees: a dropped condition is −1 (a code) or NaN (numbers)."""
        shown, observed = self.coupling.shown(condition), self.coupling.observed
        if observed is not None:
            shown = {**(shown or {}), observed: cast("Tensor", pair.x0)}
        if not shown or self.condition_dropout == 0:
            return shown
        streams = noise.named("condition")
        kept = streams.uniform() >= self.condition_dropout
        several = len(shown.keys() - {observed}) > 1
        return {
            k: v if k == observed else _dropped(kept & _alone(streams, k) if several else kept, v)
            for k, v in shown.items()
        }


def _alone(streams: Noise, name: str) -> Tensor:
    """Whether a condition is kept where others may not be: one of two."""
    return streams.named(name).uniform() < 0.5


def _dropped(kept: Tensor, value: Tensor) -> Tensor:
    missing = float("nan") if value.is_floating_point() else -1
    return torch.where(kept.to(value.device).reshape(-1, *(1,) * (value.ndim - 1)), value, missing)
