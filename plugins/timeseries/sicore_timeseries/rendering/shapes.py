"""The shapes that writers draw, in pixels from the upper left corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageFont

Point = tuple[float, float]


@dataclass(frozen=True)
class Polygon:
    """A filled area."""

    points: Sequence[Point]
    colour: str


@dataclass(frozen=True)
class Polyline:
    """A line through points."""

    points: Sequence[Point]
    colour: str
    width: float
    dashed: bool = False


@dataclass(frozen=True)
class Circle:
    """A filled dot."""

    centre: Point
    radius: float
    colour: str


@dataclass(frozen=True)
class Text:
    """A line of text.

    Args:
        place: the end of the baseline that ``anchor`` says.
        words: the text.
        size: in pixels.
        colour: ``#rrggbb``.
        anchor: ``start``, ``middle`` or ``end``.
    """

    place: Point
    words: str
    size: float
    colour: str
    anchor: str = "start"


Shape = Polygon | Polyline | Circle | Text


def text_width(words: str, size: float) -> float:
    """Pixels that a text takes in Pillow's font; other fonts differ by about a tenth."""
    return float(ImageFont.load_default(size=size).getlength(words))


def shortened(words: str, size: float, room: float) -> str:
    """The text, cut with ``...`` where it would take more than the room."""
    if text_width(words, size) <= room:
        return words
    kept = len(words)
    while kept and text_width(words[:kept] + "...", size) > room:
        kept -= 1
    return words[:kept].rstrip() + "..."
