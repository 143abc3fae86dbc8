"""Stocks: daily prices of a share of Google, 2004 to 2019.

Source: Yoon et al., "Time-series generative adversarial networks", NeurIPS 2019, its data.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from sicore.downloads import Archive
from sicore_timeseries.data.published import File, Published
from sicore_timeseries.data.table import Table, read_table


class Stocks(Published):
    """3685 days: open, high, low, close, adjusted close, volume; the dates are not in the file.

    The protocol of TimeGAN takes all windows of 24 rows (``split="all"``), in the scaling of
    `WindowData.min_max`. (Its loader turns the time round, which this one does not.)
    """

    title: ClassVar[str] = "Stocks: 3685 days of six prices and volumes"
    licence: ClassVar[str] = "not stated; derived from Yahoo Finance"
    source: ClassVar[str] = "https://github.com/jsyoon0823/TimeGAN"
    name: ClassVar[str] = "stocks"
    file: ClassVar[File] = File(
        Archive(
            "https://raw.githubusercontent.com/jsyoon0823/TimeGAN/"
            "8f6181cb9b9d2fa0c930cd902411d9ac8a308e07/data/stock_data.csv",
            "134b8a00eb4eefa3242dd7ae85144082da80dedf75a1a656d5d08f97cd95277a",
        )
    )

    @classmethod
    def read(cls, path: Path) -> Table:
        """Rows are counted from 0."""
        return read_table(path, regular=True)
