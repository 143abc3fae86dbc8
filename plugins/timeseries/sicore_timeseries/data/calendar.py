"""What the calendar says of a moment: hour of the day, day of the week, day of the year."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAY = 86_400.0  # seconds
WEEK = 7 * DAY
YEAR = 365.25 * DAY


def cycles(step: float, dates: bool) -> tuple[str, ...]:
    """The cycles that a series of this step can show: those longer than two steps.

    Args:
        step: in seconds.
        dates: whether moments are dates; numbers have no calendar.
    """
    lengths = {"day": DAY, "week": WEEK, "year": YEAR}
    return tuple(name for name, length in lengths.items() if dates and step <= length / 2)


def calendar(index: pd.Index, names: tuple[str, ...]) -> np.ndarray:
    """Sine and cosine of the place in each cycle, float32 ``(n, 2 K)``, in the local time.

    ``sin 2πu, cos 2πu`` with u in [0, 1) the share of the day, of the week (from Monday 0:00) or
    of the year (from 1 January 0:00) that has passed.

    Args:
        index: dates; or anything if there are no names.
        names: K of ``day``, ``week`` and ``year``.
    """
    if not names:
        return np.zeros((len(index), 0), np.float32)
    hours = (index.hour + index.minute / 60 + index.second / 3600).to_numpy(np.float64)
    of_day = hours / 24
    shares = {
        "day": of_day,
        "week": (index.day_of_week.to_numpy() + of_day) / 7,
        "year": (index.day_of_year.to_numpy() - 1 + of_day)
        / np.where(index.is_leap_year, 366.0, 365.0),
    }
    angles = 2 * np.pi * np.stack([shares[name] for name in names], 1)
    pairs = np.stack((np.sin(angles), np.cos(angles)), 2)
    return pairs.reshape(len(index), -1).astype(np.float32)
