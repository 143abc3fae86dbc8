"""Folders of text files in the form of the TUDataset collection."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sicore.errors import InputError
from sicore_molecules.data.splitting import Pair, plain


def read_tudataset(folder: Path, name: str) -> tuple[list[Pair], np.ndarray]:
    """The graphs without their isolated nodes, and their classes from 0 (−1 without classes).

    ``NAME_A.txt`` has a pair of nodes, counted from 1, on each line; ``NAME_graph_indicator.txt``
    the graph of each node; ``NAME_graph_labels.txt``, if it is there, the class of each graph.
    Graphs without edges are left out.

    Raises:
        InputError: when a file is missing or has something else in it.
    """
    pairs = _numbers(folder / f"{name}_A.txt").reshape(-1, 2) - 1
    graph_of = _numbers(folder / f"{name}_graph_indicator.txt") - 1
    labels = folder / f"{name}_graph_labels.txt"
    count = int(graph_of.max()) + 1
    classes = np.unique(_numbers(labels), return_inverse=True)[1] if labels.is_file() else None
    classes = np.full(count, -1) if classes is None else classes
    fits = len(pairs) and len(classes) == count and pairs.min() >= 0
    if not fits or pairs.max() >= len(graph_of):
        raise InputError(f"{folder}: the files of {name} do not fit each other")
    owner = graph_of[pairs[:, 0]]
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(count + 1))
    graphs, kept = [], []
    for number in range(count):
        edges = pairs[order[bounds[number] : bounds[number + 1]]]
        if not len(edges):
            continue
        nodes, places = np.unique(edges, return_inverse=True)
        adjacency = np.zeros((len(nodes), len(nodes)), np.uint8)
        rows, columns = places.reshape(-1, 2).T
        adjacency[rows, columns] = 1
        graphs.append(plain(adjacency))
        kept.append(number)
    return graphs, classes[kept]


def _numbers(path: Path) -> np.ndarray:
    try:
        text = path.read_text(encoding="utf-8").replace(",", " ")
        return np.array(text.split(), dtype=np.int64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a file of whole numbers ({error})") from None
