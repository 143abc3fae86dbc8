"""Forecasts of a table's series, and how good earlier ones would have been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sicore_apps.series_models import Chosen
from sicore_timeseries.answers.drawing import domain_of, fill, rows_of
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
        unseen: whether the model had been trained on none of it.
        shown: one of them, with its truth ``(H, C)``.
    """

    scores: tuple[Score, ...]
    forecasts: int
    shown: tuple[Forecast, np.ndarray]


@dataclass(frozen=True)
class Settings:
    """How forecasts are drawn.

    Args:
        horizon: H, in rows.
        season: in rows.
        samples: S.
        steps: of the solver, or None for the model's own.
        seed: of the paths.
    """

    horizon: int
    season: int
    samples: int
    steps: int | None
    seed: int


def model_horizon(chosen: Chosen) -> int:
    """The rows that a model forecasts at a time."""
    length = int(chosen.model.domain.space.shape[0])  # type: ignore[attr-defined]
    known = chosen.model.config.data.parameters.get("horizon")
    return int(known) if known else length // 2


def forecast(
    chosen: Chosen, series: Series, settings: Settings, advance: Callable[[int], None] | None = None
) -> tuple[Forecast, list[str]]:
    """One series, and notes."""
    domain = domain_of(chosen.model, series.values.shape[1])
    longer, notes = series.ahead(settings.horizon)
    length = int(domain.space.shape[0])
    plan = forecast_plan(len(series), settings.horizon, length, model_horizon(chosen))
    paths = fill(
        chosen.model,
        rows_of(longer, settings.season),
        plan,
        samples=settings.samples,
        seed=settings.seed,
        steps=settings.steps,
        advance=advance,
    )
    future = longer.index[len(series) :]
    return Forecast(series, future, paths[:, len(series) :]), notes


def origins(series: Series, horizon: int, season: int, unseen: float) -> list[int]:
    """First rows of earlier forecasts: evenly over the last unseen rows, at most the last third."""
    rows = len(series)
    first = max(round(rows * (1 - min(unseen, 0.3))), 2 * season, horizon)
    last = rows - horizon
    if last < first:
        return []
    most = min(ORIGINS, 1 + (last - first) // max(1, horizon // 2))
    return sorted({int(o) for o in np.linspace(last, first, most).round()})


def back_test(
    chosen: Chosen, table: Table, settings: Settings, advance: Callable[[int], None] | None = None
) -> BackTest | None:
    """Forecasts of up to 4 series from up to 8 moments each; None where there is no room."""
    methods: dict[str, Forecaster] = {
        f"seasonal naive ({settings.season})" if settings.season > 1 else "naive": SeasonalNaive(
            settings.season
        ),
        "autoregression": AutoRegression(),
    }
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in ("this forecast", *methods)}
    truths: list[np.ndarray] = []
    shown: tuple[Forecast, np.ndarray] | None = None
    fewer = replace(settings, samples=min(settings.samples, DRAWS))
    for series in table.series[:TESTED]:
        for origin in origins(series, settings.horizon, settings.season, chosen.unseen):
            truth = series.values[origin : origin + settings.horizon]
            past = replace(series, index=series.index[:origin], values=series.values[:origin])
            if not (np.isfinite(truth).any() and np.isfinite(past.values).any(0).all()):
                continue
            made, _ = forecast(chosen, past, fewer, advance)
            drawn["this forecast"].append(made.paths)
            for name, method in methods.items():
                drawn[name].append(method(past.values, fewer.horizon, fewer.samples, fewer.seed))
            truths.append(truth)
            shown = (made, truth)
    if shown is None:
        return None
    scores = tuple(
        _score(name, np.stack(paths, 1), np.stack(truths)) for name, paths in drawn.items()
    )
    return BackTest(scores, len(truths), shown)


def _score(method: str, paths: np.ndarray, truths: np.ndarray) -> Score:
    """Of paths ``(S, W, H, C)`` and truths ``(W, H, C)``."""
    from sicore_timeseries.metrics.scores import crps

    columns = range(truths.shape[-1])
    known = [bool(np.isfinite(truths[..., c]).any()) for c in columns]
    each = [crps(paths[..., c], truths[..., c], fair=True) if known[c] else np.nan for c in columns]
    low, high = np.quantile(paths, [0.1, 0.9], axis=0)
    there = np.isfinite(truths)
    inside = (truths >= low) & (truths <= high)
    return Score(method, np.array(each), float(inside[there].mean()))


def quantiles(forecasts: list[Forecast], columns: tuple[str, ...]) -> pd.DataFrame:
    """All forecasts as one table of quantiles."""
    return pd.concat(
        [
            quantile_table(made.paths, made.future, columns, series=made.series.name)
            for made in forecasts
        ],
        ignore_index=True,
    )
