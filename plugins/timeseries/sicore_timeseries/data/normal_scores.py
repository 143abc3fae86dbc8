r"""Each column as normal scores: ``y = Φ⁻¹(F(x))``, F its distribution function, and back.

Between knots the map is linear. A value that often comes (an *atom*: a sensor that does not move, a
light that is off) has a whole interval of scores: all of them are decoded as that very value, which
is encoded as the median of the interval. So a model that is a little off still gives the value. Of
columns that have atoms only, intervals end halfway between the scores of neighbours, so that none
takes what is meant for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from torch import Tensor

from sicore_timeseries.data.base_scaling import read, written

KNOTS = 33
ATOM = 1 / 128  # the least share of the values that makes one of them an atom
DISCRETE = 128  # a column with no more values than this has atoms only
ROUNDING = 2.0**-21  # values this near, in units of the column, are one: items are float32
NUDGE = 1e-9  # scores of knots rise by this at least


class Line(NamedTuple):
    """The knots of one column: x does not fall, and y rises.

    An atom is three knots of equal x: where its interval begins, its score, and where it ends.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class NormalScores:
    """A monotone function of each column.

    Args:
        lines: the knots of each column.
        near: what is no farther from an atom than this is taken for it, ``(C,)``.
    """

    lines: tuple[Line, ...]
    near: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, unit: np.ndarray) -> Self:
        """Knots at evenly spaced scores, and at the ends of atoms.

        Args:
            values: float64 ``(n, C)``; NaN are left out.
            unit: the size of the numbers that they were computed from, ``(C,)``.
        """
        near = ROUNDING * unit
        columns = zip(values.T, near.tolist(), strict=True)
        return cls(tuple(_knots(np.sort(x[~np.isnan(x)]), width) for x, width in columns), near)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        lines = (Line(*read(line)) for line in config["lines"])
        return cls(tuple(lines), np.asarray(config["near"], np.float64))

    @property
    def config(self) -> dict[str, Any]:
        """As plain numbers, and texts of numbers."""
        lines = [written(np.stack(line)) for line in self.lines]
        return {"lines": lines, "near": self.near.tolist()}

    def encode(self, x: Tensor) -> Tensor:
        """Scores of float64 values ``(..., C)``; NaN stay NaN."""
        table, near = self._table, torch.from_numpy(self.near).to(x)
        scores = table.scores(x)
        knot = _search(table.x, x - near).clamp(max=table.x.shape[1] - 1)
        at_atom = (_take(table.x, knot) - x).abs() <= near
        middle = _take(table.middle, knot)
        return torch.where(at_atom & ~middle.isnan(), middle, scores)

    def decode(self, y: Tensor) -> Tensor:
        """Values of float64 scores ``(..., C)``."""
        return self._table.values(y)

    @cached_property
    def _table(self) -> _Table:
        return _Table.of(self.lines)


@dataclass(frozen=True)
class _Table:
    """The lines as rows of one length, ``(C, K)``, which end in infinite x."""

    x: Tensor
    y: Tensor
    rising: Tensor  # dy/dx of each piece
    running: Tensor  # dx/dy
    last: Tensor  # the number of the last piece
    middle: Tensor  # the score of an atom, at the first of its knots; NaN at others

    @classmethod
    def of(cls, lines: tuple[Line, ...]) -> Self:
        size = max(len(line.x) for line in lines)
        shape = (len(lines), size)
        x, y, middle = np.full(shape, np.inf), np.full(shape, np.inf), np.full(shape, np.nan)
        rising, running = np.zeros((len(lines), size - 1)), np.zeros((len(lines), size - 1))
        for c, line in enumerate(lines):
            n = len(line.x)
            run, rise = np.diff(line.x), np.diff(line.y)
            x[c, :n], y[c, :n] = line
            running[c, : n - 1] = run / rise
            np.divide(rise, run, out=rising[c, : n - 1], where=run > 0)
            atom = np.flatnonzero((run[:-1] == 0) & (run[1:] == 0))
            middle[c, atom] = line.y[atom + 1]
        last = np.array([len(line.x) - 2 for line in lines])
        arrays = (x, y, rising, running, last, middle)
        return cls(*(torch.from_numpy(array) for array in arrays))

    def scores(self, x: Tensor) -> Tensor:
        return _along(x, self.x, self.y, self.rising, self.last)

    def values(self, y: Tensor) -> Tensor:
        return _along(y, self.y, self.x, self.running, self.last)


def _knots(values: np.ndarray, near: float) -> Line:
    """Of one column of sorted values."""
    n = len(values)
    edge = 0.5 / n
    start, stop = _atoms(values, near)
    low, high = start / n, stop / n
    last = -ndtri(min(edge, 0.25))
    levels = ndtr(np.linspace(-last, last, KNOTS))
    inside = (levels[:, None] > low - edge) & (levels[:, None] < high + edge)
    free = levels[~inside.any(1)] if (stop - start).sum() < n else levels[:0]
    atoms = values[(start + stop - 1) // 2]
    low, centre, high = (
        ndtri(share.clip(edge, 1 - edge)) for share in (low, (low + high) / 2, high)
    )
    if not len(free):
        low[1:] = high[:-1] = (centre[1:] + centre[:-1]) / 2
    x = np.concatenate((np.quantile(values, free), atoms, atoms, atoms))
    score = np.concatenate((ndtri(free), low, centre, high))
    order = np.lexsort((x, score))
    x, y = np.maximum.accumulate(x[order]), score[order] + NUDGE * np.arange(len(x))
    if len(atoms) == 1 and not len(free):  # a constant
        y = np.array((-1.0, 0.0, 1.0))
    deviation = float(values.std())
    return _ended(Line(x, y), deviation if deviation > near else near / ROUNDING)


def _ended(line: Line, step: float) -> Line:
    """Beyond the ends as of a normal law with this deviation: they give all numbers scores.

    The slope at the end, of the two largest values, would carry a model's outliers far away.
    """
    x, y = line
    return Line(
        np.concatenate((x[:1] - step, x, x[-1:] + step)), np.concatenate((y[:1] - 1, y, y[-1:] + 1))
    )


def _atoms(values: np.ndarray, near: float) -> tuple[np.ndarray, np.ndarray]:
    """Where runs of equal values begin and end that are atoms, of sorted values."""
    cells, first = np.unique(np.round(values / near), return_index=True)
    counts = np.diff(first, append=len(values))
    least = 1.0 if len(cells) <= 2 * DISCRETE else ATOM * len(values)
    heavy = counts >= least / 2  # rounding may cut an atom into two neighbours
    begins = heavy & ~np.append(False, heavy[:-1] & (np.diff(cells) == 1))
    run = np.cumsum(begins)[heavy]
    start = first[begins]
    sizes = np.bincount(run, counts[heavy], len(start) + 1)[1:].astype(np.int64)
    kept = sizes >= least
    few = 1 < len(start) <= DISCRETE or kept.any()
    return (start[kept], (start + sizes)[kept]) if few else (start[:0], start[:0])


def _along(x: Tensor, knots: Tensor, heights: Tensor, slopes: Tensor, last: Tensor) -> Tensor:
    """Each column along its broken line, straight on beyond its ends."""
    piece = (_search(knots, x) - 1).clamp(min=0).minimum(last.to(x.device))
    return _take(heights, piece) + _take(slopes, piece) * (x - _take(knots, piece))


def _search(knots: Tensor, x: Tensor) -> Tensor:
    """For each value of ``(..., C)`` the first knot of its column that is not below it."""
    columns = x.reshape(-1, x.shape[-1]).mT.contiguous()
    return torch.searchsorted(knots.to(x), columns).mT.reshape(x.shape)


def _take(numbers: Tensor, index: Tensor) -> Tensor:
    """Entry ``index[..., c]`` of row c of ``(C, K)``."""
    rows = torch.arange(len(numbers), device=index.device)
    return numbers.to(index.device)[rows, index]
