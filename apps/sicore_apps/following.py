"""Properties that are asked for by the gradient of a regressor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, tensor

from sicore.errors import InputError
from sicore.guidance import Tilted
from sicore.predictions import Prediction
from sicore_molecules.domain import Graphs
from sicore_molecules.regressor import PropertyRegressor, load_regressor


@dataclass(frozen=True)
class Following:
    """A wrapper of predictions: they are tilted towards a value of a property.

    Args:
        regressor: of the property.
        value: that is wanted.
    """

    regressor: PropertyRegressor
    value: Tensor

    def __call__(self, prediction: Prediction) -> Prediction:
        """The tilted prediction; how near is near is the regressor's own error."""
        return Tilted(prediction, self.regressor, self.value, self.regressor.scale.error)


def followed_properties(
    paths: Sequence[Path], domain: Graphs, given: Mapping[str, str]
) -> dict[str, Following]:
    """What each regressor leads to, by the name of its property.

    Args:
        paths: files that ``sicore regressor`` wrote.
        domain: of the model.
        given: all values that are asked for, as text, by name.

    Raises:
        InputError: for a file that is none, or a property without a value, or with a wrong one.
    """
    made: dict[str, Following] = {}
    for path in paths:
        regressor = load_regressor(path, domain)
        name = regressor.scale.property
        if name not in given:
            raise InputError(f"--regressor {path}: say which value, --property {name}=VALUE")
        try:
            value = float(given[name])
        except ValueError:
            raise InputError(f"--property {name}={given[name]}: expected a number") from None
        made[name] = Following(regressor, tensor(value))
    return made
