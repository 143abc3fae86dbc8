"""Molecules as files: SMILES, SDF and a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rdkit import Chem
from rdkit.Chem import rdDepictor

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore_molecules.chemistry.decode import build, canonical, sanitised
from sicore_molecules.chemistry.properties import compute
from sicore_molecules.chemistry.validity import Validity, validity
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.metrics.properties import NAMES

COLUMNS = (
    "number",
    "smiles",
    *NAMES,
    "valid_strict",
    "valid_relaxed",
    "connected",
    "novel",
)
YES_NO = {True: "yes", False: "no"}
NOTHING: Mapping[str, Sequence[object]] = MappingProxyType({})


@dataclass(frozen=True)
class Row:
    """One generated molecule.

    Args:
        mol: sanitised, or None when there is none, since it is not strictly valid; one whose bonds
            were corrected has a molecule, and its flags say how it came.
        smiles: canonical, without stereochemistry; empty without a molecule.
        properties: QED, logP, SA and weight (g/mol), in the order of ``NAMES``; none without a
            molecule.
        strict: passes the full sanitisation as it is.
        relaxed: has allowed valences, once N and O with one bond too many are charged.
        connected: is in one piece.
        novel: is not among the known molecules; None where that is not known.
    """

    mol: Chem.Mol | None
    smiles: str
    properties: tuple[float, ...]
    strict: bool
    relaxed: bool
    connected: bool
    novel: bool | None


def describe(
    graphs: GraphBatch, vocabulary: Vocabulary, known: Collection[str] | None = None
) -> list[Row]:
    """What the table tells of each graph.

    Args:
        graphs: generated.
        vocabulary: of their atoms.
        known: canonical SMILES of the training data; None when they are not at hand.
    """
    state = validity(graphs, vocabulary)
    seen = None if known is None else set(known)
    pairs = zip(graphs.atoms.numpy(), graphs.bonds.numpy(), strict=True)
    return [_row(build(a, b, vocabulary), state, i, seen) for i, (a, b) in enumerate(pairs)]


def _row(built: Chem.Mol, state: Validity, number: int, seen: set[str] | None) -> Row:
    strict, relaxed, connected = (
        bool(part[number]) for part in (state.strict, state.relaxed, state.connected)
    )
    mol = sanitised(built) if strict else None
    if mol is None:
        return Row(None, "", (), strict, relaxed, connected, None)
    smiles, values = canonical(mol), compute([mol], NAMES)
    novel = None if seen is None else smiles not in seen
    properties = tuple(float(values[name][0]) for name in NAMES)
    return Row(mol, smiles, properties, strict, relaxed, connected, novel)


def write_table(
    rows: Sequence[Row],
    path: Path,
    *,
    overwrite: bool = False,
    more: Mapping[str, Sequence[object]] = NOTHING,
) -> Path:
    """A CSV file with a line for each molecule, the invalid ones too; `COLUMNS` are its header.

    Args:
        rows: of the molecules.
        path: of the file.
        overwrite: replace a file that is there.
        more: further columns, a value for each row.

    Raises:
        InputError: when the file exists and may not be replaced.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow((*COLUMNS, *more))
    for number, row in enumerate(rows, 1):
        values = [f"{value:.4g}" for value in row.properties] or [""] * len(NAMES)
        flags = [YES_NO[flag] for flag in (row.strict, row.relaxed, row.connected)]
        novel = "" if row.novel is None else YES_NO[row.novel]
        added = [column[number - 1] for column in more.values()]
        writer.writerow([number, row.smiles, *values, *flags, novel, *added])
    return _write(path, buffer.getvalue().encode(), overwrite)


def write_smiles(rows: Sequence[Row], path: Path, *, overwrite: bool = False) -> Path:
    """A file of SMILES, a molecule a line, with its number after a tab; invalid ones are left out.

    Raises:
        InputError: when the file exists and may not be replaced.
    """
    lines = [f"{row.smiles}\t{number}\n" for number, row in enumerate(rows, 1) if row.mol]
    return _write(path, "".join(lines).encode(), overwrite)


def write_sdf(rows: Sequence[Row], path: Path, *, overwrite: bool = False) -> Path:
    """An SDF file of the valid molecules, with coordinates in the plane and their properties.

    The title of a molecule is its number in the table.

    Raises:
        InputError: when the file exists and may not be replaced.
    """
    parts = []
    for number, row in enumerate(rows, 1):
        if row.mol is not None:
            mol = Chem.Mol(row.mol)
            rdDepictor.Compute2DCoords(mol)
            mol.SetProp("_Name", str(number))
            named = [("smiles", row.smiles)]
            named += [(name, f"{x:.4g}") for name, x in zip(NAMES, row.properties, strict=True)]
            fields = "".join(f">  <{name}>\n{value}\n\n" for name, value in named)
            parts.append(f"{Chem.MolToMolBlock(mol)}{fields}$$$$\n")
    return _write(path, "".join(parts).encode(), overwrite)


def write_picture(content: bytes, path: Path, *, overwrite: bool = False) -> Path:
    """A PNG or SVG file, whole or not at all; an SVG's text is given as UTF-8.

    Raises:
        InputError: when the file exists and may not be replaced.
    """
    return _write(path, content, overwrite)


def _write(path: Path, content: bytes, overwrite: bool) -> Path:
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: add --overwrite to replace it")
    write_atomically(path, lambda scratch: scratch.write_bytes(content))
    return path
