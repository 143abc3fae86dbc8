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
        times: their moments ``(N,)``, float64, in the table's unit.
        starts: the first row of each window, int64 ``(W,)``.
        length: T, the rows of a window.
        unit: the time that a regular window lasts, from its first row to its last: stamps are
            multiples of it.
        calendar: features of all rows, float32 ``(N, K)``.
    """

    values: np.ndarray
    times: np.ndarray
    starts: np.ndarray
    length: int
    unit: float
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
            gap: in usual steps; infinite for windows across all gaps.

        Raises:
            InputError: for lengths or strides that are too small, an unknown split, or when no
                series has room for a window; says how long the longest stretch is.
        """
        if length < 2 or stride < 1:
            raise InputError(
                f"windows: expected a length >= 2 and a stride >= 1, got {length} and {stride}"
            )
        steps = [series.clock.step for series in table.series]
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
        step = float(np.mean([_mean_step(series, gap) for series in table.series]))
        names = cycles(min(steps), table.dates)
        return cls(
            table.values,
            np.concatenate([series.times for series in table.series]),
            found.astype(np.int64),
            length,
            step * (length - 1),
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

        Times are 0 at the first row, and multiples of ``unit``; the calendar is left out when
        there is none.
        """
        rows = self.starts[np.asarray(indices)][:, None] + np.arange(self.length)
        times = self.times[rows]
        stamps = (times - times[:, :1]) / self.unit
        given = {"times": torch.from_numpy(stamps.astype(np.float32))}
        if self.calendar.shape[1]:
            given["calendar"] = torch.from_numpy(self.calendar[rows])
        return torch.from_numpy(self.values[rows].astype(np.float32)), given

    def all_values(self) -> Tensor:
        """The values of all windows ``(W, T, C)``, float32."""
        return self.take(np.arange(len(self)))[0]

    def used(self) -> np.ndarray:
        """The rows that are in some window, float64 ``(M, C)``, each once."""
        marks = np.zeros(len(self.values) + 1, np.int64)
        np.add.at(marks, self.starts, 1)
        np.add.at(marks, self.starts + self.length, -1)
        return self.values[marks.cumsum()[:-1] > 0]

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
    if np.isinf(gap) or (series.clock.regular and not series.clock.gaps):
        return np.zeros(len(series) - 1, bool)
    if series.clock.regular:
        places = series.clock.grid(series.index).get_indexer(series.index, method="nearest")
        return np.diff(places) > 1
    return np.diff(series.times) > gap * series.clock.step


def _mean_step(series: Series, gap: float) -> float:
    return float(np.diff(series.times)[~_broken(series, gap)].mean())


def _no_room(length: int, split: str, longest: int, table: Table) -> str:
    gaps = any(series.clock.gaps or not series.clock.regular for series in table.series)
    part = "" if split == "all" else f" of the split '{split}'"
    hint = ", or fill missing rows (on_grid)" if gaps else ""
    return (
        f"windows: the data{part} have no stretch of {length} rows: the longest has {longest}; "
        f"choose a shorter window or horizon{hint}"
    )
