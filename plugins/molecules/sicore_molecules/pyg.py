"""Graphs of PyTorch Geometric, from and to; it is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError, PluginError
from sicore_molecules.graphs import GraphBatch


def torch_geometric(module: str = "data") -> ModuleType:
    """A module of PyTorch Geometric.

    Raises:
        PluginError: when it is not installed.
    """
    try:
        return importlib.import_module(f"torch_geometric.{module}")
    except ImportError as error:
        raise PluginError(
            f"PyTorch Geometric cannot be imported ({error}); pip install 'sicore-molecules[pyg]'"
        ) from None


def graph_of(
    data: Any, atoms: str | None = None, bonds: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Kinds of nodes ``(n,)`` and of pairs ``(n, n)``, uint8, of one ``Data``.

    Args:
        data: with ``edge_index`` and perhaps the attributes below; loops and directions are left
            out.
        atoms: an attribute with the number of each node's kind, from 0, or one-hot; it becomes the
            kind 1 + number. None for kind 1 everywhere.
        bonds: an attribute with the kind of each edge, from 1, or one-hot, where the first column
            is kind 1. None for kind 1 everywhere.

    Raises:
        InputError: when an attribute is missing, has no whole numbers, or differs between the two
            directions of an edge.
    """
    n = int(data.num_nodes)
    kinds = np.ones(n, np.int64) if atoms is None else 1 + _numbers(data, atoms, n, 0)
    edges = data.edge_index.long().cpu().numpy()
    edge_kinds = (
        np.ones(edges.shape[1], np.int64)
        if bonds is None
        else _numbers(data, bonds, edges.shape[1], 1)
    )
    if kinds.min(initial=1) < 1 or edge_kinds.min(initial=1) < 1 or kinds.max(initial=0) > 255:
        raise InputError("PyG data: expected kinds of nodes from 0 to 254, and of edges from 1")
    matrix = np.zeros((n, n), np.uint8)
    matrix[edges[0], edges[1]] = edge_kinds
    both = np.maximum(matrix, matrix.T)
    if ((matrix != both) & (matrix > 0)).any():
        raise InputError("PyG data: an edge has two kinds, one in each direction")
    np.fill_diagonal(both, 0)
    return kinds.astype(np.uint8), both


def from_pyg(
    data: Iterable[Any], atoms: str | None = None, bonds: str | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Graphs of a ``Batch``, a list of ``Data`` or a whole data set; see `graph_of`."""
    several = data.to_data_list() if hasattr(data, "to_data_list") else data
    return [graph_of(one, atoms, bonds) for one in several]


def to_pyg(graphs: GraphBatch) -> Any:
    """A ``torch_geometric.data.Batch``: ``x (n,)`` int64 from 0, ``edge_attr (e,)`` from 1.

    Every edge is there in both directions. ``from_pyg(…, atoms="x", bonds="edge_attr")`` is the
    way back; absent nodes between others are closed up.

    Raises:
        PluginError: when PyTorch Geometric is not installed.
    """
    package = torch_geometric()
    return package.Batch.from_data_list([_data(package, *pair) for pair in _compact(graphs)])


def _compact(graphs: GraphBatch) -> Iterator[tuple[Tensor, Tensor]]:
    for atoms, bonds in zip(graphs.atoms, graphs.bonds, strict=True):
        present = atoms > 0
        yield atoms[present], bonds[present][:, present]


def _data(package: ModuleType, atoms: Tensor, bonds: Tensor) -> Any:
    edges = bonds.nonzero().T.contiguous()
    return package.Data(
        x=atoms.long() - 1,
        edge_index=edges,
        edge_attr=bonds[edges[0], edges[1]].long(),
        num_nodes=len(atoms),
    )


def _numbers(data: Any, name: str, count: int, first: int) -> np.ndarray:
    """Whole numbers ``(count,)``, of a column or of one-hot rows, which count from ``first``."""
    values = getattr(data, name, None)
    if not isinstance(values, Tensor) or len(values) != count:
        raise InputError(f"PyG data: has no tensor '{name}' with {count} rows")
    table = values.unsqueeze(1) if values.ndim == 1 else values.flatten(1)
    if table.shape[1] > 1:
        one_hot = bool(((table == 0) | (table == 1)).all() and (table.sum(1) == 1).all())
        if not one_hot:
            raise InputError(f"PyG data: '{name}' is neither one column nor one-hot")
        return np.asarray(table.argmax(1).cpu().numpy()) + first
    if bool((table != table.round()).any()):
        raise InputError(f"PyG data: '{name}' has numbers that are not whole")
    return np.asarray(torch.as_tensor(table[:, 0]).long().cpu().numpy())
