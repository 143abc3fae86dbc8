"""Shapes as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from xml.sax.saxutils import escape

from sicore_timeseries.rendering.shapes import Circle, Point, Polygon, Polyline, Shape, Text

FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


def to_svg(shapes: Sequence[Shape], size: tuple[float, float], title: str = "") -> str:
    """One picture with a white ground.

    Args:
        shapes: from the lowest to the uppermost.
        size: width and height in pixels.
        title: read to those who do not see it.
    """
    width, height = (round(side) for side in size)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="{FONT}" role="img">'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    name = f"<title>{_plain(title)}</title>"
    return "\n".join([head, name, ground, *(_element(shape) for shape in shapes), "</svg>\n"])


@singledispatch
def _element(shape: Shape) -> str:
    raise NotImplementedError


@_element.register
def _(shape: Polygon) -> str:
    return f'<polygon points="{_points(shape.points)}" fill="{shape.colour}"/>'


@_element.register
def _(shape: Polyline) -> str:
    dashes = ' stroke-dasharray="5 4"' if shape.dashed else ""
    return (
        f'<polyline points="{_points(shape.points)}" fill="none" stroke="{shape.colour}" '
        f'stroke-width="{shape.width:g}" stroke-linejoin="round"{dashes}/>'
    )


@_element.register
def _(shape: Circle) -> str:
    (x, y), radius = shape.centre, shape.radius
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{shape.colour}"/>'


@_element.register
def _(shape: Text) -> str:
    x, y = shape.place
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{shape.size:g}" fill="{shape.colour}" '
        f'text-anchor="{shape.anchor}">{_plain(shape.words)}</text>'
    )


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _plain(words: str) -> str:
    """Escaped, without the control characters that XML does not allow."""
    return escape("".join(letter if letter >= " " else " " for letter in words))
