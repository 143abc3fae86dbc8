"""What all scalings are: invertible maps of values, written as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Scaling:
    """A function of rows or windows; all numbers are float64 ``(C,)``, or ``(C, Q)`` for knots."""

    name: ClassVar[str]
    of_windows: ClassVar[bool] = False
    """Whether it is fitted to windows ``(W, T, C)``, and takes no rows."""

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """The scaling that standardises the values ``(n, C)`` or, of windows, ``(W, T, C)``."""
        raise NotImplementedError

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        arrays = (np.asarray(config[field.name], np.float64) for field in fields(cls))
        return cls(*arrays)

    @property
    def config(self) -> dict[str, Any]:
        """Its name and numbers as strings and lists."""
        numbers = {field.name: getattr(self, field.name).tolist() for field in fields(self)}
        return {"name": self.name, **numbers}

    def encode(self, x: Tensor) -> Tensor:
        """Raw ``(..., C)`` to scaled, in the dtype of x; computed in float64. NaN stay NaN."""
        return self._encode(x.double()).to(x.dtype)

    def decode(self, y: Tensor) -> Tensor:
        """The inverse of `encode`, up to rounding."""
        return self._decode(y.double()).to(y.dtype)

    def _encode(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _decode(self, y: Tensor) -> Tensor:
        raise NotImplementedError


def like(numbers: np.ndarray, x: Tensor) -> Tensor:
    """The numbers as a tensor of the dtype and device of x."""
    return torch.from_numpy(numbers).to(x)


def written(numbers: np.ndarray) -> list[str]:
    """The rows of a matrix as texts: a configuration has room for a few thousand entries only."""
    return [" ".join(map(repr, row.tolist())) for row in numbers]


def read(rows: Sequence[str]) -> np.ndarray:
    """The matrix of such texts, float64."""
    return np.stack([np.array(row.split(), np.float64) for row in rows])
