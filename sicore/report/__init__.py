"""Reports as one self-contained HTML file; imports no torch."""

from sicore.report.page import Figure, Page, Player, Section, Table

__all__ = ["Figure", "Page", "Player", "Section", "Table"]
