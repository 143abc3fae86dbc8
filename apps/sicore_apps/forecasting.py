"""Forecasts of a table's series, and how good earlier ones would have been."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sicore.progress import progress_bar
from sicore_apps.answering import Drawing, column_crps, paths_of
from sicore_apps.series_models import Chosen
from sicore_timeseries.answers.drawing import domain_of, rows_of
from sicore_timeseries.answers.plans import forecast_plan
from sicore_timeseries.data.table import Series, Table
from sicore_timeseries.forecasts.autoregression import AutoRegression
from sicore_timeseries.forecasts.histories import Forecaster
from sicore_timeseries.forecasts.naive import SeasonalNaive
from sicore_timeseries.forecasts.quantiles import quantile_table

ORIGINS = 8
TESTED = 4  # series that the back-test takes
DRAWS = 100


@dataclass(frozen=True)
class Forecast:
    """The forecast of one series.

    Args:
        series: what was known.
        future: the moments that are forecast.
        paths: ``(S, H, C)``.
    """

    series: Series
    future: pd.Index
    paths: np.ndarray


@dataclass(frozen=True)
class Score:
    """How good one method's earlier forecasts would have been.

    Args:
        method: its name.
        crps: of each column, ``(C,)``, in the units of the data.
        coverage: the share of values in the intervals of 80 %.
    """

    method: str
    crps: np.ndarray
    coverage: float


@dataclass(frozen=True)
class BackTest:
    """Forecasts from earlier moments, beside what came.

    Args:
        scores: of the model, and of simple methods.
        forecasts: how many there are of each.
        shown: one of them, with its truth ``(H, C)``.
    """

    scores: tuple[Score, ...]
    forecasts: int
    shown: tuple[Forecast, np.ndarray]


def model_horizon(chosen: Chosen) -> int:
    """The rows that a model forecasts at a time."""
    length = int(chosen.model.domain.space.shape[0])  # type: ignore[attr-defined]
    known = chosen.model.config.data.parameters.get("horizon")
    return int(known) if known else length // 2


def forecast(
    chosen: Chosen, series: Series, horizon: int, drawing: Drawing
) -> tuple[Forecast, list[str]]:
    """The rows that follow one series, and notes.

    Args:
        chosen: the model.
        series: what is known.
        horizon: H, in rows.
        drawing: how paths are drawn.
    """
    domain = domain_of(chosen.model, series.values.shape[1])
    longer, notes = series.ahead(horizon)
    length = int(domain.space.shape[0])
    seen = min(len(series), length + domain.framing.reach(drawing.season)[0])
    rows = rows_of(longer, drawing.season).last(seen + horizon)
    plan = forecast_plan(seen, horizon, length, model_horizon(chosen))
    paths = paths_of(chosen, rows, plan, drawing)
    return Forecast(series, longer.index[len(series) :], paths[:, seen:]), notes


def origins(series: Series, horizon: int, season: int, unseen: float) -> list[int]:
    """First rows of earlier forecasts: evenly over the last unseen rows, at most the last third."""
    rows = len(series)
    first = max(round(rows * (1 - min(unseen, 0.3))), 2 * season, horizon)
    last = rows - horizon
    if last < first:
        return []
    most = min(ORIGINS, 1 + (last - first) // max(1, horizon // 2))
    return sorted({int(o) for o in np.linspace(last, first, most).round()})


def back_test(chosen: Chosen, table: Table, horizon: int, drawing: Drawing) -> BackTest | None:
    """Forecasts of up to 4 series from up to 8 moments each; None where there is no room."""
    season = drawing.season
    naive = f"seasonal naive ({season})" if season > 1 else "naive"
    methods: dict[str, Forecaster] = {
        naive: SeasonalNaive(season),
        "autoregression": AutoRegression(),
    }
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in ("this forecast", *methods)}
    fewer = replace(drawing, samples=min(drawing.samples, DRAWS))
    cases = list(_cases(chosen, table, horizon, season))
    with progress_bar("earlier forecasts", len(cases)) as bar:
        for past, _ in cases:
            made, _ = forecast(chosen, past, horizon, fewer)
            drawn["this forecast"].append(made.paths)
            for name, method in methods.items():
                drawn[name].append(method(past.values, horizon, fewer.samples, fewer.seed))
            bar.advance()
    if not cases:
        return None
    truths = np.stack([truth for _, truth in cases])
    scores = tuple(_score(name, np.stack(paths, 1), truths) for name, paths in drawn.items())
    return BackTest(scores, len(cases), (made, truths[-1]))


def _cases(
    chosen: Chosen, table: Table, horizon: int, season: int
) -> Iterator[tuple[Series, np.ndarray]]:
    """What was known at earlier moments, and what came ``(H, C)``."""
    for series in table.series[:TESTED]:
        for origin in origins(series, horizon, season, chosen.unseen):
            truth = series.values[origin : origin + horizon]
            past = replace(series, index=series.index[:origin], values=series.values[:origin])
            if np.isfinite(truth).any() and np.isfinite(past.values).any(0).all():
                yield past, truth


def _score(method: str, paths: np.ndarray, truths: np.ndarray) -> Score:
    """Of paths ``(S, W, H, C)`` and truths ``(W, H, C)``."""
    low, high = np.quantile(paths, [0.1, 0.9], axis=0)
    inside = (truths >= low) & (truths <= high)
    return Score(method, column_crps(paths, truths), float(inside[np.isfinite(truths)].mean()))


def quantiles(forecasts: list[Forecast], columns: tuple[str, ...]) -> pd.DataFrame:
    """All forecasts as one table of quantiles."""
    return pd.concat(
        [
            quantile_table(made.paths, made.future, columns, series=made.series.name)
            for made in forecasts
        ],
        ignore_index=True,
    )
