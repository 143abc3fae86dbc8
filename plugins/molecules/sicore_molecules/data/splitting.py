"""Splits of small sets of graphs, as GDSS has them: the first fifth is the test set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sicore_molecules.data.graph_data import GraphData, choose_split
from sicore_molecules.data.store import GraphStore

SPLITS = ("train", "test", "all")
TEST_SHARE = 0.2

Pair = tuple[np.ndarray, np.ndarray]
"""Atoms ``(n,)`` and bonds ``(n, n)`` of one graph, uint8."""


class SplitGraphs(GraphData):
    """One split of a list of graphs; room for nodes is that of the largest of all of them.

    Args:
        graphs: all of them, in their order.
        split: ``test`` (the first 20 %), ``train`` (the rest) or ``all``.
        title: of the data set, for errors.
        conditions: values of all graphs by name.

    Raises:
        InputError: for an unknown split.
    """

    def __init__(
        self,
        graphs: Sequence[Pair],
        split: str,
        title: str,
        conditions: dict[str, np.ndarray] | None = None,
    ) -> None:
        choose_split(split, SPLITS, title)
        tests = int(TEST_SHARE * len(graphs))
        rows = {"test": slice(tests), "train": slice(tests, None), "all": slice(None)}[split]
        largest = max(len(atoms) for atoms, _ in graphs)
        chosen = {name: values[rows] for name, values in (conditions or {}).items()}
        super().__init__(GraphStore.of(graphs[rows]), largest, chosen)


def plain(adjacency: np.ndarray) -> Pair:
    """A graph without kinds: an edge where the matrix, or its transpose, is not zero."""
    edges = (adjacency != 0) | (adjacency.T != 0)
    np.fill_diagonal(edges, False)
    return np.ones(len(edges), np.uint8), edges.astype(np.uint8)
