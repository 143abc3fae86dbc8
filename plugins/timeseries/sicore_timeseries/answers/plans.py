"""Which windows are drawn one after another, and which rows of each are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sicore.errors import InputError


class Window(NamedTuple):
    """A window begins at row ``first``; rows ``start`` to ``stop`` (not included) are kept."""

    first: int
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """Rounds of windows: those of a round do not depend on each other.

    Args:
        rounds: each window of a round sees what earlier rounds have filled.
        length: T.
    """

    rounds: tuple[tuple[Window, ...], ...]
    length: int

    @property
    def windows(self) -> int:
        """How many windows are drawn."""
        return sum(len(windows) for windows in self.rounds)


def forecast_plan(rows: int, horizon: int, length: int, ahead: int) -> Plan:
    """The rows after ``rows`` known ones, in pieces of ``ahead`` where the horizon is longer.

    Args:
        rows: that are known.
        horizon: rows that are asked for.
        length: T.
        ahead: the last rows of a window that the model forecasts at a time, < T.

    Raises:
        InputError: for a horizon below 1.
    """
    if horizon < 1:
        raise InputError(f"horizon: expected 1 or more rows, got {horizon}")
    starts = range(rows, rows + horizon, ahead)
    windows = [Window(s - length + ahead, s, min(s + ahead, rows + horizon)) for s in starts]
    return Plan(tuple((window,) for window in windows), length)


def imputation_plan(hidden: np.ndarray, length: int) -> Plan:
    """The hidden rows of a series: clusters of them at once, each from left to right.

    Hidden rows are in one cluster unless T/2 rows between them are known. A cluster that fits has
    the window in the middle of which it is; a longer one has windows T/2 apart, of which the first
    three fourths are kept.

    Args:
        hidden: whether any value of a row is to be filled, bool ``(n,)``.
        length: T.
    """
    clusters = [
        _windows(start, stop, len(hidden), length) for start, stop in _clusters(hidden, length)
    ]
    most = max((len(windows) for windows in clusters), default=0)
    rounds = [
        tuple(windows[turn] for windows in clusters if turn < len(windows)) for turn in range(most)
    ]
    return Plan(tuple(rounds), length)


def _clusters(hidden: np.ndarray, length: int) -> list[tuple[int, int]]:
    rows = np.flatnonzero(hidden)
    if not len(rows):
        return []
    apart = np.flatnonzero(np.diff(rows) > length // 2)
    firsts, lasts = rows[np.r_[0, apart + 1]], rows[np.r_[apart, len(rows) - 1]]
    return [(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]


def _windows(start: int, stop: int, rows: int, length: int) -> list[Window]:
    def placed(first: int) -> int:
        return max(0, min(first, rows - length))

    if stop - start <= length // 2:
        return [Window(placed((start + stop - length) // 2), start, stop)]
    windows, begin = [], start
    while begin < stop:
        first = placed(begin - length // 4)
        end = stop if stop <= first + length - length // 4 else first + length - length // 4
        end = max(end, begin + 1)
        windows.append(Window(first, begin, min(end, stop)))
        begin = windows[-1].stop
    return windows
