"""Molecules and graphs for sicore."""
