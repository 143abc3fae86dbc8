"""What a page shows of a restoration."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sicore.report import Figure, Section, Table
from sicore_apps.restoration import Restoration
from sicore_images.pictures import to_pillow
from sicore_images.rendering import grid, magnified, png_bytes

MEASURED = {
    "inpaint": "what the model was given; the coloured part was not seen",
    "blur": "what the model was given: blurred",
    "superres": "what the model was given: fewer pixels",
}


def restoration_section(result: Restoration, *, title: str, text: str, command: str) -> Section:
    """Truth (when known), measurement, samples, mean and deviation, side by side."""
    size = result.samples.shape[-2:]
    zoom = magnified(size)
    figures = []
    if result.truth is not None:
        figures.append(
            figure(to_pillow(result.truth), size, "the real picture, unknown to the model")
        )
    figures += [
        figure(result.measured_view(), size, MEASURED[result.task.operator]),
        Figure(
            png_bytes(grid(result.samples, zoom=max(1, zoom // 2))),
            f"{len(result.samples)} posterior samples: each agrees with what was seen",
        ),
        figure(to_pillow(result.mean), size, "their mean: the best guess pixel by pixel"),
        Figure(
            png_bytes(result.std_view()),
            "their standard deviation at each pixel (black to white is 1): where it is unsure",
        ),
    ]
    return Section(title, text, command, figures, [_table(result)])


def figure(picture: Image.Image, size: tuple[int, ...], caption: str) -> Figure:
    """A picture magnified to the common size of a page, its pixels kept sharp."""
    zoom = magnified(size)
    wide = picture.resize((size[1] * zoom, size[0] * zoom), Image.Resampling.NEAREST)
    return Figure(png_bytes(wide), caption)


def row_figure(pictures: np.ndarray, caption: str, zoom: int = 2) -> Figure:
    """Pictures in one row."""
    return Figure(png_bytes(grid(pictures, len(pictures), zoom=zoom)), caption)


def _table(result: Restoration) -> Table:
    rows: list[tuple[str, object]] = [
        ("network evaluations per sample", result.nfe),
        ("seconds for all samples", f"{result.seconds:.1f}"),
    ]
    decibels = result.psnr()
    if decibels is not None:
        rows += [
            ("PSNR of the mean", f"{decibels['mean']:.1f} dB"),
            ("PSNR of a sample, on average", f"{decibels['sample']:.1f} dB"),
        ]
    return Table(("figure", "value"), rows)
