"""Any data set of PyTorch Geometric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sicore.errors import InputError
from sicore_molecules.data.splitting import SplitGraphs
from sicore_molecules.pyg import from_pyg, torch_geometric


class PyGDataset(SplitGraphs):
    """A data set of ``torch_geometric.datasets``, such as TUDataset, made as it is asked for.

    PyTorch Geometric fetches what it needs. The first 20 % of the graphs are the test set.

    Args:
        dataset: the name of its class.
        options: of its constructor, such as ``{root: data, name: PROTEINS}``.
        split: ``train``, ``test`` or ``all``.
        atoms: an attribute with the kinds of nodes, such as ``x``; by default there is one kind.
        bonds: an attribute with the kinds of edges, such as ``edge_attr``.

    Raises:
        InputError: when there is no such data set, or it cannot be made or used.
        PluginError: when PyTorch Geometric is not installed.
    """

    title = "A data set of PyTorch Geometric"
    licence = "that of the data set"
    source = "https://pytorch-geometric.readthedocs.io; data.dataset=NAME"

    def __init__(
        self,
        dataset: str = "",
        options: Mapping[str, Any] | None = None,
        split: str = "train",
        atoms: str | None = None,
        bonds: str | None = None,
    ) -> None:
        if not dataset:
            raise InputError("the data set graphs/pyg needs a name: data.dataset=TUDataset")
        kind = getattr(torch_geometric("datasets"), dataset, None)
        if not isinstance(kind, type):
            raise InputError(f"torch_geometric.datasets has no '{dataset}'")
        try:
            graphs = kind(**(options or {}))
        except (TypeError, ValueError, OSError) as error:
            raise InputError(f"{dataset}: cannot be made with these options ({error})") from None
        super().__init__(from_pyg(graphs, atoms, bonds), split, f"{dataset} of PyTorch Geometric")

    @classmethod
    def available(cls) -> bool:
        """Not before the user names one."""
        return False
