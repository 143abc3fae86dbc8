"""MOSES: molecules like drug leads, and the splits of its benchmark.

Source: Polykovskiy et al., "Molecular Sets (MOSES): a benchmarking platform for molecular
generation models", Frontiers in Pharmacology 11 (2020).
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sicore.downloads import Archive, obtain
from sicore_molecules.chemistry.vocabulary import MOSES_VOCABULARY
from sicore_molecules.data.benchmark import Benchmark, Row, find_prepared
from sicore_molecules.data.places import cache_folder, dataset_file
from sicore_molecules.data.prepared import prepare_rows, write_prepared

NAME = "moses"
SIZE = 27
COUNT = 1_936_962
SPLITS = ("train", "test", "test-scaffolds")
PACKAGE = Archive(
    "https://files.pythonhosted.org/packages/ca/04/"
    "335f23e9ae95ca381ac7c3f335303dbbeb0f8a604d167891cf60c9360178/molsets-0.3.1-py3-none-any.whl",
    "7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34",
)
TABLES = ("train.csv.gz", "test.csv.gz", "test_scaffolds.csv.gz")


class Moses(Benchmark):
    """Molecules of at most 27 atoms of C, N, O, F, S, Cl and Br, without charges.

    The splits ``test`` and ``test-scaffolds`` are in an order that looks random.

    Args:
        split: ``train`` (1,584,663), ``test`` (176,074) or ``test-scaffolds`` (176,225: molecules
            with scaffolds that no other split has).

    Raises:
        InputError: for an unknown split, or when the data are not on this machine; says how to
            get them.
    """

    title = "MOSES: 1,936,962 molecules like drug leads, at most 27 atoms"
    licence = "MIT, © 2018 Insilico Medicine, Inc"
    source = "https://github.com/molecularsets/moses"

    def __init__(self, split: str = "train") -> None:
        super().__init__(find_prepared(NAME), split, (), MOSES_VOCABULARY, SIZE, SPLITS)

    @classmethod
    def available(cls) -> bool:
        """Whether it is prepared in the cache."""
        return dataset_file(NAME).is_file()

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch, verify and prepare; about ten minutes.

        Args:
            folder: where to; by default into the cache.
            source: ``url``, or a folder with the wheel of molsets 0.3.1.

        Raises:
            InputError: when the wheel cannot be had or is not the published one.
        """
        place = folder or cache_folder()
        target = dataset_file(NAME, place)
        if not target.is_file():
            package = obtain(PACKAGE, source, place)
            data = prepare_rows(rows(package), MOSES_VOCABULARY, SIZE, "MOSES", COUNT)
            write_prepared(target, data)
        return target


def rows(package: Path) -> Iterator[Row]:
    """SMILES and number of the split of each molecule of the wheel."""
    with zipfile.ZipFile(package) as wheel:
        for number, table in enumerate(TABLES):
            content = gzip.decompress(wheel.read(f"moses/dataset/data/{table}"))
            for row in csv.DictReader(io.StringIO(content.decode("utf-8"))):
                yield Row(row["SMILES"], number, {})
