"""Windows: stretches of T rows of a table, none of them across a gap or two series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.data.calendar import calendar, cycles
from sicore_timeseries.data.table import Series, Table

SPLITS = ("train", "validation", "test")
SHARES = (0.8, 0.1, 0.1)
GAP = 10.0  # usual steps: what is longer is a gap of an irregular series


@dataclass(frozen=True)
class Windows:
    """Windows into rows that lie one after another.

    Args:
        values: all rows, float64 ``(N, C)``, NaN where missing.
        moments: theirs ``(N,)``, float64, in usual steps of their series.
        starts: the first row of each window, int64 ``(W,)``.
        length: T, the rows of a window.
        calendar: features of all rows, float32 ``(N, K)``.
    """

    values: np.ndarray
    moments: np.ndarray
    starts: np.ndarray
    length: int
    calendar: np.ndarray

    @classmethod
    def of(
        cls,
        table: Table,
        length: int,
        stride: int = 1,
        split: str = "all",
        *,
        shares: tuple[float, float, float] = SHARES,
        gap: float = GAP,
    ) -> Self:
        """The windows of a table.

        A split is a block in time of each series. Between two blocks T rows are left out, so that
        no row is near two of them. Windows of a regular series hold no missing row (see
        `Table.on_grid`), and those of an irregular one no step longer than ``gap`` usual ones.

        Args:
            table: the rows.
            length: T, at least 2.
            stride: rows between the starts of windows.
            split: ``train``, ``validation``, ``test``, in this order of time, or ``all``.
            shares: of the rows in the three blocks.
            gap: in usual steps; infinite for windows across all gaps, whose usual step is the mean.

        Raises:
            InputError: for lengths or strides that are too small, an unknown split, or when no
                series has room for a window; says how long the longest stretch is.
        """
        if length < 2 or stride < 1:
            raise InputError(
                f"windows: expected a length >= 2 and a stride >= 1, got {length} and {stride}"
            )
        first, starts, longest = 0, [], 0
        for series in table.series:
            block = time_block(len(series), split, shares, length)
            for run in _runs(series, block, gap):
                longest = max(longest, run.stop - run.start)
                starts.append(first + np.arange(run.start, run.stop - length + 1, stride))
            first += len(series)
        found = np.concatenate(starts) if starts else np.zeros(0, np.int64)
        if not len(found):
            raise InputError(_no_room(length, split, longest, table))
        names = cycles(min(series.clock.step for series in table.series), table.dates)
        return cls(
            table.values,
            _moments(table, gap),
            found.astype(np.int64),
            length,
            np.concatenate([calendar(series.index, names) for series in table.series]),
        )

    def __len__(self) -> int:
        """The number of windows, W."""
        return len(self.starts)

    @property
    def channels(self) -> int:
        """The number of columns, C."""
        return self.values.shape[1]

    def take(self, indices: Tensor | np.ndarray) -> tuple[Tensor, dict[str, Tensor]]:
        """Values ``(B, T, C)``, and ``times`` ``(B, T)`` and ``calendar`` ``(B, T, K)``; float32.

        Times are 0 at the first row of a window, and 1 after T − 1 usual steps. The calendar is
        left out when there is none.
        """
        rows = self.rows(indices)
        moments = self.moments[rows]
        stamps = (moments - moments[:, :1]) / (self.length - 1)
        given = {"times": torch.from_numpy(stamps.astype(np.float32))}
        if self.calendar.shape[1]:
            given["calendar"] = torch.from_numpy(self.calendar[rows])
        return torch.from_numpy(self.values[rows].astype(np.float32)), given

    def rows(self, indices: Tensor | np.ndarray) -> np.ndarray:
        """The rows of windows, ``(B, T)``."""
        return np.asarray(self.starts[np.asarray(indices)][:, None] + np.arange(self.length))

    def all_values(self) -> Tensor:
        """The values of all windows ``(W, T, C)``, float32."""
        return self.take(np.arange(len(self)))[0]

    def lacking(self, most: int) -> Tensor:
        """What windows lack that lack something, bool ``(G, T, C)``, at most so many of them."""
        missing = np.isnan(self.values).any(1)
        count = np.concatenate(([0], missing.cumsum()))
        some = np.flatnonzero(count[self.starts + self.length] > count[self.starts])
        chosen = some[np.linspace(0, len(some) - 1, min(len(some), most)).astype(int)]
        return torch.from_numpy(np.isnan(self.values[self.rows(chosen)]))

    def used(self) -> np.ndarray:
        """The rows that are in some window, float64 ``(M, C)``, each once."""
        marks = np.zeros(len(self.values) + 1, np.int64)
        np.add.at(marks, self.starts, 1)
        np.add.at(marks, self.starts + self.length, -1)
        return self.values[marks.cumsum()[:-1] > 0]

    @property
    def linked(self) -> np.ndarray:
        """Whether a row comes after the one before it in some window, bool ``(N,)``."""
        marks = np.zeros(len(self.values) + 1, np.int64)
        np.add.at(marks, self.starts + 1, 1)
        np.add.at(marks, self.starts + self.length, -1)
        linked: np.ndarray = marks.cumsum()[:-1] > 0
        return linked

    def with_values(self, values: np.ndarray) -> Windows:
        """The same windows with other values, each with rows of its own.

        Args:
            values: float64 ``(W, T, C)``.
        """
        rows = self.rows(np.arange(len(self))).reshape(-1)
        return replace(
            self,
            values=values.reshape(-1, values.shape[-1]),
            moments=self.moments[rows],
            starts=np.arange(0, len(rows), self.length),
            calendar=self.calendar[rows],
        )

    def without_calendar(self) -> Windows:
        """The same windows without features of the calendar."""
        return replace(self, calendar=self.calendar[:, :0])

    def without(self, hidden: np.ndarray) -> Windows:
        """The same windows with rows made NaN.

        Args:
            hidden: bool ``(N,)``.
        """
        values = self.values.copy()
        values[hidden] = np.nan
        return replace(self, values=values)


def time_block(n: int, split: str, shares: tuple[float, float, float], gap: int) -> slice:
    """The rows of a split of n: a block in time, ``gap`` rows after the one before it.

    Raises:
        InputError: for an unknown split, or shares that are negative or do not add up to 1.
    """
    if split == "all":
        return slice(0, n)
    if split not in SPLITS:
        raise InputError(f"unknown split '{split}' of series; known: {', '.join(SPLITS)}, all")
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise InputError(f"splits: expected three shares that add up to 1, got {shares}")
    number = SPLITS.index(split)
    ends = [round(n * sum(shares[:k])) for k in range(4)]
    start = ends[number] + (gap if ends[number] else 0)
    return slice(min(start, ends[number + 1]), ends[number + 1])


def _runs(series: Series, block: slice, gap: float) -> list[slice]:
    """The longest stretches of a block without a gap."""
    broken = np.flatnonzero(_broken(series, gap)) + 1
    inside = broken[(broken > block.start) & (broken < block.stop)]
    edges = [block.start, *inside.tolist(), block.stop]
    return [slice(a, b) for a, b in pairwise(edges) if b > a]


def _broken(series: Series, gap: float) -> np.ndarray:
    """Which steps are gaps, bool ``(n − 1,)``."""
    if np.isinf(gap):
        return np.zeros(len(series) - 1, bool)
    if series.clock.regular:
        return np.diff(_places(series)) > 1
    return np.diff(series.times) > gap * series.clock.step


def _moments(table: Table, gap: float) -> np.ndarray:
    """The moments of all rows in usual steps.

    Those of a regular series are whole numbers, also where months differ in length. The usual step
    of an irregular one is the mean of those that are no gaps, over all series.
    """
    steps = np.mean([np.diff(s.times)[~_broken(s, gap)].mean() for s in table.series])
    return np.concatenate(
        [
            _places(series) if series.clock.regular and np.isfinite(gap) else series.times / steps
            for series in table.series
        ]
    )


def moments_of(series: Series, gap: float = GAP) -> np.ndarray:
    """The moments of one series in usual steps, float64 ``(n,)``, as `Windows.of` counts them."""
    return _moments(Table((series,), ()), gap)


def _places(series: Series) -> np.ndarray:
    """The number of each row on the grid of a regular series, float64 ``(n,)``."""
    if not series.clock.gaps:
        return np.arange(len(series), dtype=np.float64)
    grid = series.clock.grid(series.index)
    return grid.get_indexer(series.index, method="nearest").astype(np.float64)


def _no_room(length: int, split: str, longest: int, table: Table) -> str:
    gaps = any(series.clock.gaps or not series.clock.regular for series in table.series)
    part = "" if split == "all" else f" of the split '{split}'"
    hint = ", or fill missing rows (on_grid)" if gaps else ""
    return (
        f"windows: the data{part} have no stretch of {length} rows: the longest has {longest}; "
        f"choose a shorter window or horizon{hint}"
    )
