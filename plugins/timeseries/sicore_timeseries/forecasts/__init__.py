"""Tables of quantiles, and simple forecasts to compare with."""
