"""What this plugin offers, as names and import paths: nothing is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1

DATASETS = (
    ("file", "series_file:SeriesFile", "Your own series: data.file=PATH, CSV or Parquet"),
    ("sines", "sines:Sines", "Generated waves of random frequency and phase"),
    ("stocks", "stocks:Stocks", "Daily prices and volumes of a share, 6 columns"),
    ("energy", "energy:Energy", "Energy use and air of a house, 28 columns, ten minutes apart"),
    ("etth1", "ett:ETTh1", "Load and oil temperature of a transformer, 7 columns, hourly"),
    ("etth2", "ett:ETTh2", "The same of another transformer"),
    ("exchange", "exchange:Exchange", "Exchange rates of 8 currencies, daily"),
    ("pm25", "pm25:PM25", "Fine dust and weather in Beijing, hourly, with real gaps"),
)


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the domain, its networks, data sets and presets."""
    for name, target, summary in DATASETS:
        registry.add("dataset", f"timeseries/{name}", f"sicore_timeseries.data.{target}", summary)
