"""What all data sets of molecules have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from sicore.errors import UnknownName
from sicore_molecules.chemistry.decode import build, canonical, sanitised
from sicore_molecules.chemistry.properties import compute
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.data.graph_data import GraphData
from sicore_molecules.data.store import GraphStore


class MoleculeData(GraphData):
    """Molecules of one split in memory.

    Args:
        store: their graphs.
        vocabulary: of their atoms.
        size: room for atoms in a batch; by default that of the largest molecule.
        conditions: values of each molecule ``(G,)`` by name.
    """

    def __init__(
        self,
        store: GraphStore,
        vocabulary: Vocabulary,
        size: int | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(store, size, conditions)
        self.vocabulary = vocabulary

    def domain_config(self) -> dict[str, Any]:
        """The vocabulary too."""
        return {"vocabulary": list(self.vocabulary.symbols), **super().domain_config()}

    def molecules(self, indices: Tensor | None = None) -> Iterator[Chem.Mol]:
        """The molecules, sanitised; all of them if none are named."""
        chosen = torch.arange(len(self)) if indices is None else indices
        for part in chosen.split(4096):
            graphs = self.store.dense(part, self.size)
            for atoms, bonds in zip(graphs.atoms.numpy(), graphs.bonds.numpy(), strict=True):
                mol = sanitised(build(atoms, bonds, self.vocabulary, cations=True))
                assert mol is not None  # every graph of a data set was a molecule
                yield mol

    def smiles(self, indices: Tensor | None = None) -> list[str]:
        """Canonical SMILES without stereochemistry; of all molecules if none are named."""
        return [canonical(mol) for mol in self.molecules(indices)]

    def computed(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Properties that RDKit computes, float32, of all molecules.

        Raises:
            UnknownName: for one that it does not.
        """
        values = compute(self.molecules(), names)
        return {name: torch.from_numpy(column.copy()) for name, column in values.items()}


def choose(columns: Mapping[str, np.ndarray | None], names: Sequence[str]) -> list[str]:
    """The names of properties, checked.

    Raises:
        UnknownName: for one that is not among them.
    """
    for name in names:
        if name not in columns:
            raise UnknownName("property", name, columns)
    return list(names)
