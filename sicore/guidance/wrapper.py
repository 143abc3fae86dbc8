"""What all guidance has in common: a prediction around another one, on its path and of its kind."""

from __future__ import annotations

from dataclasses import dataclass

from sicore.interpolants import Interpolant
from sicore.predictions import Kind, Prediction


@dataclass(frozen=True)
class Wrapper:
    """A prediction made from another one.

    Args:
        prediction: the inner one.
    """

    prediction: Prediction

    @property
    def interpolant(self) -> Interpolant:
        """The path of the inner prediction."""
        return self.prediction.interpolant

    @property
    def kind(self) -> Kind:
        """The kind of the inner prediction."""
        return self.prediction.kind

    @property
    def calls(self) -> int:
        """Those of the inner prediction; what is computed besides is not counted."""
        return self.prediction.calls
