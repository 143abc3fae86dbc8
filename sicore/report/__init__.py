"""Reports as one self-contained HTML file; imports no torch."""

from sicore.report.page import Figure, Page, Section, Table

__all__ = ["Figure", "Page", "Section", "Table"]
