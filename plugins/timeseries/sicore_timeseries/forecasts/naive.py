"""Forecasts that repeat the past: naive, seasonal naive, drift.

Source: Hyndman and Athanasopoulos, "Forecasting: principles and practice", 3rd edition, 2021,
sections 5.2 and 5.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError
from sicore_timeseries.forecasts.histories import filled


@dataclass(frozen=True)
class SeasonalNaive:
    """The last season again, plus what changed from one season to the next at random times.

    y_{n+h} = y_{n+h−m} + e: for each season ahead a block of m residuals e_t = y_t − y_{t−m} − ē
    that follow each other is drawn, the same rows for all channels, and changes add up. With a
    season of 1 this is the naive forecast, a random walk without drift.

    Args:
        season: m, in steps.
    """

    season: int = 1

    def __call__(self, history: np.ndarray, horizon: int, samples: int, seed: int) -> np.ndarray:
        """See `Forecaster`; the history has at least 2 m rows."""
        m = self.season
        if m < 1:
            raise InputError(f"season: got {m}, expected at least 1 step")
        values = filled(history, 2 * m)
        changes = values[m:] - values[:-m]
        changes = changes - changes.mean(0)
        rng = np.random.default_rng(seed)
        seasons = -(-horizon // m)
        starts = rng.integers(0, len(changes) - m + 1, (samples, seasons, 1))
        steps = changes[starts + np.arange(m)]  # (S, seasons, m, C)
        paths = values[-m:] + steps.cumsum(1)
        return np.asarray(paths.reshape(samples, seasons * m, -1)[:, :horizon])


@dataclass(frozen=True)
class Drift:
    """A random walk along the line from the first value to the last.

    y_{n+h} = y_n + h·b + Σ e, with the slope b = (y_n − y_1)/(n − 1) + N(0, σ²/(n − 1)), whose
    error counts, and e drawn from the residuals y_t − y_{t−1} − b, the same rows for all channels.
    """

    def __call__(self, history: np.ndarray, horizon: int, samples: int, seed: int) -> np.ndarray:
        """See `Forecaster`; the history has at least 2 rows."""
        values = filled(history, 2)
        changes = np.diff(values, axis=0)
        slope = changes.mean(0)
        residuals = changes - slope
        rng = np.random.default_rng(seed)
        steps = residuals[rng.integers(0, len(changes), (samples, horizon))].cumsum(1)
        error = rng.standard_normal((samples, 1, 1)) * residuals.std(0) / np.sqrt(len(changes))
        ahead = np.arange(1, horizon + 1)[:, None]
        return np.asarray(values[-1] + ahead * (slope + error) + steps)
