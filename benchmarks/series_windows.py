"""The windows that forecasts are measured on, and the gaps that are filled: the same for all.

The files are looked for in ``$SICORE_DATA/timeseries``.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sicore.errors import InputError
from sicore_timeseries.data.energy import Energy
from sicore_timeseries.data.ett import ETTh1
from sicore_timeseries.data.exchange import COUNTRIES
from sicore_timeseries.data.pm25 import PM25

MASKED = 0.3  # the share of values that are hidden
DUST = 0.1  # the share of the fine dust that is
GAPS = (6, 36)  # rows of a gap, both included


@dataclass(frozen=True)
class BackTest:
    """Rows ``origin … origin + horizon − 1`` are forecast from the rows before, for each origin.

    Args:
        columns: the names of the C columns.
        values: all rows, ``(n, C)``.
        index: their moments.
        origins: first rows of the windows.
        horizon: their length.
        season: in rows.
        season_ets: the season of smoothing and ARIMA models, which take none of 144 rows.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    index: pd.Index
    origins: tuple[int, ...]
    horizon: int
    season: int
    season_ets: int

    @property
    def truths(self) -> np.ndarray:
        """What came, ``(W, H, C)``."""
        return np.stack([self.values[o : o + self.horizon] for o in self.origins])

    def changes(self, history: int) -> np.ndarray:
        """The mean |y_t − y_{t−m}| of the rows before each origin, at most so many, ``(W, C)``."""
        pasts = [self.values[max(0, origin - history) : origin] for origin in self.origins]
        return np.stack([np.abs(p[self.season :] - p[: -self.season]).mean(0) for p in pasts])


@dataclass(frozen=True)
class Gaps:
    """Values that are hidden, and have to be filled in.

    Args:
        columns: the names of the C columns.
        table: all rows, ``(N, C)``.
        index: their moments.
        first: the row at which the block begins, which is all that follows.
        gaps: column, first row in the block, and number of rows; none touches another.
    """

    columns: tuple[str, ...]
    table: np.ndarray
    index: pd.Index
    first: int
    gaps: tuple[tuple[int, int, int], ...]

    @property
    def values(self) -> np.ndarray:
        """The block, ``(n, C)``."""
        return self.table[self.first :]

    @property
    def seen(self) -> np.ndarray:
        """The block with NaN in its gaps."""
        shown = self.values.copy()
        for column, start, length in self.gaps:
            shown[start : start + length, column] = np.nan
        return shown

    @property
    def hidden(self) -> np.ndarray:
        """Which values of the block have to be filled in and are known, bool ``(n, C)``."""
        return np.isfinite(self.values) & ~np.isfinite(self.seen)

    def figures(self) -> dict[str, Any]:
        """How to make the same gaps: for each column, ``start+length`` of each of them."""
        written = {
            name: " ".join(f"{start}+{length}" for c, start, length in self.gaps if c == column)
            for column, name in enumerate(self.columns)
        }
        return {"first row": self.first, "rows": len(self.values), "gaps": written}


def exchange(folder: Path) -> BackTest:
    """Five windows of 30 days after the first 6071, as of Salinas et al. (2019)."""
    with tarfile.open(_file(folder, "exchange_rate_nips.tar.gz")) as archive:
        member = archive.extractfile("exchange_rate_nips/test/test.json")
        assert member is not None
        rows = [json.loads(line) for line in io.TextIOWrapper(member, encoding="utf-8")]
    longest = max(len(row["target"]) for row in rows)
    values = np.stack([row["target"] for row in rows if len(row["target"]) == longest], axis=1)
    origins = tuple(range(6071, longest, 30))
    index = pd.RangeIndex(longest)
    return BackTest(COUNTRIES, values.astype(np.float64), index, origins, 30, 1, 1)


def etth1(folder: Path, origins: int = 20) -> BackTest:
    """Windows of a day, evenly over the test block."""
    table = ETTh1.read(_file(folder, "ETTh1.csv.gz"))
    values = table.values
    places = np.linspace(11_520, len(values) - 24, origins).round().astype(int)
    index = table.series[0].index
    return BackTest(table.columns, values, index, tuple(places.tolist()), 24, 24, 24)


def energy(folder: Path, origins: int = 10, columns: int = 8) -> BackTest:
    """Windows of four hours, evenly over the last fifth of the rows."""
    table = Energy.read(_file(folder, "energy.zip"))
    values = table.values[:, :columns]
    places = np.linspace(round(0.8 * len(values)), len(values) - 24, origins).round().astype(int)
    index, names = table.series[0].index, table.columns[:columns]
    return BackTest(names, values, index, tuple(places.tolist()), 24, 144, 1)


def energy_gaps(folder: Path, columns: int = 8, seed: int = 0) -> Gaps:
    """30 % of the last fifth of the rows, in gaps of 1 to 6 hours at random places."""
    table = Energy.read(_file(folder, "energy.zip"))
    first = round(0.8 * len(table.values))
    values = table.values[:, :columns]
    rows = len(values) - first
    rng = np.random.default_rng(seed)
    lengths = np.arange(GAPS[0], GAPS[1] + 1)
    gaps = [
        gap
        for column in range(columns)
        for gap in _gaps(np.ones(rows, bool), column, lengths, MASKED, rng)
    ]
    return Gaps(table.columns[:columns], values, table.series[0].index, first, tuple(gaps))


def pm25_gaps(folder: Path, seed: int = 0) -> Gaps:
    """10 % of the fine dust in the last fifth of the hours, in gaps as long as the real ones.

    Lengths are drawn from those of all 214 real gaps (1 to 155 hours, half of them 1), which stay
    and have no truth; the weather is known throughout.
    """
    table = PM25.read(_file(folder, "beijing_pm25.csv.gz"))
    first = round(0.8 * len(table.values))
    dust = table.values[:, 0]
    rng = np.random.default_rng(seed)
    gaps = _gaps(np.isfinite(dust[first:]), 0, runs(np.isnan(dust)), DUST, rng)
    return Gaps(table.columns, table.values, table.series[0].index, first, tuple(gaps))


def runs(marks: np.ndarray) -> np.ndarray:
    """The lengths of the stretches that are True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], marks.astype(int), [0]))))
    return edges[1::2] - edges[::2]


def _gaps(
    known: np.ndarray, column: int, lengths: np.ndarray, share: float, rng: np.random.Generator
) -> list[tuple[int, int, int]]:
    rows, free = len(known), known.copy()
    free[[0, -1]] = False
    gaps: list[tuple[int, int, int]] = []
    while sum(length for _, _, length in gaps) < share * rows:
        length = int(rng.choice(lengths))
        start = int(rng.integers(1, rows - length))
        if free[start - 1 : start + length + 1].all():
            gaps.append((column, start, length))
            free[start : start + length] = False
    return sorted(gaps)


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise InputError(f"{name} is not in {folder}; set SICORE_DATA, or give --data FOLDER")
    return path
