"""Networks on spectrograms."""
