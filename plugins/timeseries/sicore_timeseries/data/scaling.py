r"""Scalings: each column to numbers of mean 0 and variance 1, and back.

A scaling is a monotone function of each column, and its inverse. Missing values stay NaN. It is
written as plain numbers (`Scaling.config`), which a model folder keeps.

- ``standard``: ``y = (x − m)/s``
- ``min-max``: the same with m the least and ``s = max − min + 10⁻⁷``, as TimeGAN's protocol has it
- ``log``: ``y = (log x − m)/s``, for columns that are above 0
- ``asinh``: ``y = (asinh((x − c)/w) − m)/s`` with c the median and w the usual half width: nearly
  linear in the middle, logarithmic in the tails
- ``quantile``: the value's rank in the data as a standard normal, between knots and beyond them
  piecewise linear

A column that never changes has ``s = 1``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from sicore.errors import InputError, UnknownName

SAME = 1e-12  # a deviation below this share of the values is rounding
KNOTS = 33
QUARTILE = 0.6744897501960817  # of the standard normal


@dataclass(frozen=True)
class Scaling:
    """A function of each column; all numbers are float64 ``(C,)``, or ``(C, Q)`` for knots."""

    name: ClassVar[str]

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """The scaling that standardises the values ``(n, C)``; NaN are left out."""
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
        """Raw ``(..., C)`` to scaled, in the dtype of x; computed in float64."""
        return self._encode(x.double()).to(x.dtype)

    def decode(self, y: Tensor) -> Tensor:
        """The inverse of `encode`, up to rounding."""
        return self._decode(y.double()).to(y.dtype)

    def _encode(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _decode(self, y: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class Standard(Scaling):
    """``y = (x − mean)/std``."""

    name: ClassVar[str] = "standard"
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Mean and standard deviation."""
        return cls(np.nanmean(values, 0), _spread(values, np.nanstd(values, 0)))

    def _encode(self, x: Tensor) -> Tensor:
        return (x - _like(self.mean, x)) / _like(self.std, x)

    def _decode(self, y: Tensor) -> Tensor:
        return y * _like(self.std, y) + _like(self.mean, y)


@dataclass(frozen=True)
class MinMax(Standard):
    """``y = (x − min)/(max − min + 10⁻⁷)``: to [0, 1).

    Source: Yoon et al., "Time-series generative adversarial networks", 2019, its published code.
    """

    name: ClassVar[str] = "min-max"

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """The least value, and the range."""
        least = np.nanmin(values, 0)
        return cls(least, np.nanmax(values, 0) - least + 1e-7)


@dataclass(frozen=True)
class Logarithm(Standard):
    """``y = (log x − mean)/std``."""

    name: ClassVar[str] = "log"

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Mean and standard deviation of the logarithms.

        Raises:
            InputError: a value is 0 or less.
        """
        wrong = np.flatnonzero(np.nanmin(values, 0) <= 0)
        if len(wrong):
            raise InputError(
                f"scaling 'log': column number {wrong[0] + 1} has values that are not above 0; "
                "use asinh"
            )
        inner = Standard.fit(np.log(values))
        return cls(inner.mean, inner.std)

    def _encode(self, x: Tensor) -> Tensor:
        return super()._encode(x.log())

    def _decode(self, y: Tensor) -> Tensor:
        return super()._decode(y).exp()


@dataclass(frozen=True)
class Asinh(Scaling):
    """``y = (asinh((x − centre)/width) − mean)/std``."""

    name: ClassVar[str] = "asinh"
    centre: np.ndarray
    width: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Median and quartiles, then mean and standard deviation of what they give.

        Where half of the values are the same, the width is the standard deviation.
        """
        low, centre, high = np.nanquantile(values, (0.25, 0.5, 0.75), axis=0)
        half = (high - low) / (2 * QUARTILE)
        deviation = _spread(values, np.nanstd(values, 0))
        width = np.where(half > SAME * np.nanmax(np.abs(values), 0), half, deviation)
        inner = Standard.fit(np.arcsinh((values - centre) / width))
        return cls(centre, width, inner.mean, inner.std)

    def _encode(self, x: Tensor) -> Tensor:
        inner = torch.asinh((x - _like(self.centre, x)) / _like(self.width, x))
        return (inner - _like(self.mean, x)) / _like(self.std, x)

    def _decode(self, y: Tensor) -> Tensor:
        inner = y * _like(self.std, y) + _like(self.mean, y)
        return inner.sinh() * _like(self.width, y) + _like(self.centre, y)


@dataclass(frozen=True)
class Quantile(Scaling):
    """Piecewise linear between knots ``(x_q, y_q)`` and, with the slope at the end, beyond them.

    ``y_q`` are quantiles of the standard normal, so scaled data are nearly normal. Knots of equal
    x (many equal values) become one, at the middle of their y.

    Args:
        x: increasing ``(C, Q)``; columns with fewer knots end in NaN.
        y: increasing ``(C, Q)``.
    """

    name: ClassVar[str] = "quantile"
    x: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers: columns may have different numbers of knots."""
        return cls(*(_padded([np.asarray(line) for line in config[axis]]) for axis in "xy"))

    @property
    def config(self) -> dict[str, Any]:
        """Its name, and the knots of each column."""
        lines = {axis: getattr(self, axis) for axis in "xy"}
        return {
            "name": self.name,
            **{axis: [a[~np.isnan(a)].tolist() for a in line] for axis, line in lines.items()},
        }

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Quantiles at evenly spaced levels; the outermost are about those of n values."""
        n = len(values)
        edge = 0.5 / max(n, 2)
        levels = np.linspace(0, 1, KNOTS) * (1 - 2 * edge) + edge
        pairs = [_knots(column[~np.isnan(column)], levels) for column in values.T]
        return cls(*(_padded(lines) for lines in zip(*pairs, strict=True)))

    def _encode(self, x: Tensor) -> Tensor:
        return _piecewise(x, self.x, self.y)

    def _decode(self, y: Tensor) -> Tensor:
        return _piecewise(y, self.y, self.x)


SCALINGS: Mapping[str, type[Scaling]] = {
    kind.name: kind for kind in (Standard, MinMax, Logarithm, Asinh, Quantile)
}


def fit_scaling(name: str, values: np.ndarray) -> Scaling:
    """The scaling of this name for values ``(n, C)``.

    Raises:
        UnknownName: there is none of this name.
        InputError: it does not fit the values, or a column has none.
    """
    if name not in SCALINGS:
        raise UnknownName("scaling", name, SCALINGS)
    empty = np.flatnonzero(np.isnan(values).all(0))
    if len(empty):
        raise InputError(
            f"scaling: column number {empty[0] + 1} has no values in these rows; leave it out, or "
            "choose other shares of the splits"
        )
    return SCALINGS[name].fit(values)


def read_scaling(config: Mapping[str, Any]) -> Scaling:
    """The scaling of a configuration that `Scaling.config` wrote."""
    name = str(config.get("name"))
    if name not in SCALINGS:
        raise UnknownName("scaling", name, SCALINGS)
    return SCALINGS[name].of(config)


def _spread(values: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The deviation; 1 where it is only rounding."""
    return np.where(deviation > SAME * np.nanmax(np.abs(values), 0), deviation, 1.0)


def _like(numbers: np.ndarray, x: Tensor) -> Tensor:
    return torch.from_numpy(numbers).to(x)


def _knots(values: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Increasing knots of one column; a column of one value gets a slope of 1."""
    x, places = np.unique(np.quantile(values, levels), return_inverse=True)
    if len(x) == 1:
        return np.array((x[0], x[0] + 1)), np.array((0.0, 1.0))
    scores = ndtri(levels)
    low, high = (np.full(len(x), bound) for bound in (np.inf, -np.inf))
    np.minimum.at(low, places, scores)
    np.maximum.at(high, places, scores)
    return x, (low + high) / 2


def _padded(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Lines of different lengths as rows that end in NaN."""
    rows = np.full((len(lines), max(map(len, lines))), np.nan)
    for row, line in zip(rows, lines, strict=True):
        row[: len(line)] = line
    return rows


def _piecewise(x: Tensor, knots: np.ndarray, heights: np.ndarray) -> Tensor:
    """Each column through its own broken line."""
    columns: list[Tensor] = []

    def whole(a: np.ndarray) -> Tensor:
        return torch.from_numpy(a[~np.isnan(a)]).to(x)

    for column, own_knots, own_heights in zip(x.unbind(-1), knots, heights, strict=True):
        at, height = whole(own_knots), whole(own_heights)
        slope = height.diff() / at.diff()
        piece = torch.searchsorted(at[1:-1].contiguous(), column.contiguous())
        columns.append(height[piece] + slope[piece] * (column - at[piece]))
    return torch.stack(columns, -1)
