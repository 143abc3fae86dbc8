"""Charts of samples: histograms of PIT values, and generated paths beside real windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from sicore.errors import InputError
from sicore_timeseries.rendering.chart import Chart
from sicore_timeseries.rendering.marks import BANDS, BLUE, GREY, INK, RED, Band, Line, Panel


def pit_chart(values: np.ndarray, bins: int = 20, *, title: str = "") -> Chart:
    """A histogram of probability integral transforms, which are uniform for a calibrated forecast.

    The dashed lines hold the height of a bin with 95 % probability, if the values are uniform and
    independent; those of steps that follow each other are not independent.

    Args:
        values: in [0, 1], ``(n,)``.
        bins: of equal width.
        title: written above.

    Raises:
        InputError: there are no values, or some lie outside [0, 1].
    """
    pit = np.asarray(values, np.float64).reshape(-1)
    if not len(pit) or not ((pit >= 0) & (pit <= 1)).all():
        raise InputError("PIT chart: expected values in [0, 1], at least one")
    edges = np.linspace(0, 1, bins + 1)
    heights = np.histogram(pit, edges)[0] * bins / len(pit)
    x, y = edges.repeat(2)[1:-1], heights.repeat(2)
    low, high = binom.ppf([0.025, 0.975], len(pit), 1 / bins) * bins / len(pit)
    ends = np.array([0.0, 1.0])
    marks = (
        Band(x, np.zeros_like(y), y, BANDS[1], "density of the PIT"),
        Line(x, y, BLUE),
        Line(ends, np.ones(2), INK, "uniform", 1.0),
        Line(ends, np.full(2, low), INK, "95 % of uniform values", 1.0, dashed=True),
        Line(ends, np.full(2, high), INK, "", 1.0, dashed=True),
    )
    top = 1.08 * max(heights.max(), high)
    panel = Panel(marks, title, x_title="PIT", x_range=(0.0, 1.0), y_range=(0.0, top))
    return Chart((panel,), width=480.0, height=200.0)


def paths_chart(
    generated: np.ndarray,
    real: np.ndarray,
    times: np.ndarray | None = None,
    *,
    names: Sequence[str] = (),
    rows: int = 4,
    title: str = "",
) -> Chart:
    """A grid: generated windows in two columns, real ones in the two beside them.

    All panels have the same vertical range, that of the real windows and the generated ones shown.

    Args:
        generated: ``(n, T, C)``; the first ``2 · rows`` are shown.
        real: ``(m, T, C)``; as many are shown.
        times: ``(T,)``; by default 0, …, T − 1.
        names: of the channels, in the legend.
        rows: of the grid.
        title: written above.

    Raises:
        InputError: there are no windows, or the shapes differ.
    """
    fakes, reals = (np.asarray(values, np.float64) for values in (generated, real))
    if fakes.ndim != 3 or fakes.shape[1:] != reals.shape[1:] or not len(fakes) or not len(reals):
        raise InputError(
            f"chart of paths: got {fakes.shape} and {reals.shape}, expected windows (n, T, C) of "
            "the same T and C, at least one of each"
        )
    x = np.arange(fakes.shape[1], dtype=np.float64) if times is None else np.asarray(times)
    fakes, reals = fakes[: 2 * rows], reals[: 2 * rows]
    shown = np.concatenate([fakes.ravel(), reals.ravel()])
    low, high = np.nanmin(shown), np.nanmax(shown)
    pad = 0.05 * (high - low) or 1.0
    span = (float(low - pad), float(high + pad))
    panels = []
    for row in range(-(-max(len(fakes), len(reals)) // 2)):
        pair = slice(2 * row, 2 * row + 2)
        for windows, word in ((fakes[pair], "generated"), (reals[pair], "real")):
            filled = [*windows, *[np.full_like(fakes[0], np.nan)] * (2 - len(windows))]
            for number, window in enumerate(filled):
                head = word if row == 0 and number == 0 else ""
                panels.append(_window(x, window, head, span, names))
    return Chart(tuple(panels), title, 4, 820.0, 90.0)


def _window(
    x: np.ndarray,
    window: np.ndarray,
    title: str,
    span: tuple[float, float],
    names: Sequence[str],
) -> Panel:
    colours = (BLUE, RED, "#3a8f5c", "#8a5bd0", "#c98a1b", INK, GREY, "#1b9ac9")
    marks = [
        Line(x, window[:, c], colours[c % len(colours)], names[c] if names else "", 1.2)
        for c in range(window.shape[1])
    ]
    return Panel(tuple(marks), title, y_range=span, axes=False)
