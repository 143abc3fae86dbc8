"""Classifier-free guidance: push a conditional prediction away from the unconditional one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from sicore.guidance.wrapper import Wrapper
from sicore.interpolants import Time
from sicore.predictions import Condition, Value, part_of
from sicore.states import State


@dataclass(frozen=True)
class ClassifierFree(Wrapper):
    r"""``p_∅ + w (p_c − p_∅)``, a prediction like any other; two network calls.

    Every kind is linear in the score at fixed (t, x), so the formula is the same for all; laws over
    kinds (``categorical``) are combined in their logarithms. It is not the score of a tilted law
    ``p(x) p(c|x)^w`` at the end of the path; w = 1 is the conditional model, w = 0 the
    unconditional one.

    Args:
        prediction: trained with a share of its conditions dropped.
        scale: w.
        kept: names of conditions that the unconditional one keeps, such as an observed source.

    Source: Ho and Salimans, "Classifier-free diffusion guidance", 2022, equation 6.
    """

    scale: float
    kept: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """Twice those of the inner prediction."""
        return 2 * self.prediction.calls

    def take(self, index: Tensor) -> ClassifierFree:
        """For a part of the batch."""
        return replace(self, prediction=part_of(self.prediction, index))

    def __call__(self, t: Time, x: State, condition: Condition = None) -> Value:
        """Evaluate both and combine."""
        given = self.prediction(t, x, condition)
        rest = {name: (condition or {})[name] for name in self.kept} or None
        free = self.prediction(t, x, rest)
        return self.kind.extrapolated(self.scale, free, given)
