"""Guidance of laws over kinds by a trained regressor: no condition in the generator is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, Time
from sicore.predictions import CATEGORICAL, Condition, Kind, Prediction, Value, part_of
from sicore.states import State, leaves, tree_map


@dataclass(frozen=True)
class Tilted:
    r"""``p_y(x1 = k|x_t) ∝ p(x1 = k|x_t) exp(w ∂ℓ/∂p_k)``, entry by entry.

    ℓ is the logarithm of what is wanted, ``log p(y|x1)`` of a regressor for example, as a function
    of states that may be soft. Its gradient at the mean ``p`` is what each kind of each entry would
    add to it, to first order; no gradient goes through the generator.

    Args:
        prediction: of kind ``categorical``, on any path.
        log_likelihood: ℓ, from states ``(B, ...)`` to ``(B,)``; its ``take``, if it has one,
            gives it for a part of the batch.
        scale: w; 1 is Bayes' rule, to first order.

    Raises:
        InputError: for a prediction of another kind.

    Sources: Vignac et al., "DiGress", 2023, section 5 (at x_t; here at the mean); Song et al.,
    "Loss-guided diffusion models", 2023 (the gradient at the mean, Gaussian paths).
    """

    prediction: Prediction
    log_likelihood: Callable[[State], Tensor]
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.prediction.kind is not CATEGORICAL:
            raise InputError(
                f"tilted: expected a prediction of kind 'categorical', got "
                f"'{self.prediction.kind.name}'"
            )

    @property
    def interpolant(self) -> Interpolant:
        """The path of the inner prediction."""
        return self.prediction.interpolant

    @property
    def kind(self) -> Kind:
        """Categorical."""
        return self.prediction.kind

    @property
    def calls(self) -> int:
        """Those of the inner prediction; the regressor is not counted."""
        return self.prediction.calls

    def take(self, index: Tensor) -> Tilted:
        """For a part of the batch."""
        part = getattr(self.log_likelihood, "take", None)
        wanted = self.log_likelihood if part is None else part(index)
        return replace(self, prediction=part_of(self.prediction, index), log_likelihood=wanted)

    def __call__(self, t: Time, x: State, condition: Condition = None) -> Value:
        """Evaluate the prediction, and tilt it."""
        (probable,) = self.kind.parts(self.prediction(t, x, condition))
        with torch.enable_grad():
            at: State = tree_map(lambda p: p.detach().requires_grad_(), probable)
            parts = leaves(at)
            slopes = torch.autograd.grad(self.log_likelihood(at).sum(), list(parts.values()))
        slope = dict(zip(parts, slopes, strict=True))
        tilts: State = slope[""] if isinstance(at, Tensor) else slope

        def leafwise(p: Tensor, g: Tensor) -> Tensor:
            logits = torch.where(p > 0, p.log() + self.scale * g, -torch.inf)
            there = (p != 0).any(-1, keepdim=True)
            return torch.where(there, torch.where(there, logits, 0.0).softmax(-1), 0.0)

        tilted: State = tree_map(leafwise, probable, tilts)
        return tilted
