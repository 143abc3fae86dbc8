"""Shapes as PNG: drawn larger and scaled down, so that edges are smooth."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import singledispatch
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from sicore_timeseries.rendering.shapes import Circle, Point, Polygon, Polyline, Shape, Text

FINER = 2
DASH, GAP = 5.0, 4.0
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def to_png(shapes: Sequence[Shape], size: tuple[float, float], scale: float = 2.0) -> bytes:
    """One picture with a white ground.

    Text is drawn in Pillow's own font, which has no letters beyond Latin ones.

    Args:
        shapes: from the lowest to the uppermost.
        size: width and height.
        scale: pixels of the picture for each of ``size``.
    """
    width, height = (round(side * scale) for side in size)
    sheet = Image.new("RGB", (width * FINER, height * FINER), "white")
    pen = ImageDraw.Draw(sheet)
    for shape in shapes:
        _draw(shape, pen, scale * FINER)
    buffer = io.BytesIO()
    small = sheet.resize((width, height), Image.Resampling.LANCZOS)
    small.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


@singledispatch
def _draw(shape: Shape, pen: ImageDraw.ImageDraw, scale: float) -> None:
    raise NotImplementedError


@_draw.register
def _(shape: Polygon, pen: ImageDraw.ImageDraw, scale: float) -> None:
    pen.polygon(_scaled(shape.points, scale), fill=shape.colour)


@_draw.register
def _(shape: Polyline, pen: ImageDraw.ImageDraw, scale: float) -> None:
    width = max(1, round(shape.width * scale))
    parts = _dashes(shape.points) if shape.dashed else [shape.points]
    for part in parts:
        pen.line(_scaled(part, scale), fill=shape.colour, width=width, joint="curve")


@_draw.register
def _(shape: Circle, pen: ImageDraw.ImageDraw, scale: float) -> None:
    (x, y), radius = shape.centre, shape.radius
    corners = _scaled([(x - radius, y - radius), (x + radius, y + radius)], scale)
    pen.ellipse(corners, fill=shape.colour)


@_draw.register
def _(shape: Text, pen: ImageDraw.ImageDraw, scale: float) -> None:
    font = ImageFont.load_default(size=shape.size * scale)
    place = _scaled([shape.place], scale)[0]
    pen.text(place, shape.words, fill=shape.colour, font=font, anchor=ANCHORS[shape.anchor])


def _scaled(points: Sequence[Point], scale: float) -> list[Point]:
    return [(x * scale, y * scale) for x, y in points]


def _dashes(points: Sequence[Point]) -> list[list[Point]]:
    """A line cut into dashes, which go on around its corners."""
    parts: list[list[Point]] = [[points[0]]]
    drawn, left = True, DASH
    for (x0, y0), (x1, y1) in pairwise(points):
        length, done = math.hypot(x1 - x0, y1 - y0), 0.0
        while length - done > left:
            done += left
            at = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if drawn:
                parts[-1].append(at)
            else:
                parts.append([at])
            drawn, left = not drawn, GAP if drawn else DASH
        left -= length - done
        if drawn:
            parts[-1].append((x1, y1))
    return [part for part in parts if len(part) > 1]
