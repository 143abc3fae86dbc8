"""Prepared data sets: graphs, their splits and their properties in one file, without pickles."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore.progress import progress_bar
from sicore_molecules.chemistry.encode import Charges, Unfit, encode, parse_smiles
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.data.store import COLUMNS, GraphStore

if TYPE_CHECKING:
    from sicore_molecules.data.benchmark import Row

SPLIT = "split"
PROPERTY = "property/"
SCALE = "scale/"


@dataclass(frozen=True)
class Prepared:
    """All graphs of a data set.

    Args:
        store: the graphs.
        split: the number of each graph's split, ``(G,)`` uint8.
        properties: figures of each graph, ``(G,)`` by name.
    """

    store: GraphStore
    split: np.ndarray
    properties: Mapping[str, np.ndarray]


def prepare_rows(
    rows: Iterable[Row],
    vocabulary: Vocabulary,
    size: int,
    title: str,
    total: int,
    charges: Charges = "drop",
) -> Prepared:
    """Graphs of published molecules; those that have none are left out.

    Args:
        rows: the molecules.
        vocabulary: of their atoms.
        size: the most atoms.
        title: of the data set, for the progress bar.
        total: how many there are, for the progress bar.
        charges: what to do with them; see `encode`.
    """
    splits: list[int] = []
    figures: dict[str, list[float]] = {}

    def graphs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for count, row in enumerate(rows):
            if count % 1000 == 0:
                bar.advance()
            try:
                graph = encode(parse_smiles(row.smiles), vocabulary, size, charges)
            except Unfit:
                continue
            for name, value in row.values.items():
                figures.setdefault(name, []).append(value)
            splits.append(row.split)
            yield graph

    with progress_bar(f"preparing {title} (thousands)", -(-total // 1000)) as bar:
        store = GraphStore.of(graphs())
    columns = {name: np.asarray(values, np.float32) for name, values in figures.items()}
    return Prepared(store, np.asarray(splits, np.uint8), columns)


def write_prepared(path: Path, data: Prepared, scales: Mapping[str, float] | None = None) -> None:
    """Write a compressed npz file atomically, of type uint8 and such where the values allow it.

    Args:
        path: of the file.
        data: what to write.
        scales: properties by name that are written as whole numbers: the unit of the last digit.
    """
    arrays = {**data.store.arrays(), SPLIT: data.split.astype(np.uint8)}
    for name, values in data.properties.items():
        if scale := (scales or {}).get(name):
            whole = np.round(values / scale).astype(np.int64)
            arrays[PROPERTY + name] = whole.astype(_smallest(whole))
            arrays[SCALE + name] = np.asarray(scale, np.float64)
        else:
            arrays[PROPERTY + name] = values.astype(np.float32)
    write_atomically(path, lambda part: _write_npz(part, arrays))


def read_prepared(path: Path) -> Prepared:
    """Read what `write_prepared` wrote.

    Raises:
        InputError: when it is missing, or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        store = GraphStore.from_arrays({name: arrays[name] for name in COLUMNS})
        split = arrays[SPLIT]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is no prepared data set ({error}); fetch it again") from None
    properties = {
        name.removeprefix(PROPERTY): (
            values.astype(np.float64) * arrays.get(name.replace(PROPERTY, SCALE), 1.0)
        ).astype(np.float32)
        for name, values in arrays.items()
        if name.startswith(PROPERTY)
    }
    return Prepared(store, split, properties)


def shuffled(indices: np.ndarray) -> np.ndarray:
    """The indices in an order that looks random and is the same everywhere: by their hash.

    Files of molecules are sorted by structure, so that the first thousands are no fair sample.
    """
    keys = [hashlib.sha256(b"%d" % index).digest() for index in indices]
    return indices[np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)]


def _write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """What ``np.savez_compressed`` writes, a third smaller."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _smallest(values: np.ndarray) -> type[np.signedinteger]:
    """The smallest signed type that holds the values."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kinds = (np.int8, np.int16, np.int32, np.int64)
    return next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max)
