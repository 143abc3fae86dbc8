"""Charts of series, forecasts and filled gaps, as SVG and PNG."""
