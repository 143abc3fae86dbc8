"""Charts of ensembles in time: forecasts as fans, and filled gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from sicore.errors import InputError
from sicore_timeseries.rendering.axes import moments
from sicore_timeseries.rendering.chart import Chart
from sicore_timeseries.rendering.marks import BANDS, BLUE, INK, RED, Band, Dots, Line, Mark, Panel

LEVELS = (0.95, 0.8, 0.5)
"""Shares of the ensemble that the bands hold, in the middle of it."""

Times: TypeAlias = "pd.Index | np.ndarray | Sequence[float]"


def fan_chart(
    times: Times,
    history: np.ndarray,
    future_times: Times,
    ensemble: np.ndarray,
    truth: np.ndarray | None = None,
    *,
    title: str = "",
    unit: str = "",
) -> Chart:
    """A forecast of one channel: what was known, the median, and bands of 50, 80 and 95 %.

    If the last row of the history is known, the fan opens there. Moments may be irregular.

    Args:
        times: ``(n,)``, dates or numbers, increasing.
        history: ``(n,)``; NaN is missing.
        future_times: ``(H,)``, after those of the history and of their kind.
        ensemble: ``(S, H)``.
        truth: ``(H,)``, if it is known.
        title: of the channel.
        unit: of the values.

    Raises:
        InputError: the shapes do not fit, the ensemble is not finite, or nothing is to be forecast.
    """
    past, dates = moments(times)
    future, _ = moments(pd.Index(times).append(pd.Index(future_times))[len(past) :])
    known = np.asarray(history, np.float64)
    paths = _ensemble(ensemble, len(future))
    _check("history", known, past, "times")
    x, opened = future, paths
    if len(known) and np.isfinite(known[-1]):
        x = np.concatenate([past[-1:], future])
        opened = np.concatenate([np.full((len(paths), 1), known[-1]), paths], axis=1)
    marks: list[Mark] = [*_bands(x, opened), Line(past, known, INK, "history")]
    marks.append(Line(x, np.median(opened, 0), BLUE, "median", 2.0))
    if truth is not None:
        came = np.asarray(truth, np.float64)
        _check("truth", came, future, "future_times")
        ends = np.concatenate([known[-1:], came]) if len(x) > len(future) else came
        marks.append(Line(x, ends, RED, "truth"))
    return Chart((Panel(tuple(marks), title, unit, dates),))


def imputation_chart(
    times: Times,
    known: np.ndarray,
    ensemble: np.ndarray,
    truth: np.ndarray | None = None,
    *,
    title: str = "",
    unit: str = "",
) -> Chart:
    """Filled gaps of one channel: known points as dots, the median, and bands of 50, 80 and 95 %.

    Args:
        times: ``(n,)``, dates or numbers, increasing.
        known: ``(n,)``, NaN where the value was filled in.
        ensemble: ``(S, n)``, with the known values where there are some.
        truth: ``(n,)``, if it is known; only its values in gaps are drawn.
        title: of the channel.
        unit: of the values.

    Raises:
        InputError: the shapes do not fit, or the ensemble is not finite.
    """
    x, dates = moments(times)
    here = np.asarray(known, np.float64)
    _check("known", here, x, "times")
    paths = np.where(np.isfinite(here), here, _ensemble(ensemble, len(x)))
    gap = ~np.isfinite(here)
    beside = gap.copy()  # bands meet the known values on both sides
    beside[1:] |= gap[:-1]
    beside[:-1] |= gap[1:]
    open_paths = np.where(beside, paths, np.nan)
    marks: list[Mark] = [*_bands(x, open_paths)]
    marks.append(Line(x, np.median(open_paths, 0), BLUE, "median", 2.0))
    if truth is not None:
        came = np.asarray(truth, np.float64)
        _check("truth", came, x, "times")
        marks.append(Dots(x[gap], came[gap], RED, "truth"))
    marks.append(Dots(x, here, INK, "known"))
    return Chart((Panel(tuple(marks), title, unit, dates),))


def _bands(x: np.ndarray, ensemble: np.ndarray) -> list[Band]:
    """The widest first."""
    bands = []
    for level, colour in zip(LEVELS, BANDS, strict=True):
        low, high = np.quantile(ensemble, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        bands.append(Band(x, low, high, colour, f"{level:.0%}".replace("%", " %")))
    return bands


def _ensemble(ensemble: np.ndarray, length: int) -> np.ndarray:
    paths = np.asarray(ensemble, np.float64)
    if paths.ndim != 2 or not len(paths) or paths.shape[1] != length or not length:
        raise InputError(
            f"chart: the ensemble has shape {paths.shape}, expected (samples, {length}), a value "
            "for each moment"
        )
    if not np.isfinite(paths).all():
        raise InputError("chart: the ensemble has values that are not finite; leave them out")
    return paths


def _check(name: str, values: np.ndarray, times: np.ndarray, of: str) -> None:
    if values.shape != times.shape:
        raise InputError(
            f"chart: {name} has shape {values.shape}, expected {times.shape}, one value for each "
            f"of {of}"
        )
