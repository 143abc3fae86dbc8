"""The domain of time series."""
