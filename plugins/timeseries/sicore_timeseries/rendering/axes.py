"""Axes with round ticks: numbers, or dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = [
    *((seconds, "s") for seconds in (1, 2, 5, 10, 15, 30)),
    *((minutes * MINUTE, "min") for minutes in (1, 2, 5, 10, 15, 30)),
    *((hours * HOUR, "h") for hours in (1, 2, 3, 6, 12)),
    *((days * DAY, "D") for days in (1, 2, 4, 7, 14)),
]
"""Steps of dates in seconds, up to months, and the unit of each."""
MONTHS = (1, 2, 3, 6)
FORMS = {
    "s": ("%H:%M:%S", "%-d %b %Y"),
    "min": ("%H:%M", "%-d %b %Y"),
    "h": ("%H:%M", "%-d %b %Y"),
    "D": ("%-d %b", "%Y"),
    "M": ("%b", "%Y"),
    "Y": ("%Y", ""),
}
"""How a date is written below a tick: the first line, and the second where it changes."""


@dataclass(frozen=True)
class Axis:
    """A range of numbers, and its ticks.

    Args:
        low: where it begins.
        high: where it ends, above ``low``.
        ticks: places and labels; a label may have two lines.
        factor: what labels have to be multiplied by, such as ``1e9``; empty for 1.
        title: what it shows.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    factor: str = ""
    title: str = ""


def number_axis(low: float, high: float, most: int, title: str = "") -> Axis:
    """An axis of numbers.

    Ticks are 1, 2 or 5 times a power of ten apart. Numbers from 10⁶ on and below 10⁻³ are written
    as multiples of a power of ten, the axis's ``factor``, unless they differ in late digits only.

    Args:
        low: the lowest number.
        high: the highest one; one that equals ``low`` (to 12 digits) widens the axis.
        most: at most so many ticks, and one.
        title: see `Axis`.
    """
    size = max(abs(low), abs(high))
    if high - low <= 1e-12 * size or high == low:
        pad = 0.1 * size or 1.0
        low, high = low - pad, high + pad
        size = max(abs(low), abs(high))
    power = math.floor(math.log10(size))
    step = _round_step((high - low) / most)
    narrow = 0 <= power <= 12 and step < 1e-4 * size  # digits that differ come late: write them all
    shift = power if (power >= 6 or power < -3) and not narrow else 0
    digits = max(0, shift - math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = [k * step for k in range(first, last + 1)]
    ticks = tuple((place, f"{place / 10.0**shift:.{digits}f}") for place in places)
    return Axis(low, high, ticks, f"1e{shift}" if shift else "", title)


def date_axis(low: float, high: float, most: int, title: str = "") -> Axis:
    """An axis of dates; ticks are at whole seconds, minutes, hours, days, months or years.

    Args:
        low: seconds since 1970 of the first moment.
        high: of the last one; the same moment widens the axis to a minute.
        most: about so many ticks.
        title: see `Axis`.
    """
    if high <= low:
        low, high = low - MINUTE / 2, high + MINUTE / 2
    unit, places = _dates(low, high, (high - low) / most)
    fine, coarse = FORMS[unit]
    ticks, before = [], ""
    for place in places:
        moment = pd.Timestamp(place, unit="s")
        below = _written(moment, coarse)
        label = _written(moment, fine)
        ticks.append((place, label if below == before else f"{label}\n{below}"))
        before = below
    return Axis(low, high, tuple(ticks), "", title)


def _dates(low: float, high: float, least: float) -> tuple[str, list[float]]:
    """The unit of the ticks, and their places."""
    for seconds, unit in STEPS:
        if seconds >= least:
            zero = 4 * DAY if seconds >= 7 * DAY else 0  # 5 January 1970 was a Monday
            first, last = math.ceil((low - zero) / seconds), math.floor((high - zero) / seconds)
            return unit, [zero + k * float(seconds) for k in range(first, last + 1)]
    months = next((m for m in MONTHS if m * 30 * DAY >= least), None)
    unit = "M" if months else "Y"
    step = months or 12 * max(1, round(_round_step(least / (365 * DAY))))
    start = np.datetime64(math.floor(low), "s").astype("datetime64[M]").astype(int)
    stop = np.datetime64(math.floor(high), "s").astype("datetime64[M]").astype(int)
    numbers = np.arange((start // step) * step, stop + 1, step)
    numbers = numbers - (numbers + 1970 * 12) % step  # years divisible by their step
    seconds_of = numbers.astype("datetime64[M]").astype("datetime64[s]").astype(float)
    return unit, [float(second) for second in seconds_of if low <= second <= high]


def _written(moment: pd.Timestamp, form: str) -> str:
    return moment.strftime(form.replace("%-d", str(moment.day))) if form else ""


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))


def moments(times: pd.Index | np.ndarray | Sequence[float]) -> tuple[np.ndarray, bool]:
    """Moments as float64, and whether they are dates (then in seconds since 1970).

    Dates with a time zone are shown at the clock of that zone, with its offset at the first moment.
    """
    index = pd.Index(times)
    if not isinstance(index, pd.DatetimeIndex):
        return index.to_numpy(np.float64), False
    if index.tz is not None and len(index):
        index = index.tz_convert("UTC").tz_localize(None) + index[0].utcoffset()
    return ((index - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(np.float64), True
