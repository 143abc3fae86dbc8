"""The model of any series, which was trained on made-up ones alone, on windows of real series.

The same windows, gaps and scores as of ``timeseries_baselines.py`` and ``series_forecasts.py``.
Nothing is trained: each column is forecast and filled by itself, from its window and seven seasons
before.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import arguments, record
from series_scores import Ensemble, forecast_figures, gap_figures
from series_windows import BackTest, Gaps, energy, energy_gaps, etth1, exchange, pm25_gaps

import sicore
from sicore.hub import Model
from sicore_timeseries.answers.drawing import fill, rows_of
from sicore_timeseries.answers.plans import forecast_plan, imputation_plan
from sicore_timeseries.data.places import cache_folder
from sicore_timeseries.data.table import Series
from sicore_timeseries.forecasts.seasons import season_of_step

SAMPLES = 200
HISTORY = 4_000  # rows that MASE is scaled by, as for the baselines
REACH = 1_600  # rows before an origin that are given


def forecasts(model: Model, test: BackTest, windows: int) -> dict[str, Any]:
    """The figures of one table."""
    length, season = int(model.domain.space.shape[0]), _season(test.index)
    start = time.process_time()
    made = []
    for number, origin in enumerate(test.origins[:windows]):
        first = max(0, origin - REACH)
        values = test.values[first : origin + test.horizon].copy()
        values[-test.horizon :] = np.nan
        index = test.index[first : origin + test.horizon]
        plan = forecast_plan(origin - first, test.horizon, length, length // 2)
        rows = rows_of(Series("", index, values), season)
        paths = fill(model, rows, plan, samples=SAMPLES, seed=number, batch_size=800)
        made.append(paths[:, -test.horizon :])
    seconds = (time.process_time() - start) / (len(made) * len(test.columns))
    truths, changes = test.truths[:windows], test.changes(HISTORY)[:windows]
    figures = forecast_figures(Ensemble(np.stack(made, 1)), truths, changes)
    return {
        "season": season,
        **{name: float(f"{value:.4g}") for name, value in figures.items()},
        "seconds of a window and column": float(f"{seconds:.2g}"),
    }


def imputations(model: Model, test: Gaps) -> dict[str, Any]:
    """The figures of one block."""
    length, index = int(model.domain.space.shape[0]), test.index[test.first :]
    seen = test.seen
    start = time.process_time()
    rows = rows_of(Series("", index, seen), _season(index))
    plan = imputation_plan(np.isnan(seen).any(1), length)
    paths = fill(model, rows, plan, samples=SAMPLES, batch_size=800)
    return {**gap_figures(paths, test), "seconds": round(time.process_time() - start, 1)}


def _season(index: pd.Index) -> int:
    """As the dates tell; a week of days where rows are only counted, as on exchanges."""
    if not isinstance(index, pd.DatetimeIndex):
        return 7
    return season_of_step((index[1] - index[0]).total_seconds())


def main() -> None:
    """Measure, and write ``series_any.json``."""
    options = arguments(__doc__, data=cache_folder())
    torch.set_num_threads(1)
    model = sicore.load("timeseries/any", device="cpu")
    windows = 1 if options.quick else 1000
    tests = {"exchange": exchange, "etth1": etth1, "energy": energy}
    figures: dict[str, Any] = {
        "samples": SAMPLES,
        "forecasts": {
            name: forecasts(model, read(options.data), windows) for name, read in tests.items()
        },
        "gaps of energy": imputations(model, energy_gaps(options.data)),
        "gaps of pm25": imputations(model, pm25_gaps(options.data)),
    }
    record("series_any", options, figures)


if __name__ == "__main__":
    main()
