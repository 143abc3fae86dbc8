"""Ensembles as tables of quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sicore.errors import InputError

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def quantile_table(
    ensemble: np.ndarray,
    times: pd.Index | np.ndarray,
    columns: Sequence[str],
    *,
    series: str = "",
    levels: Sequence[float] = LEVELS,
) -> pd.DataFrame:
    """A row for each channel and moment: ``time, series, column, mean, q05, …, q95``.

    Args:
        ensemble: ``(S, H, C)``.
        times: the H moments.
        columns: the names of the C channels.
        series: the name of the series, for tables of several that are put together.
        levels: of the quantiles, in (0, 1); the column of 0.05 is ``q05``, of 0.975 ``q97.5``.

    Returns:
        ``H · C`` rows, channel after channel; the quantiles are those of NumPy (linear).

    Raises:
        InputError: the shapes do not fit, or a level is not in (0, 1).
    """
    values = np.asarray(ensemble, np.float64)
    expected = (len(times), len(columns))
    if values.ndim != 3 or not len(values) or values.shape[1:] != expected:
        raise InputError(
            f"quantiles: the ensemble has shape {values.shape}, expected (samples, "
            f"{expected[0]}, {expected[1]}), the moments and the columns"
        )
    wrong = [level for level in levels if not 0 < level < 1]
    if wrong:
        raise InputError(f"quantiles: level {wrong[0]} is not between 0 and 1")
    frame = pd.DataFrame(
        {
            "time": pd.Index(times).append([pd.Index(times)] * (len(columns) - 1)),
            "series": series,
            "column": np.repeat(np.asarray(columns, object), len(times)),
            "mean": values.mean(0).T.ravel(),
        }
    )
    for level, row in zip(levels, np.quantile(values, levels, axis=0), strict=True):
        frame[_name(level)] = row.T.ravel()
    return frame


def _name(level: float) -> str:
    whole, _, rest = f"{100 * level:.6f}".rstrip("0").partition(".")
    return f"q{whole:0>2}" + (f".{rest}" if rest else "")
