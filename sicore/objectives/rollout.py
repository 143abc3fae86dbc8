r"""Training on states that the sampler will meet: made from the network's own estimate.

A sampler of few steps evaluates the network at states that hold the network's earlier estimates.
Training on true states does not prepare it for their errors: more steps may then be worse than one.
For a share of the samples x_t is therefore where an ODE solver stands that has made one step from 0
to t with the estimate ``D = D(x_s, 0)`` of its start ``x_s = x0 + γ(0) z``, without its gradient:

    ``x_t = α(t) x0 + β(t) D + γ(t) ẑ``, with ``ẑ = (x_s − α(0) x0 − β(0) D)/γ(0)``, 0 if γ(0) = 0.

The target stays x1. On a bridge that starts in x0 exactly such states have no noise, by which the
network tells them from those of the path: it learns to refine its estimate from the ones and to
draw samples from the others.

Source: Lay, Lermert, Richter and Gerkmann, "Single and few-step diffusion for generative speech
enhancement", 2024, who train on the end of the sampler's own steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import torch

from sicore.errors import InputError
from sicore.interpolants import InterpolantSample
from sicore.predictions import DATA, Condition, Prediction
from sicore.states import Noise, State, combine, scale, take, tree_map, weighted_sum, zeros_like


@dataclass(frozen=True)
class Rollout:
    """Puts the network's own estimates into a share of the states, on a two-sided path.

    Args:
        share: of the samples, in (0, 1].

    Raises:
        InputError: for another share; for a path from noise, or a network that does not predict
            the data.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"rollout.share: expected a share in (0, 1], got {self.share}")

    def __call__(
        self, prediction: Prediction, sample: InterpolantSample, given: Condition, noise: Noise
    ) -> InterpolantSample:
        """The sample with ``x_t`` from the estimate where it was chosen."""
        if prediction.kind != DATA or sample.x0 is None:
            raise InputError("rollout: needs a two-sided path and prediction=data")
        chosen = (noise.uniform() < self.share).nonzero().flatten()
        if len(chosen) == 0:
            return sample
        chosen = chosen.to(sample.t.device)
        x0, z, t = take(sample.x0, chosen), take(sample.z, chosen), sample.t[chosen]
        condition = {key: value[chosen] for key, value in given.items()} if given else None
        path = prediction.interpolant
        first = path.at(0.0)
        start = combine(1.0, x0, first.gamma, z)
        with torch.no_grad():
            estimate = cast("State", prediction(0.0, start, condition))
        z = zeros_like(z)
        if bool((first.gamma > 0).all()):
            rest = weighted_sum((1.0, -first.alpha, -first.beta), (start, x0, estimate))
            z = scale(1 / first.gamma, rest)
        moved = path.sample(x0, estimate, t, z).x_t
        x_t = tree_map(lambda old, new: old.index_copy(0, chosen, new.to(old)), sample.x_t, moved)
        return replace(sample, x_t=x_t)
