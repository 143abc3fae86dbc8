"""Tables made irregular: some of their rows are dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sicore.errors import InputError
from sicore_timeseries.data.table import Series, Table


def thinned(table: Table, share: float, seed: int) -> Table:
    """Without a share of the rows of each series, drawn at random.

    Raises:
        InputError: fewer than two rows of a series would be left.
    """
    rng = np.random.default_rng(seed)
    return replace(table, series=tuple(_thinned(s, share, rng) for s in table.series))


def _thinned(series: Series, share: float, rng: np.random.Generator) -> Series:
    kept = round((1 - share) * len(series))
    if kept < 2:
        raise InputError(f"dropped: of {len(series)} rows only {kept} would be left")
    rows = np.sort(rng.permutation(len(series))[:kept])
    return replace(series, index=series.index[rows], values=series.values[rows])
