"""Classical forecasts of statsforecast, as means and deviations of normal laws."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm

Fit = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
LEVEL = 80  # of the interval that the deviation is taken from
RECENT = 500  # rows that AutoARIMA is fitted to; it searches by approximate likelihoods


def statistical(season: int, season_ets: int) -> dict[str, Fit]:
    """Methods of one column: ``(history (n,), horizon) -> (means, deviations)``.

    Args:
        season: of the seasonal naive forecast.
        season_ets: of smoothing and ARIMA models.
    """
    from statsforecast.models import AutoARIMA, AutoETS, SeasonalNaive

    return {
        "SeasonalNaive": _method(SeasonalNaive(season)),
        "AutoETS": _method(AutoETS(season_length=season_ets)),
        "AutoARIMA": _method(AutoARIMA(season_length=season_ets, approximation=True), RECENT),
    }


def _method(model: Any, recent: int | None = None) -> Fit:
    def fit(history: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.ascontiguousarray(history[-recent:] if recent else history, np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = model.forecast(rows, horizon, level=[LEVEL])
        mean = np.asarray(made["mean"], np.float64)
        high = np.asarray(made[f"hi-{LEVEL}"], np.float64)
        return mean, (high - mean) / norm.ppf(0.5 + LEVEL / 200)

    return fit
