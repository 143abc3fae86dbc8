"""From a chart to shapes: where axes, ticks, marks and the legend go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from sicore_timeseries.rendering.axes import Axis
from sicore_timeseries.rendering.marks import GREY, INK, PALE, Band, Dots, Line, Mark, Panel
from sicore_timeseries.rendering.shapes import (
    Circle,
    Point,
    Polygon,
    Polyline,
    Shape,
    Text,
    shortened,
    text_width,
)

TEXT, TITLE = 12.0, 13.0  # sizes of text, pixels
PAD, TICK = 8.0, 4.0
BELOW, ABOVE = 36.0, 24.0  # room of an axis's labels, of a panel's title
GRID = "#eceff4"
POINTS = 4  # of a line, for each pixel, before it is thinned


@dataclass(frozen=True)
class Box:
    """The area of a panel, and the axes that it shows."""

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis

    def across(self, x: np.ndarray | float) -> np.ndarray:
        """Pixels of numbers on the horizontal axis."""
        share = (np.asarray(x, np.float64) - self.x.low) / (self.x.high - self.x.low)
        return self.left + share * self.width

    def down(self, y: np.ndarray | float) -> np.ndarray:
        """Pixels of numbers on the vertical axis."""
        share = (np.asarray(y, np.float64) - self.y.low) / (self.y.high - self.y.low)
        return self.top + (1 - share) * self.height


def layout(
    panels: Sequence[Panel], columns: int, size: tuple[float, float], title: str = ""
) -> tuple[list[Shape], tuple[float, float]]:
    """All shapes of a chart.

    Args:
        panels: row by row.
        columns: panels in a row.
        size: width of the chart and height of a panel, in pixels.
        title: written above.

    Returns:
        The shapes, from the lowest to the uppermost; and the size of the chart.
    """
    wide, tall = size
    shapes: list[Shape] = []
    top = PAD
    if title:
        words = shortened(title, TITLE + 1, wide - 2 * PAD)
        shapes.append(Text((PAD, top + TITLE), words, TITLE + 1, INK))
        top += TITLE + 10
    legend, top = _legend([mark for panel in panels for mark in panel.marks], wide, top)
    shapes += legend
    vertical = [panel.vertical(max(2, int(tall // 30))) for panel in panels]
    labels = [label for axis in vertical for _, label in axis.ticks]
    drawn = any(panel.axes for panel in panels)
    left = PAD + max((text_width(label, TEXT) for label in labels), default=0) + TICK + 4
    margin = left if drawn else PAD
    below = BELOW + (16 if any(panel.x_title for panel in panels) else 0) if drawn else PAD
    cell = wide / columns
    for number, (panel, y) in enumerate(zip(panels, vertical, strict=True)):
        row, column = divmod(number, columns)
        width = cell - margin - 2 * PAD
        x = panel.horizontal(max(2, int(width // 75)))
        box = Box(
            column * cell + margin, top + row * (tall + ABOVE + below) + ABOVE, width, tall, x, y
        )
        shapes += _panel(panel, box, drawn)
    rows = -(-len(panels) // columns)
    return shapes, (wide, top + rows * (tall + ABOVE + below) + PAD)


def _panel(panel: Panel, box: Box, axes: bool) -> list[Shape]:
    right, bottom = box.left + box.width, box.top + box.height
    beside = [word for word in (panel.unit, box.y.factor and f"in {box.y.factor}") if word]
    heading = f"{panel.title} ({', '.join(beside)})" if beside else panel.title
    words = shortened(heading.strip(), TITLE, box.width)
    shapes: list[Shape] = [Text((box.left, box.top - 8), words, TITLE, INK)]
    if axes:
        shapes += _ticks(box, panel.x_title)
    for mark in panel.marks:
        shapes += _drawn(mark, box)
    shapes.append(Polyline([(box.left, bottom), (right, bottom)], GREY if axes else PALE, 1))
    return shapes


def _ticks(box: Box, x_title: str) -> list[Shape]:
    right, bottom = box.left + box.width, box.top + box.height
    shapes: list[Shape] = []
    for place, label in box.y.ticks:
        y = float(box.down(place))
        shapes.append(Polyline([(box.left, y), (right, y)], GRID, 1))
        shapes.append(Text((box.left - TICK - 2, y + TEXT * 0.35), label, TEXT, GREY, "end"))
    for place, label in box.x.ticks:
        x = float(box.across(place))
        shapes.append(Polyline([(x, bottom), (x, bottom + TICK)], GREY, 1))
        for line, words in enumerate(label.split("\n")):
            centre = min(x, right + 2 * PAD - text_width(words, TEXT) / 2)
            at = (centre, bottom + TICK + TEXT + line * (TEXT + 2))
            shapes.append(Text(at, words, TEXT, GREY, "middle"))
    below = " ".join(part for part in (x_title, box.x.factor and f"(in {box.x.factor})") if part)
    if below:
        at = (box.left + box.width / 2, bottom + TICK + 3 * TEXT)
        shapes.append(Text(at, shortened(below, TEXT, box.width), TEXT, GREY, "middle"))
    return shapes


def _legend(marks: Sequence[Mark], wide: float, top: float) -> tuple[list[Shape], float]:
    """Every label once, in rows; and where the rest begins."""
    named: dict[str, Mark] = {}
    for mark in marks:
        named.setdefault(mark.label, mark)
    named.pop("", None)
    shapes: list[Shape] = []
    x, y = PAD, top
    for label, mark in named.items():
        words = shortened(label, TEXT, wide - 2 * PAD - 34)
        width = 28 + text_width(words, TEXT) + 18
        if x > PAD and x + width > wide:
            x, y = PAD, y + TEXT + 8
        shapes += _sample(mark, x, y + TEXT / 2)
        shapes.append(Text((x + 28, y + TEXT * 0.85), words, TEXT, INK))
        x += width
    return shapes, (y + TEXT + 6 if named else top)


@singledispatch
def _sample(mark: Mark, x: float, y: float) -> list[Shape]:
    """What stands beside a label of the legend."""
    raise NotImplementedError


@_sample.register
def _(mark: Line, x: float, y: float) -> list[Shape]:
    return [Polyline([(x, y), (x + 22, y)], mark.colour, mark.width, mark.dashed)]


@_sample.register
def _(mark: Band, x: float, y: float) -> list[Shape]:
    corners = [(x, y - 5), (x + 22, y - 5), (x + 22, y + 5), (x, y + 5)]
    return [Polygon(corners, mark.colour)]


@_sample.register
def _(mark: Dots, x: float, y: float) -> list[Shape]:
    return [Circle((x + 11, y), mark.radius, mark.colour)]


@singledispatch
def _drawn(mark: Mark, box: Box) -> list[Shape]:
    """The shapes of a mark in its box."""
    raise NotImplementedError


@_drawn.register
def _(mark: Line, box: Box) -> list[Shape]:
    shapes: list[Shape] = []
    for part in _runs(np.isfinite(mark.y) & np.isfinite(mark.x)):
        points = _thinned(box.across(mark.x[part]), box.down(mark.y[part]), box)
        if len(points) == 1:
            shapes.append(Circle(points[0], 1 + mark.width / 2, mark.colour))
        else:
            shapes.append(Polyline(points, mark.colour, mark.width, mark.dashed))
    return shapes


@_drawn.register
def _(mark: Band, box: Box) -> list[Shape]:
    shapes: list[Shape] = []
    for part in _runs(np.isfinite(mark.low) & np.isfinite(mark.high)):
        x = box.across(mark.x[part])
        low, high = box.down(mark.low[part]), box.down(mark.high[part])
        if len(x) == 1:  # a band of one moment has to be seen too
            x = np.array([x[0] - 2, x[0] + 2])
            low, high = low.repeat(2), high.repeat(2)
        upper = list(zip(x.tolist(), high.tolist(), strict=True))
        lower = list(zip(x.tolist(), low.tolist(), strict=True))
        shapes.append(Polygon([*upper, *reversed(lower)], mark.colour))
    return shapes


@_drawn.register
def _(mark: Dots, box: Box) -> list[Shape]:
    here = np.isfinite(mark.y)
    places = zip(box.across(mark.x[here]).tolist(), box.down(mark.y[here]).tolist(), strict=True)
    return [Circle(place, mark.radius, mark.colour) for place in places]


def _runs(here: np.ndarray) -> list[slice]:
    """The stretches without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], here, [False]]).astype(int)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _thinned(x: np.ndarray, y: np.ndarray, box: Box) -> list[Point]:
    """The points, or of many the first, lowest, highest and last of each pixel's column."""
    if len(x) > POINTS * box.width:
        starts = np.flatnonzero(np.diff(np.floor(x), prepend=-np.inf))
        kept: set[int] = set()
        for start, stop in zip(starts, [*starts[1:], len(x)], strict=True):
            inside = y[start:stop]
            kept |= {int(start), int(stop) - 1}
            kept |= {int(start + inside.argmin()), int(start + inside.argmax())}
        order = sorted(kept)
        x, y = x[order], y[order]
    return list(zip(x.tolist(), y.tolist(), strict=True))
