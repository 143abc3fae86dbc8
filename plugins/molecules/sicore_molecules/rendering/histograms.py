"""Charts of a property: its histogram among generated molecules, beside the training data."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sicore.errors import InputError

SIZE = (440, 200)  # pixels
GIVEN, TRAIN, INK, ASKED = "#2f5fd0", "#c9ced8", "#1d2430", "#d0452f"
_BINS, _FINER = 30, 3
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 24, 24


def histogram_png(
    given: np.ndarray, train: np.ndarray, title: str, asked: float | None = None
) -> bytes:
    """Two histograms in one chart, each of area 1: the training data filled, the other a line.

    The axis spans all but the outermost thousandth of both, and the value that was asked for.

    Args:
        given: values ``(n,)`` of the generated molecules.
        train: values ``(m,)`` of the training data.
        title: written above, with the unit, in ASCII: Pillow's font has no dashes.
        asked: a value to mark by a dashed line.

    Raises:
        InputError: when there are no values, or some are not finite.
    """
    for name, values in (("generated", given), ("training", train)):
        if not len(values) or not np.isfinite(values).all():
            raise InputError(f"chart of {title}: expected finite {name} values, got {len(values)}")
    low, high = _range(given, train, *([] if asked is None else [np.array([asked])]))
    shares = [np.histogram(v, _BINS, (low, high))[0] / len(v) for v in (train, given)]
    sheet = Image.new("RGB", (SIZE[0] * _FINER, SIZE[1] * _FINER), "white")
    pen = ImageDraw.Draw(sheet)
    width, height = SIZE[0] - _LEFT - _RIGHT, SIZE[1] - _TOP - _BOTTOM
    top = max(share.max() for share in shares)

    def at(x: float, y: float) -> tuple[float, float]:
        """Where share y is drawn, x bins from the left."""
        across, down = _LEFT + x / _BINS * width, _TOP + (1 - y / top) * height
        return across * _FINER, down * _FINER

    for number, share in enumerate(shares[0]):
        pen.rectangle([at(number, share), at(number + 1, 0)], fill=TRAIN)
    outline = [at(0, 0)]
    for number, share in enumerate(shares[1]):
        outline += [at(number, share), at(number + 1, share)]
    pen.line([*outline, at(_BINS, 0)], fill=GIVEN, width=2 * _FINER, joint="curve")
    pen.line([at(0, 0), at(_BINS, 0)], fill=INK, width=_FINER)
    if asked is not None:
        across = (asked - low) / (high - low) * _BINS
        for dash in np.arange(0, 1, 0.1):
            ends = [at(across, top * dash), at(across, top * (dash + 0.05))]
            pen.line(ends, fill=ASKED, width=2 * _FINER)
    font = ImageFont.load_default(size=12 * _FINER)
    pen.text((_LEFT * _FINER, 4 * _FINER), title, fill=INK, font=font)
    for place in _ticks(low, high):
        x, y = at((place - low) / (high - low) * _BINS, 0)
        pen.line([(x, y), (x, y + 4 * _FINER)], fill=INK, width=_FINER)
        pen.text((x, y + 6 * _FINER), f"{place:g}", fill=INK, font=font, anchor="mt")
    buffer = io.BytesIO()
    sheet.resize(SIZE, Image.Resampling.LANCZOS).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _range(*sets: np.ndarray) -> tuple[float, float]:
    low = min(float(np.quantile(values, 0.001)) for values in sets)
    high = max(float(np.quantile(values, 0.999)) for values in sets)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers."""
    rough = (high - low) / 5
    power = 10 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda k: abs(k * power - rough))
    numbers = np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    return [round(float(k * step), 10) for k in numbers]
