"""What all data sets of graphs have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_molecules.data.store import GraphStore
from sicore_molecules.graphs import GraphBatch


class GraphData:
    """Graphs of one split in memory.

    Args:
        store: the graphs.
        size: room for nodes in a batch; by default that of the largest graph.
        conditions: values of each graph ``(G,)`` by name.
    """

    def __init__(
        self,
        store: GraphStore,
        size: int | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = store
        self.size = size or store.largest
        self.conditions = {name: torch.as_tensor(v) for name, v in (conditions or {}).items()}

    def __len__(self) -> int:
        """How many graphs there are."""
        return len(self.store)

    def batch(self, indices: Tensor) -> tuple[GraphBatch, dict[str, Tensor]]:
        """The graphs, padded to ``size`` nodes, and their conditions ``(B,)``."""
        return self.store.dense(indices, self.size), {
            name: values[indices] for name, values in self.conditions.items()
        }

    def size_counts(self) -> list[int]:
        """How many graphs have 0, 1, …, ``size`` nodes."""
        return torch.bincount(self.store.sizes, minlength=self.size + 1).tolist()

    def domain_config(self) -> dict[str, Any]:
        """What the ``domain:`` section learns from these graphs.

        Room, the law of sizes, and mean and deviation of each property.
        """
        known = {name: values.double() for name, values in self.conditions.items()}
        properties = {k: [float(v.nanmean()), _deviation(v)] for k, v in known.items()}
        given = {"properties": properties} if properties else {}
        return {"size": self.size, "sizes": self.size_counts(), **given}


def choose_split(split: str, splits: Sequence[str], title: str) -> int:
    """The number of a split.

    Raises:
        InputError: for an unknown one.
    """
    if split not in splits:
        raise InputError(f"unknown split '{split}' of {title}; known: {', '.join(splits)}")
    return splits.index(split)


def _deviation(values: Tensor) -> float:
    """The standard deviation of the numbers that are there; 1 if they do not differ."""
    there = values[~values.isnan()]
    deviation = float(there.std(correction=0)) if len(there) else 0.0
    return deviation or 1.0
