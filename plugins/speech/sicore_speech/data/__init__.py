"""Recordings, noises and their mixtures."""
