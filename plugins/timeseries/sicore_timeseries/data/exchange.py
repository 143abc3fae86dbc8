"""Exchange: daily rates of eight currencies to the dollar from 1990 on.

Source: Lai et al., "Modeling long- and short-term temporal patterns with deep neural networks",
SIGIR 2018.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pandas as pd

from sicore.downloads import Archive
from sicore_timeseries.data.published import File, Published
from sicore_timeseries.data.table import Table, to_table

COUNTRIES = (
    "australia",
    "britain",
    "canada",
    "switzerland",
    "china",
    "japan",
    "new_zealand",
    "singapore",
)


class Exchange(Published):
    """7588 days of eight rates; the file has no dates.

    The split is that of the paper: 60, 20 and 20 %. The one of probabilistic forecasts (Salinas et
    al., 2019) trains on the first 6071 rows, and forecasts five times the next 30.
    """

    title: ClassVar[str] = "Exchange: 7588 days of eight exchange rates"
    licence: ClassVar[str] = "not stated"
    source: ClassVar[str] = "https://github.com/laiguokun/multivariate-time-series-data"
    name: ClassVar[str] = "exchange"
    file: ClassVar[File] = File(
        Archive(
            "https://raw.githubusercontent.com/laiguokun/multivariate-time-series-data/"
            "7f402f185cc2435b5e66aed13a3b560ed142e023/exchange_rate/exchange_rate.txt.gz",
            "6a4fbb561dcdee43f071a83badbeec9223a335552278348656738b556f1c2e9d",
        ),
        ("exchange_rate.txt",),
    )
    shares: ClassVar[tuple[float, float, float]] = (0.6, 0.2, 0.2)

    @classmethod
    def read(cls, path: Path) -> Table:
        """Rows are counted from 0."""
        frame = pd.read_csv(path, header=None, names=list(COUNTRIES))
        return to_table(frame, name=str(path), regular=True)
