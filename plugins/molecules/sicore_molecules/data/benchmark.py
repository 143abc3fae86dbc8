"""Molecules that are prepared once: what QM9, ZINC250k and MOSES have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sicore.errors import InputError
from sicore_molecules.chemistry.properties import PROPERTIES
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.data.graph_data import choose_split
from sicore_molecules.data.molecule_data import MoleculeData, choose
from sicore_molecules.data.places import dataset_file
from sicore_molecules.data.prepared import read_prepared, shuffled


class Row(NamedTuple):
    """A molecule as its publishers give it: SMILES, the number of its split, properties."""

    smiles: str
    split: int
    values: Mapping[str, float]


class Benchmark(MoleculeData):
    """One split of a prepared file; all splits but the first are shuffled, always alike.

    Args:
        path: the prepared file.
        split: its name.
        properties: which become conditions; those that are not in the file, but that RDKit can
            compute, are computed now: about 0.1 to 1 ms for each molecule.
        vocabulary: of the atoms.
        size: room for atoms.
        splits: the names of all of them.

    Raises:
        InputError: for an unknown split.
        UnknownName: for an unknown property.
    """

    def __init__(
        self,
        path: Path,
        split: str,
        properties: Sequence[str],
        vocabulary: Vocabulary,
        size: int,
        splits: Sequence[str] = ("train", "test"),
    ) -> None:
        number = choose_split(split, splits, path.stem)
        data = read_prepared(path)
        columns = self.columns(data.properties)
        known = choose({**columns, **dict.fromkeys(PROPERTIES)}, properties)
        rows = np.flatnonzero(data.split == number)
        rows = shuffled(rows) if number else rows
        self.split = split
        self.rows = rows
        """The row of each molecule in the prepared file."""
        super().__init__(
            data.store.subset(torch.from_numpy(rows)),
            vocabulary,
            size,
            {name: columns[name][rows] for name in known if name in columns},
        )
        computed = [name for name in known if name not in columns]
        if computed:
            self.conditions |= self.computed(computed)

    def columns(self, properties: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """All properties of the data set, made from those in the file."""
        return properties


def find_prepared(name: str) -> Path:
    """The prepared file of a data set.

    Raises:
        InputError: when it is not there; says how to get it.
    """
    path = dataset_file(name)
    if not path.is_file():
        raise InputError(
            f"molecules/{name} is not in {path.parent}; get it with 'sicore data fetch "
            f"molecules/{name}', or give '--source FOLDER' if you have the files"
        )
    return path
