"""ZINC250k: 249,455 molecules like drugs.

Source: Irwin et al., "ZINC: a free tool to discover chemistry for biology", 2012; the selection is
that of Gómez-Bombarelli et al., 2018, and the split that of GDSS, MoFlow and their successors.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from sicore.downloads import Archive, obtain
from sicore_molecules.chemistry.vocabulary import ZINC_VOCABULARY
from sicore_molecules.data.benchmark import Benchmark, Row, find_prepared
from sicore_molecules.data.places import cache_folder, dataset_file
from sicore_molecules.data.prepared import prepare_rows, write_prepared

NAME = "zinc250k"
SIZE = 38
COUNT = 249_455
COLUMNS = {"logp": "logP", "qed": "qed", "sa": "SAS"}
GDSS = "https://raw.githubusercontent.com/harryjo97/GDSS/24cc490e0c5b39cbd265fda33ab2bc8b528d4454/data/"
TABLE = Archive(GDSS + "zinc250k.csv", "a8a6320c048787fce15d6a982e3d900850b5f9b0", "git")
TEST_NUMBERS = Archive(
    GDSS + "valid_idx_zinc250k.json", "b4b45d15971cb9115efeb8044195bf3440eb02f8", "git"
)


class ZINC250k(Benchmark):
    """Molecules of at most 38 atoms of C, N, O, F, P, S, Cl, Br and I, hydrogens left out.

    Charges are left out as in the papers' data, except those that bonds tell: a nitro group has
    −OH where it had −O⁻. The test split is in an order that looks random.

    Args:
        split: ``train`` (224,568) or ``test`` (24,887), those of GDSS.
        properties: which become conditions: ``logp``, ``qed`` and ``sa``.

    Raises:
        InputError: for an unknown split, or when the data are not on this machine; says how to
            get them.
        UnknownName: for an unknown property.
    """

    title = "ZINC250k: 249,455 molecules like drugs, at most 38 atoms"
    licence = "ZINC: free to use, not to be redistributed without its authors' permission"
    source = "https://github.com/harryjo97/GDSS"

    def __init__(self, split: str = "train", properties: tuple[str, ...] = ()) -> None:
        super().__init__(find_prepared(NAME), split, properties, ZINC_VOCABULARY, SIZE)

    @classmethod
    def available(cls) -> bool:
        """Whether it is prepared in the cache."""
        return dataset_file(NAME).is_file()

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch, verify and prepare; about two minutes.

        Args:
            folder: where to; by default into the cache.
            source: ``url``, or a folder with zinc250k.csv and valid_idx_zinc250k.json.

        Raises:
            InputError: when a file cannot be had or is not the published one.
        """
        place = folder or cache_folder()
        target = dataset_file(NAME, place)
        if not target.is_file():
            table, numbers = (obtain(a, source, place) for a in (TABLE, TEST_NUMBERS))
            data = prepare_rows(rows(table, numbers), ZINC_VOCABULARY, SIZE, "ZINC250k", COUNT)
            write_prepared(target, data)
        return target


def rows(table: Path, numbers: Path) -> Iterator[Row]:
    """SMILES, number of the split and properties of each line."""
    test = {int(number) for number in json.loads(numbers.read_text(encoding="utf-8"))}
    with table.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            values = {name: float(row[column]) for name, column in COLUMNS.items()}
            yield Row(row["smiles"].strip(), int(number in test), values)
