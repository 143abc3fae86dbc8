"""The directive ``{frontier-figure}``: error against network calls, sicore beside its peers.

Drawn when the docs are built, from ``benchmarks/results/frontier.json``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from markdown import table
from matplotlib.figure import Figure
from measured_figure import INK, MeasuredFigure
from sphinx.application import Sphinx

LINES = {  # columns of the benchmark's table, each with its colour and mark
    "best peer": ("#94a3b8", "o"),
    "best sicore": ("#c2410c", "o"),
    "best sicore on a tuned grid": ("#0f766e", "^"),
}


class FrontierFigure(MeasuredFigure):
    """The picture and the table of the best, or a note that it is still to be measured."""

    record = "frontier"
    alt = "Error against the number of network calls for each problem: sicore below its peers"

    def draw(self, target: Path, *results: Any) -> None:
        """A panel for each problem."""
        draw(_cells(results[0]), target)

    def text(self, *results: Any) -> str:
        """The best at each number of calls."""
        (result,) = results
        how = f"Measured {result['date'][:10]} by `{result['command']}`."
        return f"{_table(_cells(result))}\n\n{how}"


def _cells(result: dict[str, Any]) -> dict[str, Any]:
    figures = result["figures"].items()
    return {name: cell for name, cell in figures if name.startswith(("ODE", "SDE"))}


def draw(cells: dict[str, Any], target: Path) -> None:
    """One panel for each cell, logarithmic in both axes."""
    columns = 3
    rows = -(-len(cells) // columns)
    style = {"font.size": 8, "axes.edgecolor": "#b8c0ca", "text.color": INK}
    with mpl.rc_context(style):
        figure = Figure(figsize=(9.6, 2.7 * rows), dpi=130, facecolor="white")
        axes = figure.subplots(rows, columns, squeeze=False)
        for panel, (name, cell) in zip(axes.flat, cells.items(), strict=False):
            _panel(panel, name, cell)
        for panel in list(axes.flat)[len(cells) :]:
            panel.set_visible(False)
        figure.tight_layout()
        figure.savefig(target)


def _panel(axes: Any, name: str, cell: dict[str, Any]) -> None:
    rows, floor = cell["best"], cell.get("floor")
    for line, (colour, mark) in LINES.items():
        points = [_point(row[line]) for row in rows.values() if row.get(line, "none") != "none"]
        if points:
            calls, errors, _ = zip(*points, strict=True)
            axes.plot(calls, errors, color=colour, marker=mark, markersize=3.5, label=line)
    if floor:
        axes.axhline(floor["root mean square"], color=INK, linestyle=":", label="exact samples")
    scale = "linear" if floor else "log"
    axes.set(xscale="log", yscale=scale, title=name, xlabel="network calls")
    axes.set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    axes.minorticks_off()
    if floor:
        axes.set_ylim(bottom=0)
    axes.grid(color="#e2e8f0", linewidth=0.6)
    axes.legend(fontsize=6.5, frameon=False)


def _point(text: str) -> tuple[int, float, str]:
    """``error / calls: name`` as calls, error and name."""
    numbers, name = text.split(": ", 1)
    error, calls = numbers.split(" / ")
    return int(calls), float(error), name


def _table(cells: dict[str, Any]) -> str:
    """A row for each problem and number of calls."""
    rows = [
        [name, budget, *(row.get(line, "") for line in LINES)]
        for name, cell in cells.items()
        for budget, row in cell["best"].items()
    ]
    return table(["Problem", "At most", *(line.capitalize() for line in LINES)], rows)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("frontier-figure", FrontierFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
