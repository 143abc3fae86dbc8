"""Graphs as a file: graph6, a line for each, which networkx, NetworKit and nauty read."""

from __future__ import annotations

from pathlib import Path

import networkx as nx

from sicore.files import write_atomically
from sicore_molecules.graphs import GraphBatch


def write_graph6(graphs: GraphBatch, path: Path) -> Path:
    """Write the graphs, their absent nodes left out, and kinds with them."""
    lines = []
    for mask, bonds in zip(graphs.mask, graphs.bonds, strict=True):
        graph = nx.from_numpy_array((bonds[mask][:, mask] > 0).numpy())
        lines.append(nx.to_graph6_bytes(graph, header=False))
    write_atomically(path, lambda scratch: scratch.write_bytes(b"".join(lines)))
    return path
