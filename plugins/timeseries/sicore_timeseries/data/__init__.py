"""Series as tables, windows of them, and data sets."""
