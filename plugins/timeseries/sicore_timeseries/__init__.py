"""Time series: tables of numbers in time, networks, generators and metrics."""
