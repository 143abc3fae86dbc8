"""What the predictor of a stochastic regeneration learns by."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import InterpolantSample
from sicore.predictions import Kind, Value
from sicore.states import combine, inner, size_per_sample


@dataclass(frozen=True)
class StartError:
    """``weight · mean (x0 − x1)²``: what the predictor of a regeneration learns by.

    x0 is where the path starts, D(y) (see `sicore.backbones.Regeneration`); with weight 1 both
    losses count alike. Where the path starts from data it is a constant.

    Args:
        weight: beside that of the path.

    Raises:
        InputError: for a negative weight, or a path from noise.

    Source: Lemercier et al., "StoRM", 2023, equation 15.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise InputError(f"start-error: expected a weight >= 0, got {self.weight}")

    def of_value(self, kind: Kind, value: Value, sample: InterpolantSample) -> Tensor:
        """The error of each sample, ``(B,)``."""
        if sample.x0 is None:
            raise InputError("start-error: this path starts from noise")
        difference = combine(1.0, sample.x0, -1.0, sample.x1)
        return self.weight * inner(difference, difference) / size_per_sample(sample.x1)
