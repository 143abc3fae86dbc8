"""Our forecasts and filled gaps, on the windows and gaps of ``timeseries_baselines.py``.

Each model is a preset, trained on the rows before the first origin, or before the block with the
gaps. Settings of forecasts were chosen on the last 15 % of those rows, in a try or two; those of
gaps were not chosen so, and of the two ways to fill Energy both are shown. Scores are those of the
baselines; seconds are those of a core.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import arguments, record
from series_scores import Ensemble, forecast_figures, gap_figures
from series_windows import BackTest, Gaps, energy, energy_gaps, etth1, exchange, pm25_gaps

import sicore
from sicore.config import load_config
from sicore.hub import Model
from sicore.training import train
from sicore_timeseries.answers.drawing import fill, rows_of
from sicore_timeseries.answers.plans import forecast_plan, imputation_plan
from sicore_timeseries.data.places import cache_folder
from sicore_timeseries.data.table import Series

SAMPLES, PATHS = 200, 100  # of each forecast, and of a block with its gaps
HISTORY = 4_000  # rows that MASE is scaled by, as for the baselines
FORECASTS: dict[str, list[str]] = {
    "exchange": ["data.window=90", "data.lags=1", "data.local=true", "training.steps=200"],
    "etth1": ["data.window=120", "data.lags=94", "training.steps=400"],
    "energy": ["data.window=168", "data.lags=142", "training.steps=400"],
}
GAPS: dict[str, list[str]] = {
    "energy": ["training.steps=600"],
    "energy, in units that grow": ["data.hurst=0.5", "training.steps=600"],
    "pm25": [
        "data.window=192",
        "data.task={gaps: 1}",
        "data.hurst=0.5",
        "data.scaling=asinh",
        "training.steps=1200",
    ],
}


def trained(
    preset: str, rows: pd.DataFrame, folder: Path, settings: list[str]
) -> tuple[Model, float]:
    """A model of the rows, and the seconds of its training."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "rows.csv"
    rows.to_csv(file, index_label="time")
    given = [f"data.file={file}", "data.shares=[1, 0, 0]", *settings]
    start = time.process_time()
    train(load_config(preset, given), folder / "model", device="cpu", progress=False)
    return sicore.load(folder / "model", device="cpu"), time.process_time() - start


def forecasts(test: BackTest, settings: list[str], folder: Path) -> dict[str, Any]:
    """The figures of one table."""
    first, horizon = test.origins[0], test.horizon
    rows = pd.DataFrame(test.values[:first], test.index[:first], list(test.columns))
    given = [f"data.horizon={horizon}", *settings]
    model, spent = trained("timeseries/forecast", rows, folder, given)
    start = time.process_time()
    made = [_forecast(model, test, w) for w in range(len(test.origins))]
    windows = len(test.origins) * len(test.columns)
    seconds = (time.process_time() - start) / windows
    law = Ensemble(np.stack(made, 1))
    figures = forecast_figures(law, test.truths, test.changes(HISTORY))
    return {
        "settings": " ".join(given),
        **{name: float(f"{value:.4g}") for name, value in figures.items()},
        "seconds of training": round(spent, 1),
        "seconds of a window and column": float(f"{seconds:.2g}"),
    }


def _forecast(model: Model, test: BackTest, number: int) -> np.ndarray:
    """Window number so much, ``(S, H, C)``."""
    length, horizon, origin = (
        len(model.domain.space.zeros(1)[0]),
        test.horizon,
        test.origins[number],
    )
    begin = origin + horizon - length
    values = test.values[begin : origin + horizon].copy()
    values[-horizon:] = np.nan
    rows = rows_of(Series("", test.index[begin : origin + horizon], values), test.season)
    plan = forecast_plan(length - horizon, horizon, length, horizon)
    made = fill(model, rows, plan, samples=SAMPLES, seed=number, batch_size=SAMPLES)
    return made[:, -horizon:]


def imputations(test: Gaps, settings: list[str], folder: Path) -> dict[str, Any]:
    """The figures of one block."""
    rows = pd.DataFrame(test.table[: test.first], test.index[: test.first], list(test.columns))
    model, spent = trained("timeseries/impute", rows, folder, settings)
    seen = test.seen
    start = time.process_time()
    series = rows_of(Series("", test.index[test.first :], seen), 1)
    plan = imputation_plan(np.isnan(seen).any(1), len(model.domain.space.zeros(1)[0]))
    paths = fill(model, series, plan, samples=PATHS, batch_size=PATHS)
    seconds = time.process_time() - start
    return {
        "settings": " ".join(settings),
        "paths": len(paths),
        **gap_figures(paths, test),
        "seconds of training": round(spent, 1),
        "seconds": round(seconds, 1),
    }


def kept(folder: Path, measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """The figures in a folder, measured if there are none."""
    file = folder / "figures.json"
    if not file.is_file():
        figures = measure(folder)
        file.write_text(json.dumps(figures), encoding="utf-8")
    known: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return known


def main() -> None:
    """Measure, and write ``series_forecasts.json``."""
    options = arguments(__doc__, data=cache_folder(), runs=Path("runs/series-forecasts"))
    torch.set_num_threads(1)
    data, runs = options.data, options.runs
    short = ["training.steps=20"] if options.quick else []
    tests = {"exchange": exchange(data), "etth1": etth1(data), "energy": energy(data)}
    blocks = {"energy": energy_gaps(data), "pm25": pm25_gaps(data)}
    figures: dict[str, Any] = {"samples": SAMPLES, "forecasts": {}}
    for name, settings in FORECASTS.items():
        figures["forecasts"][name] = kept(
            runs / name, lambda place, n=name, s=settings: forecasts(tests[n], [*s, *short], place)
        )
    for name, settings in GAPS.items():
        block = name.partition(",")[0]
        figures[f"gaps of {name}"] = kept(
            runs / f"gaps of {name}",
            lambda place, n=block, s=settings: imputations(blocks[n], [*s, *short], place),
        )
    record("series_forecasts", options, figures)


if __name__ == "__main__":
    main()
