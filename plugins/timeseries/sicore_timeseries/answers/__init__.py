"""What a trained model says of a user's series: forecasts, and values of gaps."""
