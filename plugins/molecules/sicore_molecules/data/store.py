"""Many graphs in little memory: lists of nodes and edges, made dense as they are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_molecules.graphs import GraphBatch


@dataclass(frozen=True)
class GraphStore:
    """Graphs as arrays; a dense batch is made for the indices that are asked for.

    Args:
        sizes: nodes of each graph, ``(G,)``.
        atoms: kinds of all nodes, graph after graph, uint8.
        counts: edges of each graph, ``(G,)``.
        first: the smaller node of each edge, counted within its graph.
        second: the larger node of each edge.
        bonds: kinds of all edges, uint8.

    Raises:
        InputError: when the arrays do not fit each other.
    """

    sizes: Tensor
    atoms: Tensor
    counts: Tensor
    first: Tensor
    second: Tensor
    bonds: Tensor

    def __post_init__(self) -> None:
        whole = len(self.sizes) == len(self.counts)
        whole = whole and int(self.sizes.sum()) == len(self.atoms)
        whole = whole and int(self.counts.sum()) == len(self.bonds)
        if not whole or not len(self.first) == len(self.second) == len(self.bonds):
            raise InputError("graphs: the lists of nodes and edges do not fit each other")

    @classmethod
    def of(cls, graphs: Iterable[tuple[np.ndarray, np.ndarray]]) -> GraphStore:
        """A store of graphs given as atoms ``(n,)`` and symmetric bonds ``(n, n)``."""
        every = iter(graphs)
        parts = []
        while chunk := list(itertools.islice(every, CHUNK)):
            parts.append(_columns(chunk))
        return cls(
            *(_joined([part[name] for part in parts], kind) for name, kind in COLUMNS.items())
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> GraphStore:
        """The store that `arrays` describes."""
        return cls(*(_tensor(arrays[name], kind) for name, kind in COLUMNS.items()))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, in the smallest types that hold them."""
        found = {name: getattr(self, name).numpy() for name in COLUMNS}
        return {
            name: array.astype(np.min_scalar_type(int(array.max(initial=0))))
            for name, array in found.items()
        }

    def __len__(self) -> int:
        """How many graphs there are."""
        return len(self.sizes)

    @property
    def largest(self) -> int:
        """The nodes of the largest graph."""
        return int(self.sizes.max()) if len(self) else 0

    def subset(self, indices: Tensor) -> GraphStore:
        """Some of the graphs."""
        nodes = _ragged(self._first_node, self.sizes, indices)
        edges = _ragged(self._first_edge, self.counts, indices)
        return GraphStore(
            self.sizes[indices],
            self.atoms[nodes],
            self.counts[indices],
            self.first[edges],
            self.second[edges],
            self.bonds[edges],
        )

    def dense(self, indices: Tensor, n: int) -> GraphBatch:
        """Graphs ``indices`` with room for n nodes.

        Raises:
            InputError: when one of them has more.
        """
        part = self.subset(indices)
        if part.largest > n:
            raise InputError(f"graphs: {part.largest} nodes do not fit into {n}")
        rows = torch.arange(len(part))
        atoms = torch.zeros(len(part), n, dtype=torch.uint8)
        atoms[torch.arange(n) < part.sizes.unsqueeze(1)] = part.atoms
        bonds = torch.zeros(len(part), n, n, dtype=torch.uint8)
        row = rows.repeat_interleave(part.counts)
        i, j = part.first.long(), part.second.long()
        bonds[row, i, j] = part.bonds
        bonds[row, j, i] = part.bonds
        return GraphBatch(atoms, bonds)

    @cached_property
    def _first_node(self) -> Tensor:
        return _starts(self.sizes)

    @cached_property
    def _first_edge(self) -> Tensor:
        return _starts(self.counts)


CHUNK = 20_000  # graphs that are held as single arrays while a store is made
COLUMNS = {
    "sizes": torch.int64,
    "atoms": torch.uint8,
    "counts": torch.int64,
    "first": torch.int16,
    "second": torch.int16,
    "bonds": torch.uint8,
}


def _starts(lengths: Tensor) -> Tensor:
    return lengths.cumsum(0) - lengths


def _ragged(starts: Tensor, lengths: Tensor, indices: Tensor) -> Tensor:
    """The positions of all entries of the chosen groups."""
    chosen = lengths[indices]
    within = torch.arange(int(chosen.sum())) - _starts(chosen).repeat_interleave(chosen)
    return starts[indices].repeat_interleave(chosen) + within


def _columns(graphs: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    edges = [np.nonzero(np.triu(bonds, 1)) for _, bonds in graphs]
    kinds = [bonds[pair] for (_, bonds), pair in zip(graphs, edges, strict=True)]
    return {
        "sizes": np.array([len(atoms) for atoms, _ in graphs]),
        "atoms": np.concatenate([atoms for atoms, _ in graphs]),
        "counts": np.array([len(kind) for kind in kinds]),
        "first": np.concatenate([pair[0] for pair in edges]),
        "second": np.concatenate([pair[1] for pair in edges]),
        "bonds": np.concatenate(kinds),
    }


def _joined(parts: Sequence[np.ndarray], dtype: torch.dtype) -> Tensor:
    return _tensor(np.concatenate(parts) if parts else np.zeros(0), dtype)


def _tensor(array: np.ndarray, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(dtype)
