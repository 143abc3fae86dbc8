"""Pictures of pictures: grids, contact sheets, and maps of a number at each pixel."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sicore_images.pictures import to_pillow

# A dark-to-bright map whose lightness rises evenly: black, violet, red, orange, pale yellow.
_STOPS = np.array(
    [[0, 0, 4], [58, 15, 110], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]],
    dtype=np.float64,
)


def grid(
    pictures: np.ndarray,
    columns: int | None = None,
    *,
    zoom: int = 2,
    gap: int = 2,
    paper: int = 255,
) -> Image.Image:
    """Pictures ``(N, C, H, W)`` side by side, row after row.

    Args:
        pictures: uint8, or floats in [0, 1].
        columns: in a row; about as many as there are rows when None.
        zoom: whole-number magnification that keeps pixels sharp.
        gap: pixels between two pictures.
        paper: grey level of the gaps.
    """
    tiles = [to_pillow(picture) for picture in pictures]
    columns = columns or max(1, math.ceil(math.sqrt(len(tiles))))
    rows = math.ceil(len(tiles) / columns)
    height, width = pictures.shape[-2] * zoom, pictures.shape[-1] * zoom
    colour = pictures.shape[1] == 3
    size = (columns * (width + gap) + gap, rows * (height + gap) + gap)
    sheet = Image.new("RGB" if colour else "L", size, (paper,) * 3 if colour else paper)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        corner = (gap + column * (width + gap), gap + row * (height + gap))
        sheet.paste(tile.resize((width, height), Image.Resampling.NEAREST), corner)
    return sheet


def contact_sheet(
    pictures: np.ndarray, columns: int | None = None, limit: int = 400
) -> Image.Image:
    """A grid of at most ``limit`` pictures, small ones magnified to about 56 pixels."""
    return grid(pictures[:limit], columns, zoom=magnified(pictures.shape[-2:], 56))


def heat_map(values: np.ndarray, top: float, *, zoom: int = 4, unit: str = "") -> Image.Image:
    """A map ``(H, W)`` in colours of evenly rising lightness, with a bar that gives the scale.

    Args:
        values: from 0 (dark) to ``top`` (bright); beyond, the colour stays.
        top: the value of the brightest colour.
        zoom: whole-number magnification.
        unit: written after the numbers of the bar.
    """
    colours = colour_map(np.asarray(values, dtype=np.float64) / top if top > 0 else values * 0.0)
    height, width = values.shape[0] * zoom, values.shape[1] * zoom
    body = Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST)
    label = f"{top:.2g}{unit}"
    font = ImageFont.load_default(size=max(10, height // 10))
    left, above, right, below = font.getbbox(label)
    bar = max(6, width // 14)
    sheet = Image.new("RGB", (width + 2 * bar + int(right - left) + 8, height), "white")
    sheet.paste(body, (0, 0))
    ramp = colour_map(np.linspace(1, 0, height)[:, None].repeat(bar, 1))
    sheet.paste(Image.fromarray(ramp), (width + bar // 2, 0))
    pen = ImageDraw.Draw(sheet)
    x = width + bar // 2 + bar + 4
    pen.text((x, -above), label, fill="black", font=font)
    pen.text((x, height - below - 1), "0", fill="black", font=font)
    return sheet


def colour_map(share: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1], any shape, to uint8 colours ``(..., 3)``."""
    share = np.nan_to_num(np.asarray(share, dtype=np.float64)).clip(0, 1)
    places = np.linspace(0, 1, len(_STOPS))
    channels = [np.interp(share, places, _STOPS[:, c]) for c in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


def png_bytes(picture: Image.Image) -> bytes:
    """The picture as a PNG file in memory."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def magnified(size: tuple[int, ...], side: int = 140) -> int:
    """The whole number that brings pictures of ``(H, W)`` to about ``side`` pixels."""
    return max(1, round(side / max(size)))
