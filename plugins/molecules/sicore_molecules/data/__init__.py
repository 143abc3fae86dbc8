"""Data sets of molecules and graphs."""
