"""ETT: load and oil temperature of two electricity transformers in China, every hour.

Source: Zhou et al., "Informer: beyond efficient transformer for long sequence time-series
forecasting", AAAI 2021.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from sicore.downloads import Archive
from sicore_timeseries.data.published import File, Published
from sicore_timeseries.data.table import Table, read_table

FOLDER = (
    "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/"
    "1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/"
)
ROWS = 14_400  # 12, 4 and 4 months of 30 days, as the papers take them; the file goes on


class ETTh1(Published):
    """Two years of July 2016 on: six loads, and the temperature of the oil (OT).

    The splits are those of the papers: 8640 hours, 2880, and 2880.
    """

    title: ClassVar[str] = "ETTh1: seven values of a transformer, 20 months of hours"
    licence: ClassVar[str] = "CC BY-ND 4.0"
    source: ClassVar[str] = "https://github.com/zhouhaoyi/ETDataset"
    name: ClassVar[str] = "etth1"
    file: ClassVar[File] = File(
        Archive(
            FOLDER + "ETTh1.csv",
            "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        ),
        ("ETTh1.csv.gz",),
    )
    shares: ClassVar[tuple[float, float, float]] = (0.6, 0.2, 0.2)

    @classmethod
    def read(cls, path: Path) -> Table:
        """The rows that the splits are made of."""
        table = read_table(path, time="date")
        (series,) = table.series
        cut = replace(series, index=series.index[:ROWS], values=series.values[:ROWS])
        return replace(table, series=(cut,))


class ETTh2(ETTh1):
    """The same of the second transformer."""

    title: ClassVar[str] = "ETTh2: seven values of another transformer, 20 months of hours"
    name: ClassVar[str] = "etth2"
    file: ClassVar[File] = File(
        Archive(
            FOLDER + "ETTh2.csv",
            "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b",
        ),
        ("ETTh2.csv.gz",),
    )
