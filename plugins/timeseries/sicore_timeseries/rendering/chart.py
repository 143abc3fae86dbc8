"""A chart: panels that can be written as SVG or as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sicore.errors import InputError
from sicore_timeseries.rendering.layout import layout
from sicore_timeseries.rendering.marks import Panel
from sicore_timeseries.rendering.png import to_png
from sicore_timeseries.rendering.svg import to_svg


@dataclass(frozen=True)
class Chart:
    """Panels in rows, with one legend.

    Args:
        panels: row by row.
        title: written above.
        columns: panels in a row.
        width: of the chart, in pixels.
        height: of a panel without its labels, in pixels.
    """

    panels: tuple[Panel, ...]
    title: str = ""
    columns: int = 1
    width: float = 820.0
    height: float = 240.0

    def svg(self) -> str:
        """The chart as SVG."""
        shapes, size = layout(self.panels, self.columns, (self.width, self.height), self.title)
        return to_svg(shapes, size, self.title or self.panels[0].title)

    def png(self, scale: float = 2.0) -> bytes:
        """The chart as PNG, with so many pixels for each of its own."""
        shapes, size = layout(self.panels, self.columns, (self.width, self.height), self.title)
        return to_png(shapes, size, scale)


def stacked(
    charts: Sequence[Chart], title: str = "", columns: int = 1, height: float = 150.0
) -> Chart:
    """The panels of several charts in one, such as one for each channel.

    Raises:
        InputError: there are no charts.
    """
    if not charts:
        raise InputError("stacked charts: got no chart, expected at least one")
    panels = tuple(panel for chart in charts for panel in chart.panels)
    return Chart(panels, title, columns, charts[0].width, height)
