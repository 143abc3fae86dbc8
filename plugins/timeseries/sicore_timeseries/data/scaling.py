r"""Scalings: each column to numbers of mean 0 and variance 1, and back.

Most are a monotone function of each column, and its inverse. Missing values stay NaN. A scaling is
written as plain numbers (`Scaling.config`), which a model folder keeps.

- ``standard``: ``y = (x − m)/s``
- ``min-max``: the same with m the least and ``s = max − min + 10⁻⁷``, as TimeGAN's protocol has it
- ``log``: ``y = (log x − m)/s``, for columns that are above 0
- ``asinh``: ``y = (asinh((x − c)/w) − m)/s`` with c the median and w the usual half width: nearly
  linear in the middle, logarithmic in the tails
- ``quantile``: the value's rank in the data as a standard normal, between knots and beyond them
  piecewise linear
- ``innovations`` and ``increments``: of windows, what is new in each row, see
  `sicore_timeseries.data.innovations`
- ``spectrum``: of windows, their frequencies, see `sicore_timeseries.data.spectrum`

A column that never changes has ``s = 1``. Several names are applied in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from sicore.errors import InputError, UnknownName
from sicore_timeseries.data.base_scaling import Scaling, like
from sicore_timeseries.data.innovations import Increments, Innovations
from sicore_timeseries.data.spectrum import Spectrum

SAME = 1e-12  # a deviation below this share of the values is rounding
KNOTS = 33
QUARTILE = 0.6744897501960817  # of the standard normal


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
        return (x - like(self.mean, x)) / like(self.std, x)

    def _decode(self, y: Tensor) -> Tensor:
        return y * like(self.std, y) + like(self.mean, y)


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
        inner = torch.asinh((x - like(self.centre, x)) / like(self.width, x))
        return (inner - like(self.mean, x)) / like(self.std, x)

    def _decode(self, y: Tensor) -> Tensor:
        inner = y * like(self.std, y) + like(self.mean, y)
        return inner.sinh() * like(self.width, y) + like(self.centre, y)


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


@dataclass(frozen=True)
class Chain(Scaling):
    """Several scalings, applied in turn.

    Args:
        parts: from raw values on.
    """

    name: ClassVar[str] = "chain"
    parts: tuple[Scaling, ...]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        return cls(tuple(read_scaling(part) for part in config["parts"]))

    @property
    def config(self) -> dict[str, Any]:
        """The parts'."""
        return {"name": self.name, "parts": [part.config for part in self.parts]}

    def _encode(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part.encode(x)
        return x

    def _decode(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.decode(y)
        return y


SCALINGS: Mapping[str, type[Scaling]] = {
    kind.name: kind
    for kind in (Standard, MinMax, Logarithm, Asinh, Quantile, Innovations, Increments, Spectrum)
}


def of_windows(names: str | Sequence[str]) -> bool:
    """Whether one of the scalings is of whole windows, not of rows."""
    wanted = [names] if isinstance(names, str) else names
    return any(SCALINGS[name].of_windows for name in wanted if name in SCALINGS)


def fit_scaling(
    names: str | Sequence[str], rows: np.ndarray, windows: np.ndarray | None = None
) -> Scaling:
    """The scaling of this name, or of several names in turn.

    Args:
        names: of `SCALINGS`.
        rows: float64 ``(n, C)``.
        windows: float64 ``(W, T, C)``, for scalings of windows.

    Raises:
        UnknownName: there is none of a name.
        InputError: it does not fit the values, or a column has none; or no name is given, or no
            windows for a scaling that takes them.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise InputError(f"scaling: expected one of {', '.join(SCALINGS)}, or several, got none")
    for name in wanted:
        if name not in SCALINGS:
            raise UnknownName("scaling", name, SCALINGS)
    empty = np.flatnonzero(np.isnan(rows).all(0))
    if len(empty):
        raise InputError(
            f"scaling: column number {empty[0] + 1} has no values in these rows; leave it out, or "
            "choose other shares of the splits"
        )
    parts: list[Scaling] = []
    for name in wanted:
        kind = SCALINGS[name]
        values = windows if kind.of_windows else rows
        if values is None:
            raise InputError(f"scaling '{name}': is one of windows, and got none")
        parts.append(kind.fit(values))
        encode = parts[-1].encode
        windows = None if windows is None else encode(torch.from_numpy(windows)).numpy()
        still_rows = not kind.of_windows or windows is None
        last = encode(torch.from_numpy(rows)) if still_rows else torch.from_numpy(windows)
        rows = last.flatten(0, -2).numpy()
    return parts[0] if len(parts) == 1 else Chain(tuple(parts))


def read_scaling(config: Mapping[str, Any]) -> Scaling:
    """The scaling of a configuration that `Scaling.config` wrote."""
    name = str(config.get("name"))
    kinds: Mapping[str, type[Scaling]] = {**SCALINGS, Chain.name: Chain}
    if name not in kinds:
        raise UnknownName("scaling", name, kinds)
    return kinds[name].of(config)


def _spread(values: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The deviation; 1 where it is only rounding."""
    return np.where(deviation > SAME * np.nanmax(np.abs(values), 0), deviation, 1.0)


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
