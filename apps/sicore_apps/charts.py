"""Maps of time and frequency with axes and a colour bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sicore_images.rendering import colour_map

WIDTH, HEIGHT = 720, 206
LEFT, RIGHT, TOP, BOTTOM = 58, 92, 30, 46
TEXT = 13
INK, PAPER, LINE = (29, 36, 48), (255, 255, 255), (120, 128, 140)


@dataclass(frozen=True)
class Panel:
    """One map.

    Args:
        title: written above.
        values: ``(bins, columns)``, the lowest frequency first.
        low: the value of the darkest colour.
        high: the value of the brightest one.
        unit: of the values.
    """

    title: str
    values: np.ndarray
    low: float
    high: float
    unit: str = "dB"


def chart(panels: Sequence[Panel], seconds: float, kilohertz: float) -> Image.Image:
    """Panels below each other, all over the same time and the same frequencies.

    Args:
        panels: at least one.
        seconds: where the time axis ends.
        kilohertz: where the frequency axis ends.
    """
    tall = TOP + HEIGHT + BOTTOM
    sheet = Image.new("RGB", (LEFT + WIDTH + RIGHT, tall * len(panels)), PAPER)
    for number, panel in enumerate(panels):
        _draw(sheet, panel, number * tall, seconds, kilohertz)
    return sheet


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) in a range, at most so many and one."""
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * k for k in range(first, last + 1)]


def _draw(sheet: Image.Image, panel: Panel, above: int, seconds: float, kilohertz: float) -> None:
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=TEXT)
    top, bottom, right = above + TOP, above + TOP + HEIGHT, LEFT + WIDTH
    body = _coloured(panel.values[::-1], panel).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    sheet.paste(body, (LEFT, top))
    pen.rectangle((LEFT - 1, top - 1, right, bottom), outline=LINE)
    pen.text((LEFT, top - 7), panel.title, INK, font, anchor="ls")
    for tick in ticks(0, seconds, 8):
        x = LEFT + round(tick / seconds * (WIDTH - 1))
        pen.line((x, bottom, x, bottom + 4), LINE)
        pen.text((x, bottom + 6), f"{tick:g}", INK, font, anchor="mt")
    pen.text(((LEFT + right) / 2, bottom + 24), "time (s)", INK, font, anchor="mt")
    for tick in ticks(0, kilohertz, 4):
        y = bottom - 1 - round(tick / kilohertz * (HEIGHT - 1))
        pen.line((LEFT - 5, y, LEFT - 1, y), LINE)
        pen.text((LEFT - 8, y), f"{tick:g}", INK, font, anchor="rm")
    _upright(sheet, "frequency (kHz)", (12, (top + bottom) // 2), font)
    _bar(sheet, panel, top, bottom, font)


def _bar(
    sheet: Image.Image,
    panel: Panel,
    top: int,
    bottom: int,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    pen, left = ImageDraw.Draw(sheet), LEFT + WIDTH + 14
    ramp = np.linspace(panel.high, panel.low, HEIGHT)[:, None].repeat(14, 1)
    sheet.paste(_coloured(ramp, panel), (left, top))
    pen.rectangle((left - 1, top - 1, left + 14, bottom), outline=LINE)
    for tick in ticks(panel.low, panel.high, 5):
        y = bottom - 1 - round((tick - panel.low) / (panel.high - panel.low) * (HEIGHT - 1))
        pen.line((left + 14, y, left + 18, y), LINE)
        pen.text((left + 21, y), f"{tick:g}", INK, font, anchor="lm")
    pen.text((left + 14, top - 7), panel.unit, INK, font, anchor="ms")


def _coloured(values: np.ndarray, panel: Panel) -> Image.Image:
    return Image.fromarray(colour_map((values - panel.low) / (panel.high - panel.low)))


def _upright(
    sheet: Image.Image,
    text: str,
    centre: tuple[int, int],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    _, _, width, height = (math.ceil(side) for side in font.getbbox(text))
    label = Image.new("RGB", (width + 2, height + 2), PAPER)
    ImageDraw.Draw(label).text((1, 1), text, INK, font)
    turned = label.rotate(90, expand=True)
    sheet.paste(turned, (centre[0] - turned.width // 2, centre[1] - turned.height // 2))
