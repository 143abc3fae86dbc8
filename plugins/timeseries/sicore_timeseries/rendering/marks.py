"""What a chart is made of: lines, bands and dots in panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sicore_timeseries.rendering.axes import Axis, date_axis, number_axis

INK, GREY, PALE = "#1d2430", "#6b7280", "#c9ced8"
BLUE, RED = "#2f5fd0", "#d0452f"
BANDS = ("#dbe4fa", "#b4c7f2", "#86a4ea")
"""Fills of bands, the widest band first."""


@dataclass(frozen=True)
class Line:
    """A line through points; NaN interrupts it, and a point between two NaN becomes a dot.

    Args:
        x: ``(n,)``.
        y: ``(n,)``.
        colour: ``#rrggbb``.
        label: in the legend; empty for none.
        width: in pixels.
        dashed: whether it is drawn in dashes.
    """

    x: np.ndarray
    y: np.ndarray
    colour: str = INK
    label: str = ""
    width: float = 1.5
    dashed: bool = False

    @property
    def values(self) -> np.ndarray:
        """All that the vertical axis has to show."""
        return self.y


@dataclass(frozen=True)
class Band:
    """The area between two lines; NaN interrupts it.

    Args:
        x: ``(n,)``.
        low: ``(n,)``.
        high: ``(n,)``.
        colour: see `Line`, as is ``label``.
        label: in the legend.
    """

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    colour: str
    label: str = ""

    @property
    def values(self) -> np.ndarray:
        """All that the vertical axis has to show."""
        return np.concatenate([self.low, self.high])


@dataclass(frozen=True)
class Dots:
    """Points.

    Args:
        x: ``(n,)``.
        y: ``(n,)``; NaN is left out.
        colour: see `Line`, as is ``label``.
        label: in the legend.
        radius: in pixels.
    """

    x: np.ndarray
    y: np.ndarray
    colour: str = INK
    label: str = ""
    radius: float = 2.2

    @property
    def values(self) -> np.ndarray:
        """All that the vertical axis has to show."""
        return self.y


Mark = Line | Band | Dots


@dataclass(frozen=True)
class Panel:
    """Marks over the same two axes; later ones lie above earlier ones.

    Args:
        marks: at least one with a finite point.
        title: written above.
        unit: of the values, beside the title.
        dates: whether the horizontal axis shows seconds since 1970, as dates.
        x_title: of the horizontal axis.
        x_range: of the horizontal axis; by default that of the marks.
        y_range: of the vertical axis; by default that of the marks and a little more.
        axes: whether numbers are written beside it.
    """

    marks: Sequence[Mark]
    title: str = ""
    unit: str = ""
    dates: bool = False
    x_title: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    axes: bool = True

    def horizontal(self, ticks: int) -> Axis:
        """The horizontal axis with about so many ticks."""
        low, high = self.x_range or _span([mark.x for mark in self.marks])
        make: Callable[..., Axis] = date_axis if self.dates else number_axis
        return make(low, high, ticks, self.x_title)

    def vertical(self, ticks: int) -> Axis:
        """The vertical axis with about so many ticks."""
        if self.y_range is not None:
            return number_axis(*self.y_range, ticks, self.unit)
        low, high = _span([mark.values for mark in self.marks])
        pad = 0.05 * (high - low)
        return number_axis(low - pad, high + pad, ticks, self.unit)


def _span(parts: Sequence[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(part, np.float64) for part in parts])
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
