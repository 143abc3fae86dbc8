"""What this plugin offers, as names and import paths: nothing is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1

DATASETS = (
    ("file", "series_file:SeriesFile", "Your own series: data.file=PATH, CSV or Parquet"),
    ("any", "any_series:AnySeries", "Made-up series of one channel, for a model of any series"),
    ("sines", "sines:Sines", "Generated waves of random frequency and phase"),
    ("exact", "processes:ExactProcess", "A process whose law is known: data.process=NAME"),
    ("stocks", "stocks:Stocks", "Daily prices and volumes of a share, 6 columns"),
    ("energy", "energy:Energy", "Energy use and air of a house, 28 columns, ten minutes apart"),
    ("etth1", "ett:ETTh1", "Load and oil temperature of a transformer, 7 columns, hourly"),
    ("etth2", "ett:ETTh2", "The same of another transformer"),
    ("exchange", "exchange:Exchange", "Exchange rates of 8 currencies, daily"),
    ("pm25", "pm25:PM25", "Fine dust and weather in Beijing, hourly, with real gaps"),
)


NETWORKS = (
    ("mlp", "mlp:SeriesMLP", "A residual perceptron on the whole window: short windows"),
    ("inverted", "inverted:SeriesInverted", "Attention over channels: few rows, many columns"),
    ("transformer", "transformer:SeriesTransformer", "Attention over moments, irregular ones too"),
    ("convolution", "convolution:SeriesConvolution", "Dilated convolutions: long windows"),
)

PRESETS = (
    ("file", "Your own series: generates, forecasts and fills gaps"),
    ("generate", "Windows like those of your own series"),
    ("forecast", "Forecasts of your own series, relative to the last known value"),
    ("impute", "Gaps of your own series, also with irregular moments"),
    ("foellmer", "Forecasts of your own series, on paths that start in the present"),
    ("any", "Any series: trained on made-up ones, forecasts and fills what it has never seen"),
    ("sines", "Waves of random frequency and phase, windows of 24"),
    ("stocks", "Prices and volumes of a share, windows of 24"),
    ("energy", "Energy use and air of a house, windows of 24"),
)


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the domain, its networks, data sets and presets."""
    registry.add(
        "domain", "timeseries", "sicore_timeseries.domain:TimeSeries", "Windows of values in time"
    )
    registry.add(
        "model",
        "timeseries/any",
        "sicore_timeseries:models/any",
        "Forecasts and filled gaps of any regular series, one column at a time; 3.1 M parameters",
    )
    for name, target, summary in NETWORKS:
        where = f"sicore_timeseries.networks.{target}"
        registry.add("backbone", f"timeseries/{name}", where, summary)
    for name, summary in PRESETS:
        file = f"sicore_timeseries:presets/{name}.yaml"
        registry.add("preset", f"timeseries/{name}", file, summary)
    for name, target, summary in DATASETS:
        registry.add("dataset", f"timeseries/{name}", f"sicore_timeseries.data.{target}", summary)
