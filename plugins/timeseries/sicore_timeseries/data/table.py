"""A user's table of numbers in time: read, checked, and put in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from sicore.errors import InputError, UnknownName
from sicore_timeseries.data.clock import Clock
from sicore_timeseries.data.moments import at, find_time, seconds, to_moments
from sicore_timeseries.data.numbers import choose_columns
from sicore_timeseries.data.reading import read_frame


@dataclass(frozen=True)
class Series:
    """One series: values at increasing moments.

    Args:
        name: of the series; empty when a table has only one.
        index: the moments as the user gave them, a ``DatetimeIndex`` or numbers.
        values: float64 ``(n, C)``, NaN where missing.
    """

    name: str
    index: pd.Index
    values: np.ndarray

    @property
    def dates(self) -> bool:
        """Whether moments are dates, not numbers."""
        return isinstance(self.index, pd.DatetimeIndex)

    @cached_property
    def times(self) -> np.ndarray:
        """Float64 ``(n,)``: seconds since 1970 (dates), or the numbers themselves."""
        return seconds(self.index)

    @cached_property
    def clock(self) -> Clock:
        """Its steps."""
        return Clock.of(self.index)

    def __len__(self) -> int:
        """The number of moments."""
        return len(self.index)

    def on_grid(self) -> Series:
        """With a row of NaN at every moment that a regular series lacks.

        Raises:
            InputError: the series is irregular.
        """
        grid = self.clock.grid(self.index)
        places = grid.get_indexer(self.index, method="nearest")
        values = np.full((len(grid), self.values.shape[1]), np.nan)
        values[places] = self.values
        return replace(self, index=grid, values=values)

    def ahead(self, horizon: int) -> tuple[Series, list[str]]:
        """With so many rows of NaN after the last one, and notes; see `Clock.following`."""
        future, notes = self.clock.following(self.index, horizon)
        empty = np.full((horizon, self.values.shape[1]), np.nan)
        index = self.index.append(future)
        return replace(self, index=index, values=np.concatenate([self.values, empty])), notes


@dataclass(frozen=True)
class Table:
    """Series with the same columns.

    Args:
        series: each with at least two moments.
        columns: the names of the C columns of values.
        time: the name of the time column; empty if there is none, so that rows are counted from 0.
        key: the name of the column that names the series, or empty.
        notes: what was changed or left out while reading, for the user.
    """

    series: tuple[Series, ...]
    columns: tuple[str, ...]
    time: str = ""
    key: str = ""
    notes: tuple[str, ...] = ()

    @property
    def dates(self) -> bool:
        """Whether moments are dates, not numbers."""
        return self.series[0].dates

    @property
    def values(self) -> np.ndarray:
        """All rows of all series, ``(N, C)``."""
        return np.concatenate([series.values for series in self.series])

    def on_grid(self) -> Table:
        """With a row of NaN at every moment that a regular series lacks; others stay."""
        gaps = sum(series.clock.gaps for series in self.series)
        if not gaps:
            return self
        filled = [s.on_grid() if s.clock.gaps else s for s in self.series]
        note = f"{gaps} missing rows were added, without values"
        return replace(self, series=tuple(filled), notes=(*self.notes, note))


def read_table(
    path: str | Path,
    *,
    time: str | None = None,
    columns: Sequence[str] = (),
    key: str | None = None,
    regular: bool = False,
    average: bool = False,
    delimiter: str | None = None,
) -> Table:
    """Read a CSV or Parquet file.

    Args:
        path: the file.
        time: the time column; by default the first that has dates, or else the first of numbers
            called time, date, timestamp, datetime or t; if there is none, rows are counted.
        columns: those of values; by default all that hold numbers.
        key: the column that names the series, for several series in one file.
        regular: take no time column: rows are equally far apart, and counted from 0.
        average: rows of the same time become their mean; by default they are an error.
        delimiter: of a CSV, see `read_frame`.

    Raises:
        InputError, UnknownName: for what cannot be read, or not in one way alone; the message
            names file, column and line, and says what to do.
    """
    place = Path(path).expanduser()
    frame, notes = read_frame(place, delimiter)
    table = to_table(
        frame,
        name=str(place),
        time=time,
        columns=columns,
        key=key,
        regular=regular,
        average=average,
    )
    return replace(table, notes=(*notes, *table.notes))


def to_table(
    frame: pd.DataFrame,
    *,
    name: str = "table",
    time: str | None = None,
    columns: Sequence[str] = (),
    key: str | None = None,
    regular: bool = False,
    average: bool = False,
) -> Table:
    """Check a data frame and put it in order; arguments as those of `read_table`.

    Args:
        frame: its index numbers the rows in messages, which call them by its name.
        name: of the frame in messages.
    """
    for wanted in (*columns, *(name for name in (time, key) if name)):
        if wanted not in frame.columns:
            raise UnknownName(f"column of {name}", wanted, map(str, frame.columns))
    found = None if regular else time or find_time(frame)
    if found is None and not regular and _has_text(frame, key, columns):
        raise InputError(
            f"{name}: no column has times (dates, or numbers called time, date or t); name it with "
            f"time=…, or say regular=true if rows are equally far apart"
        )
    index, notes = _moments(frame, found, name)
    values, chosen, more = choose_columns(frame, columns, {found, key}, name)
    groups = _groups(frame, key, name)
    parts = [
        _ordered(values[rows], index[rows], frame.index[rows], label, name, average, key is None)
        for label, rows in groups
    ]
    short = [series.name for series, _ in parts if len(series) < 2]
    kept = tuple(series for series, _ in parts if len(series) > 1)
    if not kept:
        raise InputError(f"{name}: has one row; a series needs two or more")
    told = [*notes, *more, *(note for _, part in parts for note in part)]
    if short:
        told.append(f"{len(short)} series of one row were left out, the first is '{short[0]}'")
    return Table(kept, chosen, found or "", key or "", tuple(told))


def _has_text(frame: pd.DataFrame, key: str | None, columns: Sequence[str]) -> bool:
    """Whether a column that may be a time is not numbers, so that its absence is not clear."""
    others = [name for name in frame.columns if name != key and name not in columns]
    return any(not pd.api.types.is_numeric_dtype(frame[name]) for name in others)


def _moments(frame: pd.DataFrame, time: str | None, name: str) -> tuple[pd.Index, list[str]]:
    if time is None:
        return pd.Index(np.arange(len(frame), dtype=np.float64)), []
    return to_moments(frame[time], f"{name}, column '{time}'")


def _groups(frame: pd.DataFrame, key: str | None, name: str) -> list[tuple[str, np.ndarray]]:
    """The rows of each series, in the order of their first rows."""
    if key is None:
        return [("", np.arange(len(frame)))]
    empty = frame.index[frame[key].isna()]
    if len(empty):
        raise InputError(f"{name}, column '{key}': {at(frame.index, empty[0])} names no series")
    codes, labels = pd.factorize(frame[key])
    return [(str(label), np.flatnonzero(codes == code)) for code, label in enumerate(labels)]


def _ordered(
    values: np.ndarray,
    index: pd.Index,
    lines: pd.Index,
    label: str,
    name: str,
    average: bool,
    alone: bool,
) -> tuple[Series, list[str]]:
    """One series in the order of time, and notes."""
    notes, where = [], f"{name}, series '{label}'" if label else name
    if not index.is_monotonic_increasing:
        first = int(np.flatnonzero(np.diff(seconds(index)) < 0)[0]) + 1
        notes.append(f"{where}: rows were not in the order of time ({at(lines, lines[first])})")
        order = np.argsort(seconds(index), kind="stable")
        values, index, lines = values[order], index[order], lines[order]
    if not index.is_unique:
        twice = np.flatnonzero(index.duplicated(keep=False))
        if not average:
            raise InputError(_duplicates(where, index, lines, alone))
        rows = pd.DataFrame(values).groupby(np.asarray(pd.factorize(index)[0])).mean()
        values, index = rows.to_numpy(np.float64), index.unique()
        notes.append(f"{where}: {len(twice)} rows of the same times were averaged")
    return Series(label, index, values), notes


def _duplicates(where: str, index: pd.Index, lines: pd.Index, alone: bool) -> str:
    again = int(np.flatnonzero(index.duplicated())[0])
    moment = index[again]
    both = " and ".join(str(line) for line in sorted(lines[index == moment])[:2])
    hint = "name the column of the series (key=…, --key), " if alone else ""
    return (
        f"{where}: {lines.name or 'row'}s {both} have the same time, {moment} "
        f"({int(index.duplicated().sum())} such rows in all); {hint}take their mean (average=true, "
        "--average), or correct the file"
    )
