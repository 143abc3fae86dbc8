"""Guesses of a season's length."""

from __future__ import annotations

import numpy as np

DAY = 86400.0
CYCLES = (
    (30.0, 60.0),  # of seconds: a minute
    (3600.0, DAY),  # of minutes up to an hour: a day
    (6 * 3600.0, 7 * DAY),  # of a few hours: a week
    (DAY, 7 * DAY),
    (31 * DAY, 365.25 * DAY),
    (92 * DAY, 365.25 * DAY),
)
"""Steps up to this many seconds, and the cycle that they are in."""


def season_of_step(step: float) -> int:
    """The usual season of dates a step apart.

    10 minutes give 144, an hour 24, a day 7, a week 52, a month 12, a quarter 4, a year 1.

    Args:
        step: in seconds.
    """
    cycle = next((cycle for most, cycle in CYCLES if step <= most * (1 + 1e-9)), step)
    return max(1, round(cycle / step))


def season_of_values(values: np.ndarray, most: int | None = None) -> int:
    """The lag of the first high peak of the autocorrelation, or 1.

    A line is taken off each channel, and channels are averaged. A peak r(m) counts from 0.3 on, if
    it comes again, r(2m) ≥ r(m)/2, and if no other is higher by more than a fourth: a wandering
    series has one broad peak, a season has peaks at all its multiples. Noise can move the peak of
    a long smooth season by a step or two.

    Args:
        values: ``(n, C)``, equally far apart; gaps (NaN) count as lying on the line.
        most: the longest season; by default a fourth of the rows.
    """
    data = np.asarray(values, np.float64)
    rest = np.stack([_without_line(channel) for channel in data.T], axis=-1)
    n = len(rest)
    longest = min(most or n // 4, n // 4)
    power = np.abs(np.fft.rfft(rest, 2 * n, axis=0)) ** 2
    covariance = np.fft.irfft(power, axis=0)[:n] / (n - np.arange(n))[:, None]
    moving = rest.var(0) > 1e-20 * (1 + np.nanmax(np.abs(data), initial=0.0)) ** 2
    if longest < 2 or not moving.any():
        return 1
    r = (covariance[:, moving] / covariance[0, moving]).mean(1)
    lags = np.arange(2, longest + 1)
    peaks = (r[lags] > r[lags - 1]) & (r[lags] >= r[lags + 1]) & (r[lags] > 0.3)
    lags = lags[peaks & (r[2 * lags] >= r[lags] / 2)]
    return int(lags[(r[lags] >= 0.8 * r[lags].max()).argmax()]) if len(lags) else 1


def _without_line(channel: np.ndarray) -> np.ndarray:
    rows, known = np.arange(len(channel)), np.isfinite(channel)
    if known.sum() < 3:
        return np.zeros(len(channel))
    slope, level = np.polyfit(rows[known], channel[known], 1)
    return np.asarray(np.where(known, channel - level - slope * rows, 0.0))
