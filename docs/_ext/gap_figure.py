"""The directive ``{gap-figure}``: ODE and SDE samples side by side, drawn when the docs are built.

It reads the histograms and distances that ``benchmarks/ode_sde_gap.py`` left in
``benchmarks/results/ode_sde_gap.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from markdown import table
from matplotlib.figure import Figure
from measured_figure import INK, MeasuredFigure
from sphinx.application import Sphinx


class GapFigure(MeasuredFigure):
    """The picture and its table, or a note that it is still to be measured."""

    record = "ode_sde_gap"
    alt = "Histograms of the data, and of ODE and SDE samples for each weight of the residual"

    def draw(self, target: Path, *results: Any) -> None:
        """The data, then a column for each weight."""
        draw(results[0]["figures"], target)

    def text(self, *results: Any) -> str:
        """The distances."""
        return _text(results[0])


def draw(figures: dict[str, Any], target: Path) -> None:
    """Write the picture: the data, then a column for each weight, ODE above SDE."""
    weights, half = list(figures["weights"]), figures["box"]
    cells = {name: _counts(rows) for name, rows in figures["histograms"].items()}
    brightest = 1.6 * np.quantile(cells["truth"][cells["truth"] > 0], 0.95)
    look = {"origin": "lower", "cmap": "Blues", "vmin": 0, "vmax": brightest}
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#b8c0ca", "text.color": INK}):
        figure = Figure(figsize=(9.6, 3.9), dpi=130, facecolor="white")
        widths = [1, 0.08, *(1 for _ in weights)]
        places = figure.add_gridspec(2, len(widths), width_ratios=widths, wspace=0.05, hspace=0.08)
        panels = [(figure.add_subplot(places[:, 0]), "truth", "data")]
        for row, kind in enumerate(("ODE", "SDE")):
            for column, weight in enumerate(weights, 2):
                title = weight if row == 0 else ""
                axes = figure.add_subplot(places[row, column])
                panels.append((axes, f"{kind}, {weight}", title))
                if column == 2:
                    axes.set_ylabel(kind, color=INK)
        for axes, name, title in panels:
            axes.imshow(cells[name], extent=(-half, half, -half, half), **look)
            axes.set(xticks=[], yticks=[])
            axes.set_title(title, fontsize=8, pad=3)
        figure.savefig(target, bbox_inches="tight", pad_inches=0.05)


def _counts(rows: list[str]) -> np.ndarray:
    return np.array([[int(count) for count in row.split()] for row in rows])


def _text(result: dict[str, Any]) -> str:
    figures = result["figures"]
    floor = figures["total variation of two sets of true samples"]
    records = list(figures["weights"].items())
    columns = list(records[0][1])
    rows = [[weight, *(f"{row[name]:.4g}" for name in columns)] for weight, row in records]
    how = (
        f"Total variations between histograms of {figures['samples']} samples; two sets of true "
        f"samples are {floor:.3f} apart. Measured {result['date'][:10]} by `{result['command']}`."
    )
    return f"{table(['weight of the residual', *columns], rows)}\n\n{how}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("gap-figure", GapFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
