"""Guidance of laws over kinds by what is measured of them: no condition in the generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.guidance.wrapper import Wrapper
from sicore.interpolants import Time
from sicore.predictions import CATEGORICAL, Condition, Value, part_of
from sicore.states import State, batch_size, leaves, tree_map


@dataclass(frozen=True)
class Tilted(Wrapper):
    r"""Samples with ``y = f(x1) + σ n``: each law over kinds is tilted towards it.

    With ``p`` the law of each entry given ``x_t``, ``g = ∇f(p)`` and the variance that f still has,
    ``v = Σ_entries Var_p(g)``, to first order in f and with a normal law of f,

        ``p_y(k) ∝ p(k) exp(w (y − f(p)) g_k/(σ² + v))``.

    Without v, all entries would answer to the same gap, and overshoot; with a σ below what a single
    entry changes they do so at the end. f is a trained regressor, for example; it is evaluated at
    p, a state that is soft, and no gradient goes through the generator.

    Args:
        prediction: of kind ``categorical``, on any path.
        function: f, from states ``(B, ...)`` to ``(B,)``.
        value: y, ``()`` or ``(B,)``.
        std: σ.
        scale: w; 1 is Bayes' rule.

    Raises:
        InputError: for a prediction of another kind, or unless σ > 0.

    Sources: Vignac et al., "DiGress", 2023, section 5 (a regressor's gradient, at x_t); Boys et
    al., "Tweedie moment projected diffusions", 2023 (v, for Gaussian paths).
    """

    function: Callable[[State], Tensor]
    value: Tensor
    std: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.prediction.kind is not CATEGORICAL:
            raise InputError(
                f"tilted: expected a prediction of kind 'categorical', got "
                f"'{self.prediction.kind.name}'"
            )
        if not self.std > 0:
            raise InputError(f"tilted: expected std > 0, got {self.std}")

    def take(self, index: Tensor) -> Tilted:
        """For a part of the batch."""
        value = self.value[index] if self.value.ndim else self.value
        return replace(self, prediction=part_of(self.prediction, index), value=value)

    def __call__(self, t: Time, x: State, condition: Condition = None) -> Value:
        """Evaluate the prediction, and tilt it."""
        (probable,) = self.kind.parts(self.prediction(t, x, condition))
        given, slope = self._slope(probable)
        variance = sum(leaves(tree_map(_variance, probable, slope)).values())
        gap = self.value.to(given) - given
        tilt = self.scale * gap / (self.std**2 + variance)

        def leafwise(p: Tensor, g: Tensor) -> Tensor:
            wide = tilt.reshape(-1, *(1,) * (g.ndim - 1))
            there = (p != 0).any(-1, keepdim=True)
            logits = torch.where(p > 0, p.log() + wide * g, -torch.inf)
            return torch.where(there, torch.where(there, logits, 0.0).softmax(-1), 0.0)

        tilted: State = tree_map(leafwise, probable, slope)
        return tilted

    def _slope(self, probable: State) -> tuple[Tensor, State]:
        """``f(p)`` and its gradient."""
        with torch.enable_grad():
            at: State = tree_map(lambda p: p.detach().requires_grad_(), probable)
            value = self.function(at)
            if value.shape != (batch_size(at),):
                got = tuple(value.shape)
                raise InputError(f"tilted: the function must give one number each, got {got}")
            parts = leaves(at)
            slopes = torch.autograd.grad(value.sum(), list(parts.values()))
        named = dict(zip(parts, slopes, strict=True))
        return value.detach(), named[""] if isinstance(at, Tensor) else named


def _variance(p: Tensor, g: Tensor) -> Tensor:
    """``Σ_entries Var_p(g)`` of each sample, ``(B,)``."""
    mean = (p * g).sum(-1, keepdim=True)
    return (p * (g - mean).square()).flatten(1).sum(1)
