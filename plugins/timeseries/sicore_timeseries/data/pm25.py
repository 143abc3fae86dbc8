"""PM2.5: fine dust and the weather in Beijing, every hour of five years, with real gaps.

Source: Liang et al., "Assessing Beijing's PM2.5 pollution: severity, weather impact, APEC and
winter heating", Proceedings of the Royal Society A 471 (2015).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pandas as pd

from sicore.downloads import Archive
from sicore_timeseries.data.published import File, Published
from sicore_timeseries.data.table import Table, to_table

FILE = "PRSA_data_2010.1.1-2014.12.31.csv"
COLUMNS = ("pm2.5", "DEWP", "TEMP", "PRES", "Iws", "Is", "Ir")
"""Dust in µg/m³, dew point and temperature in °C, pressure in hPa, wind run in m/s, and the hours
that it has been snowing and raining."""


class PM25(Published):
    """43824 hours of 2010 to 2014; the dust of 2067 of them was not measured (NaN)."""

    title: ClassVar[str] = "PM2.5: 43824 hours of fine dust and weather in Beijing"
    licence: ClassVar[str] = "CC BY 4.0"
    source: ClassVar[str] = "https://archive.ics.uci.edu/dataset/381/beijing+pm2+5+data"
    name: ClassVar[str] = "pm25"
    file: ClassVar[File] = File(
        Archive(
            f"https://archive.ics.uci.edu/ml/machine-learning-databases/00381/{FILE}",
            "4127f868775e31b3956522adc0ec75af8937dde6a3896e8beed3a376c6d27f1c",
        ),
        ("beijing_pm25.csv", "beijing_pm25.csv.gz"),
    )

    @classmethod
    def read(cls, path: Path) -> Table:
        """With the four columns of the time made one, and without the direction of the wind."""
        frame = pd.read_csv(path)
        moments = pd.to_datetime(frame[["year", "month", "day", "hour"]])
        whole = frame[list(COLUMNS)].assign(time=moments)
        return to_table(whole, name=str(path), time="time", columns=COLUMNS)
