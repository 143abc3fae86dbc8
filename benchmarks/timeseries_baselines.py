"""Simple forecasts and fillers of gaps, on the windows that our models are measured on.

``statsforecast`` gives normal laws of each column on its own, whose CRPS is exact; our own methods
give ensembles. The CRPS is divided by the mean |y| over all columns; that "of scaled columns" and
the MASE by the mean |y_t − y_{t−m}| of each column's history. The origins and the gaps are kept.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import peers
from common import arguments, record
from peers.statistical import RECENT, Fit, statistical
from series_scores import Ensemble, Gaussian, forecast_figures, gap_figures
from series_windows import BackTest, Gaps, energy, energy_gaps, etth1, exchange, pm25_gaps

from sicore_timeseries.data.places import cache_folder
from sicore_timeseries.forecasts.autoregression import AutoRegression
from sicore_timeseries.forecasts.bridges import brownian_bridges
from sicore_timeseries.forecasts.ets import ETS
from sicore_timeseries.forecasts.histories import Forecaster, Imputer
from sicore_timeseries.forecasts.kalman import KalmanSmoother
from sicore_timeseries.forecasts.naive import Drift, SeasonalNaive
from sicore_timeseries.forecasts.rolling import rolling

SAMPLES = 200
HISTORY = 4_000  # rows that methods see at most
IMPUTERS: dict[str, Imputer] = {
    "linear interpolation": brownian_bridges,
    "Kalman smoother": KalmanSmoother(),
}


def own(test: BackTest) -> dict[str, Forecaster]:
    """Our methods by name."""
    return {
        "naive": SeasonalNaive(),
        "seasonal naive": SeasonalNaive(test.season),
        "drift": Drift(),
        "ETS": ETS(test.season_ets),
        "AR": AutoRegression(),
    }


def by_peer(test: BackTest, fit: Fit) -> Gaussian:
    """The laws of ``(W, H, C)``, each column on its own."""
    laws = []
    for origin in test.origins:
        past = test.values[max(0, origin - HISTORY) : origin]
        laws.append([fit(column, test.horizon) for column in past.T])
    both = np.array(laws)  # (W, C, 2, H)
    return Gaussian(both[:, :, 0].swapaxes(1, 2), both[:, :, 1].swapaxes(1, 2))


def forecasts(test: BackTest) -> dict[str, Any]:
    """The figures of one table."""
    truths, naive = test.truths, test.changes(HISTORY)
    figures: dict[str, Any] = {}
    for name, fit in statistical(test.season, test.season_ets).items():
        start = time.perf_counter()
        law = by_peer(test, fit)
        spent = time.perf_counter() - start
        figures[f"statsforecast {name}"] = _row(forecast_figures(law, truths, naive), spent, test)
    for name, method in own(test).items():
        start = time.perf_counter()
        made = rolling(
            test.values,
            {name: method},
            test.origins,
            test.horizon,
            samples=SAMPLES,
            history=HISTORY,
        )
        spent = time.perf_counter() - start
        law = Ensemble(made.ensembles[name].swapaxes(0, 1))
        figures[name] = _row(forecast_figures(law, truths, naive), spent, test)
    return {
        "origins": " ".join(map(str, test.origins)),
        "horizon": test.horizon,
        "season": test.season,
        "columns": " ".join(test.columns),
        "methods": figures,
    }


def imputations(test: Gaps) -> dict[str, Any]:
    """The figures of each method, over the hidden values."""
    seen, hidden = test.seen, test.hidden
    figures = {}
    for name, impute in IMPUTERS.items():
        start = time.perf_counter()
        paths = impute(seen, np.arange(len(seen), dtype=np.float64), SAMPLES, 0)
        spent = time.perf_counter() - start
        figures[name] = {**gap_figures(paths, test), "seconds": round(spent, 1)}
    return test.figures() | {"hidden": round(float(hidden.mean()), 3), "methods": figures}


def _row(figures: dict[str, float], spent: float, test: BackTest) -> dict[str, float]:
    row = {name: float(f"{value:.4g}") for name, value in figures.items()}
    windows = len(test.origins) * len(test.columns)
    return row | {"seconds of a window and column": float(f"{spent / windows:.2g}")}


if __name__ == "__main__":
    options = arguments(__doc__, data=cache_folder())
    peers.available()
    folder: Path = options.data
    few = 2 if options.quick else None
    tests = {
        "exchange": exchange(folder),
        "etth1": etth1(folder, few or 20),
        "energy": energy(folder, few or 10),
    }
    record(
        "timeseries_baselines",
        options,
        {
            "samples": SAMPLES,
            "rows of history at most": HISTORY,
            "AutoARIMA": {"rows of history": RECENT, "approximation": True},
            "statsforecast": version("statsforecast"),
            "forecasts": {name: forecasts(test) for name, test in tests.items()},
            "gaps of energy": imputations(energy_gaps(folder)),
            "gaps of pm25": imputations(pm25_gaps(folder)),
        },
    )
