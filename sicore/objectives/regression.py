r"""The training objective: regress a prediction on its conditional target along the path.

``L = E_t w(t) ‖prediction(t, x_t) − target‖² / d``, whose minimiser is the conditional
expectation, so that the same few lines serve velocity, score, noise, data, v and the pair (v, η).

Source: Albergo, Boffi and Vanden-Eijnden 2023, theorems 2.7 and 2.8 (up to terms that do not
depend on the network).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.objectives.couplings import Coupling, Independent
from sicore.objectives.laws import TimeLaw, Uniform
from sicore.objectives.weights import UniformWeight, Weight
from sicore.predictions import Condition, Prediction
from sicore.states import Noise, State, inner, scale, size_per_sample


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
            classifier-free guidance needs.
    """

    interpolant: Interpolant
    time_law: TimeLaw = Uniform()
    weight: Weight = UniformWeight()
    coupling: Coupling = Independent()
    antithetic: bool = False
    condition_dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.condition_dropout <= 1:
            got = self.condition_dropout
            raise InputError(f"condition_dropout: expected a share in [0, 1], got {got}")

    def loss(self, prediction: Prediction, x1: State, condition: Condition, noise: Noise) -> Tensor:
        """The loss of each sample, ``(B,)``; the caller reduces.

        Args:
            prediction: what is trained.
            x1: data ``(B, ...)``.
            condition: what each sample is conditioned on, or None.
            noise: the streams of these samples.
        """
        t = self.time_law.sample(noise.named("time"), self.interpolant)
        z = noise.named("latent").normal_like(x1)
        x0, x1 = self.coupling(self.interpolant, x1, noise)
        given = self._drop(condition, noise)
        loss = self._error(prediction, x0, x1, t, z, given)
        if self.antithetic:
            mirrored = self._error(prediction, x0, x1, t, scale(-1.0, z), given)
            loss = (loss + mirrored) / 2
        return loss

    def _error(
        self,
        prediction: Prediction,
        x0: State | None,
        x1: State,
        t: Tensor,
        z: State,
        condition: Condition,
    ) -> Tensor:
        sample = self.interpolant.sample(x0, x1, t, z)
        p = self.interpolant.at(t)
        value = prediction(t, sample.x_t, condition)
        residuals = prediction.kind.residual(p, sample, value)
        squares = sum(inner(r, r) for r in residuals)
        return self.weight(p).to(cast("Tensor", squares)) * squares / size_per_sample(x1)

    def _drop(self, condition: Condition, noise: Noise) -> Condition:
        if not condition or self.condition_dropout == 0:
            return condition
        kept = noise.named("condition").uniform() >= self.condition_dropout
        return {k: torch.where(kept.to(v.device), v, -1) for k, v in condition.items()}
