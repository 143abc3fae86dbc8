"""The user's own molecules: a file of SMILES, a table, or an SDF."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from sicore.errors import InputError
from sicore_molecules.chemistry.encode import Charges
from sicore_molecules.chemistry.properties import PROPERTIES, compute
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.data.graph_data import choose_split
from sicore_molecules.data.molecule_data import MoleculeData
from sicore_molecules.data.reading import Reading, read_molecules

SPLITS = ("train", "validation", "test")
BOUNDS = (90, 95, 100)
"""Where each split ends, in hundredths of the hash of a molecule."""


class MoleculeFile(MoleculeData):
    """Molecules of a file ``.smi``, ``.csv``, ``.sdf`` …, plain or ``.gz``.

    Molecules that cannot be used are told in a warning, with their lines and the reason; the rest
    is used. Which split a molecule belongs to is decided by its structure alone, so that copies are
    in one split, and more molecules in the file move none.

    Args:
        file: the file; see `sicore_molecules.data.records` for its form.
        split: ``train`` (about 90 %), ``validation`` or ``test`` (about 5 % each), or ``all``.
        vocabulary: symbols of atoms that are allowed, such as those of a model; by default those
            that are found.
        size: the most atoms that are allowed; by default those of the largest molecule.
        charges: ``exact`` gives charged atoms symbols of their own, ``drop`` leaves charges out.
        largest: take the largest fragment where there are several.
        properties: which become conditions: numeric columns of the file, or ``logp``, ``qed``,
            ``sa``, ``weight`` and ``tpsa``, which RDKit computes.
        report: a file for the list of all molecules that are left out.

    Raises:
        InputError: when no file is named, nothing in it can be used, the split is empty, or a
            property is neither a column nor known.
    """

    title = "Your own molecules"
    licence = "yours"
    source = "data.file=PATH"

    def __init__(
        self,
        file: str = "",
        split: str = "train",
        vocabulary: tuple[str, ...] | None = None,
        size: int | None = None,
        charges: Charges = "exact",
        largest: bool = False,
        properties: tuple[str, ...] = (),
        report: str | None = None,
    ) -> None:
        if not file:
            raise InputError("the data set molecules/file needs your molecules: data.file=PATH")
        number = choose_split(split, (*SPLITS, "all"), "a file")
        known = Vocabulary(tuple(vocabulary)) if vocabulary else None
        self.reading = read_molecules(Path(file), known, size, charges, largest)
        if report:
            self.reading.write_report(Path(report).expanduser())
        if self.reading.problems:
            warnings.warn(self.reading.report(), stacklevel=2)
        whole = MoleculeData(self.reading.store, self.reading.vocabulary, size)
        rows = [i for i, s in enumerate(whole.smiles()) if number in (_split_of(s), len(SPLITS))]
        if not rows:
            raise InputError(
                f"{file}: no molecule in the split '{split}', {len(whole)} in all; 'all' has them"
            )
        super().__init__(
            whole.store.subset(torch.tensor(rows)),
            whole.vocabulary,
            whole.size,
            _properties(self.reading, whole, rows, properties),
        )

    @classmethod
    def available(cls) -> bool:
        """Not before the user names a file."""
        return False


def _split_of(smiles: str) -> int:
    hundredth = int.from_bytes(hashlib.sha256(smiles.encode()).digest()[:8], "big") % 100
    return next(number for number, end in enumerate(BOUNDS) if hundredth < end)


def _properties(
    reading: Reading, data: MoleculeData, rows: Sequence[int], names: Sequence[str]
) -> dict[str, np.ndarray]:
    found = {}
    for name in names:
        if all(name in record.values for record in reading.records):
            found[name] = np.array([_number(reading, row, name) for row in rows], np.float32)
    computed = [name for name in names if name not in found]
    unknown = [name for name in computed if name not in PROPERTIES]
    if unknown:
        raise InputError(
            f"{reading.path}: '{unknown[0]}' is no column of every molecule, nor one of "
            f"{', '.join(PROPERTIES)}"
        )
    mols = data.molecules(torch.tensor(rows))
    return {**found, **(compute(mols, computed) if computed else {})}


def _number(reading: Reading, row: int, name: str) -> float:
    record = reading.records[row]
    try:
        return float(record.values[name])
    except ValueError:
        raise InputError(
            f"{reading.path}: line {record.line}: expected a number in '{name}', got "
            f"'{record.values[name]}'"
        ) from None
