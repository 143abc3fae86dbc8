"""Figures of series: how like the data samples are, and how good forecasts are."""
