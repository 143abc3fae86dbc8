"""Gaps of a table's series: filled, and how well hidden values would have been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from sicore.errors import InputError
from sicore_apps.answering import Drawing, column_crps, paths_of
from sicore_apps.series_models import Chosen
from sicore_timeseries.answers.drawing import domain_of, rows_of
from sicore_timeseries.answers.plans import Plan, imputation_plan
from sicore_timeseries.data.table import Series, Table
from sicore_timeseries.forecasts.bridges import brownian_bridges
from sicore_timeseries.forecasts.quantiles import quantile_table

TESTED = 1000  # last rows of a series that the test hides values of
SERIES = 4
SHARE = 0.1  # of known values that it hides
DRAWS = 100
DIGITS = 7


@dataclass(frozen=True)
class Filled:
    """A series with its gaps filled.

    Args:
        series: with NaN where a value was missing.
        paths: ``(S, n, C)``, the known values where there are some.
    """

    series: Series
    paths: np.ndarray

    @property
    def hidden(self) -> np.ndarray:
        """Which values were filled, bool ``(n, C)``."""
        return np.isnan(self.series.values)

    @property
    def median(self) -> np.ndarray:
        """Known values as they are, and medians to 7 digits, ``(n, C)``."""
        middle = np.median(self.paths, 0)
        rounded = np.vectorize(lambda value: float(f"{value:.{DIGITS}g}"))(middle)
        return np.asarray(np.where(self.hidden, rounded, self.series.values))


@dataclass(frozen=True)
class Score:
    """How well known values that were hidden are found again: CRPS of each column ``(C,)``."""

    method: str
    crps: np.ndarray


@dataclass(frozen=True)
class Trial:
    """A test with known values.

    Args:
        scores: of the model, and of interpolation.
        count: how many values were hidden.
    """

    scores: tuple[Score, ...]
    count: int


def with_regular_rows(series: Series, every: str) -> Series:
    """A series with rows of NaN at regular moments, beside its own.

    Args:
        series: at any moments.
        every: the step: a number, or for dates such as ``1h``, ``15min``, ``1D``.

    Raises:
        InputError: for a step that is none, or one so short that rows would be 100 times as many.
    """
    regular = regular_moments(series, every)
    if len(regular) > 100 * len(series):
        raise InputError(
            f"--every {every}: makes {len(regular)} rows of {len(series)}; choose a longer step"
        )
    index = series.index.union(regular)
    values = np.full((len(index), series.values.shape[1]), np.nan)
    values[index.get_indexer(series.index)] = series.values
    return replace(series, index=index, values=values)


def regular_moments(series: Series, every: str) -> pd.Index:
    """Moments from the first one on, so far apart; see `with_regular_rows`."""
    try:
        if series.dates:
            return pd.date_range(series.index[0].ceil(every), series.index[-1], freq=every)
        step = float(every)
        if step <= 0:
            raise ValueError
        first = np.ceil(series.index[0] / step) * step
        return pd.Index(np.arange(first, series.index[-1] + 1e-9 * step, step))
    except ValueError:
        kind = "a step such as 1h, 15min or 1D" if series.dates else "a number above 0"
        raise InputError(f"--every {every}: expected {kind}") from None


def gaps(chosen: Chosen, series: Series) -> Plan:
    """The windows that fill what is missing."""
    domain = domain_of(chosen.model, series.values.shape[1])
    return imputation_plan(np.isnan(series.values).any(1), int(domain.space.shape[0]))


def filled(
    chosen: Chosen, series: Series, drawing: Drawing, advance: Callable[[int], None] | None = None
) -> Filled:
    """One series; ``advance`` is called with the number of windows that were drawn."""
    rows = rows_of(series, drawing.season)
    return Filled(series, paths_of(chosen, rows, gaps(chosen, series), drawing, advance))


def trial(chosen: Chosen, table: Table, drawing: Drawing) -> Trial | None:
    """Hide a tenth of the known values, in gaps as long as those that are there, and fill them.

    Only the last rows of up to 4 series, of what the model was not trained on; None if there is no
    room.
    """
    names = ("this model", "linear interpolation")
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in names}
    truths: list[np.ndarray] = []
    fewer = replace(drawing, samples=min(drawing.samples, DRAWS))
    for number, series in enumerate(table.series[:SERIES]):
        rows = min(TESTED, len(series), round(chosen.unseen * len(series)))
        if rows < 20:
            continue
        last = slice(len(series) - rows, None)
        part = replace(series, index=series.index[last], values=series.values[last])
        rng = np.random.default_rng([drawing.seed, number])
        away = _more_gaps(series.values, np.isnan(part.values), rng)
        shown = np.where(away, np.nan, part.values)
        if not away.any() or (np.isfinite(shown).sum(0) < 2).any():
            continue
        ours = filled(chosen, replace(part, values=shown), fewer)
        lines = brownian_bridges(shown, part.times, fewer.samples, fewer.seed)
        truths.append(np.where(away, part.values, np.nan))
        for name, paths in zip(names, (ours.paths, lines), strict=True):
            drawn[name].append(paths)
    if not truths:
        return None
    truth = np.concatenate(truths)
    scores = tuple(
        Score(name, column_crps(np.concatenate(paths, 1), truth)) for name, paths in drawn.items()
    )
    return Trial(scores, int(np.isfinite(truth).sum()))


def _more_gaps(values: np.ndarray, missing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which known values to hide, bool like ``missing``: gaps as long as those of ``values``."""
    lengths = [n for column in np.isnan(values).T for n in _lengths(column)] or [1]
    rows, columns = missing.shape
    away = np.zeros_like(missing)
    for column in range(columns):
        for _ in range(rows):  # a gap may fall on another one
            if away[:, column].sum() >= SHARE * rows:
                break
            length = min(int(rng.choice(lengths)), rows // 4)
            start = int(rng.integers(1, rows - length))
            away[start : start + length, column] = ~missing[start : start + length, column]
    return away


def _lengths(missing: np.ndarray) -> list[int]:
    edges = np.flatnonzero(np.diff(np.r_[False, missing, False].astype(int)))
    return [int(b - a) for a, b in list(pairwise(edges))[::2]]


def filled_table(made: list[Filled], table: Table) -> pd.DataFrame:
    """The table again, its gaps filled with medians."""
    parts = []
    for one in made:
        frame = pd.DataFrame(one.median, columns=list(table.columns))
        if table.key:
            frame.insert(0, table.key, one.series.name)
        frame.insert(0, table.time or "row", one.series.index)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def regular_part(made: list[Filled], table: Table, every: str) -> pd.DataFrame:
    """The rows of the filled table at regular moments."""
    kept = []
    for one in made:
        inside = one.series.index.isin(regular_moments(one.series, every))
        kept.append(filled_table([one], table)[inside])
    return pd.concat(kept, ignore_index=True)


def quantiles(made: list[Filled], columns: tuple[str, ...]) -> pd.DataFrame:
    """A row for each value that was filled."""
    parts = []
    for one in made:
        for number, column in enumerate(columns):
            rows = np.flatnonzero(one.hidden[:, number])
            if len(rows):
                paths = one.paths[:, rows, number : number + 1]
                times = one.series.index[rows]
                parts.append(quantile_table(paths, times, [column], series=one.series.name))
    return pd.concat(parts, ignore_index=True)
