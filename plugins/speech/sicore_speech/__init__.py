"""Speech for sicore: noisy recordings, their clean ones, networks and metrics."""
