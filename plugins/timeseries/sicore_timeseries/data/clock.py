"""How the moments of a series follow each other, and the moments that come next."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from sicore.errors import InputError
from sicore_timeseries.data.moments import seconds

CALENDAR = ("B", "MS", "ME", "BMS", "BME", "QS", "QE", "YS", "YE")
"""Steps of dates that are not always equally long, by pandas' names."""
FILLED = 0.5  # the share of the moments of a grid that must be there
TOLERANCE = 1e-6  # of a step


@dataclass(frozen=True)
class Clock:
    """The steps of a series.

    Args:
        step: the usual one, in seconds for dates, and in the numbers' own unit.
        frequency: pandas' name for it, such as ``h`` or ``MS``; empty for numbers, and where steps
            are irregular.
        regular: whether all moments are on one grid.
        gaps: how many moments of that grid are missing.
    """

    step: float
    frequency: str
    regular: bool
    gaps: int

    @classmethod
    def of(cls, index: pd.Index) -> Clock:
        """The clock of increasing moments, of which there are at least two.

        They are regular when they lie on a grid (of equal steps; or of business days, months,
        quarters, years) of which at least half is there.
        """
        times = seconds(index)
        steps = np.diff(times)
        usual = float(np.median(steps))
        values, counts = np.unique(steps, return_counts=True)
        common = float(values[counts.argmax()])
        found = [
            (missing, offset)
            for offset in _candidates(index, common)
            if (missing := _missing(index, offset, common)) is not None
        ]
        if not found:
            return cls(usual, "", False, 0)
        missing, offset = min(found, key=lambda pair: pair[0])
        return cls(usual, offset, True, missing)

    def grid(self, index: pd.Index) -> pd.Index:
        """Every moment from the first to the last one.

        Raises:
            InputError: the series is irregular.
        """
        if not self.regular:
            raise InputError("times: have no regular step, so no moment is missing between them")
        return _grid(index, self.frequency, self._exact(index))

    def following(self, index: pd.Index, n: int) -> tuple[pd.Index, list[str]]:
        """The n moments after the last one, and notes.

        An irregular series goes on in steps of its median.
        """
        if isinstance(index, pd.DatetimeIndex):
            offset = to_offset(self.frequency or pd.Timedelta(seconds=self.step).round("us"))
            future: pd.Index = pd.date_range(index[-1], periods=n + 1, freq=offset)[1:]
            if not self.regular:
                future = pd.DatetimeIndex([index[-1] + k * offset for k in range(1, n + 1)])
        else:
            future = pd.Index(index[-1] + self._exact(index) * np.arange(1.0, n + 1))
        notes = [] if self.regular else [f"times are irregular: they go on in steps of {self}"]
        return future, notes

    def _exact(self, index: pd.Index) -> float:
        """The step of numbers, without the rounding that single differences have."""
        times = seconds(index)
        if not self.regular:
            return self.step
        return float((times[-1] - times[0]) / round((times[-1] - times[0]) / self.step))

    def __str__(self) -> str:
        return self.frequency or f"{self.step:g}"


def _candidates(index: pd.Index, common: float) -> list[str]:
    if not isinstance(index, pd.DatetimeIndex):
        return [""]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 4 will return an offset
        whole = pd.infer_freq(index) if len(index) > 2 else None
    if whole is not None:
        return [str(getattr(whole, "freqstr", whole))]
    equal = to_offset(pd.Timedelta(seconds=common).round("us")).freqstr
    days, rest = divmod(common, 86_400)
    if days < 1:
        return [equal]
    return [*([] if rest else [f"{days:.0f}D"]), equal, *CALENDAR]


def _missing(index: pd.Index, frequency: str, step: float) -> int | None:
    """How many moments of the grid are not there; None if some of the series are not on it."""
    span = seconds(index)[-1] - seconds(index)[0]
    if isinstance(index, pd.DatetimeIndex):
        if not _short(index, frequency):
            return None
        grid = _grid(index, frequency, step)
        whole, on_it = len(grid), bool(index.isin(grid).all())
    else:
        places = (seconds(index) - seconds(index)[0]) / step
        whole = round(span / step) + 1
        on_it = bool((np.abs(places - places.round()) < TOLERANCE * max(1, whole)).all())
    return whole - len(index) if on_it and len(index) >= FILLED * whole else None


def _short(index: pd.DatetimeIndex, frequency: str) -> bool:
    """Whether the grid is not so long that its making would take all memory."""
    offset = to_offset(frequency)
    span = index[-1] - index[0]
    return bool(index[0] + int(2 * len(index) + 2) * offset >= index[0] + span)


def _grid(index: pd.Index, frequency: str, step: float) -> pd.Index:
    if isinstance(index, pd.DatetimeIndex):
        return pd.date_range(index[0], index[-1], freq=frequency)
    n = round((index[-1] - index[0]) / step) + 1
    return pd.Index(np.linspace(index[0], index[-1], n))
