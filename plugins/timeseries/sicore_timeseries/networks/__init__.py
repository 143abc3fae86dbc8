"""Networks over values in time."""
