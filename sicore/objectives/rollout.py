r"""Training on states that the sampler will meet: made from the network's own estimate.

A sampler of few steps evaluates the network at states that hold the network's earlier estimates.
Training on true states does not prepare it for their errors: more steps may then be worse than one.
For a share of the samples ``x_t = α(t) x0 + β(t) D(x0, 0) + γ(t) z`` therefore has the estimate D
from the start of the path, without its gradient, in place of x1. There a sampler stands that has
made one step from 0 to t. The target stays x1.

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
from sicore.states import Noise, State, take, tree_map


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
        with torch.no_grad():
            estimate = cast("State", prediction(0.0, x0, condition))
        moved = prediction.interpolant.sample(x0, estimate, t, z).x_t
        x_t = tree_map(lambda old, new: old.index_copy(0, chosen, new.to(old)), sample.x_t, moved)
        return replace(sample, x_t=x_t)
