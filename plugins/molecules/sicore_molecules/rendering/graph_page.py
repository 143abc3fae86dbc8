"""One page that shows generated graphs: pictures, and statistics beside the training data."""

from __future__ import annotations

import numpy as np

from sicore.report import Figure, Page, Section, Table
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.metrics.statistics import (
    clustering_mmd,
    degree_mmd,
    node_statistics,
)
from sicore_molecules.rendering.graphs import graphs_png
from sicore_molecules.rendering.histograms import histogram_png

SHOWN = 50
MMDS = {"degree": degree_mmd, "clustering": clustering_mmd}
TITLES = {
    "degree": "degree: the edges of a node",
    "clustering": "clustering: share of neighbours that are joined",
}


def graphs_page(
    graphs: GraphBatch,
    *,
    title: str,
    command: str,
    lead: str = "",
    train: GraphBatch | None = None,
    footer: str = "",
) -> Page:
    """The page of a run.

    Args:
        graphs: that were generated.
        title: the heading.
        command: the command line that made them.
        lead: a line or two below the heading.
        train: graphs of the training data, to be laid beside; without them there are no charts.
        footer: the closing line.
    """
    sets = {"these": graphs} | ({} if train is None else {"training data": train})
    table = Table(("", *sets), _facts(sets))
    sections = [Section("Sizes", command=command, tables=[table]), _pictures(graphs)]
    if train is not None:
        sections.append(_laws(graphs, train))
    return Page(title, lead, sections, footer)


def _facts(sets: dict[str, GraphBatch]) -> list[tuple[str, ...]]:
    rows: dict[str, list[str]] = {}
    for graphs in sets.values():
        edges = (graphs.bonds > 0).sum((1, 2)).float() / 2
        facts = {
            "graphs": f"{len(graphs):,}",
            "nodes of a graph, mean": f"{graphs.sizes.float().mean():.1f}",
            "edges of a graph, mean": f"{edges.mean():.1f}",
            "connected": f"{graphs.connected().float().mean():.1%}",
        }
        for name, value in facts.items():
            rows.setdefault(name, []).append(value)
    return [(name, *values) for name, values in rows.items()]


def _pictures(graphs: GraphBatch) -> Section:
    shown = min(SHOWN, len(graphs))
    picture = graphs_png(graphs, limit=SHOWN)
    caption = f"The first {shown} of {len(graphs):,} graphs, as they came."
    return Section("Graphs", figures=[Figure(picture, caption, smooth=True)])


def _laws(graphs: GraphBatch, train: GraphBatch) -> Section:
    ours, theirs = node_statistics(graphs), node_statistics(train)
    figures = [
        Figure(
            histogram_png(ours[name].astype(float), theirs[name].astype(float), title),
            f"mean {np.mean(ours[name]):.3g}, of the training data {np.mean(theirs[name]):.3g}; "
            f"MMD² of graphs {MMDS[name](graphs, train):.3g}",
            f"Histograms of {title}, generated and training data",
            smooth=True,
        )
        for name, title in TITLES.items()
    ]
    text = f"Line: the nodes of these graphs. Filled: those of {len(train):,} training graphs."
    return Section("Statistics", text, figures=figures)
