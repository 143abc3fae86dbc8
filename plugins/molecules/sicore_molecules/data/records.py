"""One molecule after the other from SMILES, CSV and SDF files, each with its line number."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rdkit import Chem, rdBase

from sicore.errors import InputError
from sicore_molecules.chemistry.encode import Unfit, checked, parse_smiles

TABLES = {".csv": ",", ".tsv": "\t"}
LISTS = (".smi", ".smiles", ".txt")
STRUCTURES = (".sdf", ".sd", ".mol")
SUFFIXES = frozenset((*TABLES, *LISTS, *STRUCTURES))
COLUMNS = ("smiles", "canonical_smiles", "mol", "structure")


@dataclass(frozen=True)
class Record:
    """What a file says of one molecule.

    Args:
        line: where it begins, from 1.
        text: a SMILES, or the block of an SDF.
        name: of the molecule, if it has one.
        values: more columns of a table, or the data items of an SDF.
        block: whether the text is a block of an SDF.
    """

    line: int
    text: str
    name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    block: bool = False

    def molecule(self) -> Chem.Mol:
        """The molecule, sanitised, without hydrogens.

        Raises:
            Unfit: when it cannot be understood.
        """
        return _parse_block(self.text) if self.block else parse_smiles(self.text)


def records(path: Path) -> Iterator[Record]:
    """The molecules of a file, plain or ``.gz``; empty lines and lines that start with # are none.

    ``.smi``, ``.smiles`` and ``.txt`` have a SMILES on each line, and then perhaps a name. ``.csv``
    and ``.tsv`` have a header with a column ``smiles``. ``.sdf`` has blocks that end with ``$$$$``.

    Raises:
        InputError: when the file cannot be read, or is of another kind.
    """
    ending = Path(path.name.removesuffix(".gz")).suffix.lower()
    if ending not in SUFFIXES:
        raise InputError(
            f"{path}: expected a file of molecules that ends in {', '.join(sorted(SUFFIXES))}, "
            "perhaps with .gz"
        )
    lines = _lines(path)
    if ending in TABLES:
        yield from _table(path, lines, TABLES[ending])
    elif ending in LISTS:
        yield from _list(lines)
    else:
        yield from _blocks(lines)


def _lines(path: Path) -> list[str]:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    return content.decode("utf-8-sig", errors="replace").splitlines()


def _list(lines: list[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        words = line.split(maxsplit=1)
        header = number == 1 and words and words[0].lower() in COLUMNS
        if words and not line.startswith("#") and not header:
            yield Record(number, words[0], words[1].strip() if len(words) > 1 else "")


def _table(path: Path, lines: list[str], separator: str) -> Iterator[Record]:
    table = csv.reader(lines, delimiter=separator)
    header = [name.strip() for name in next(table, [])]
    lowered = [name.lower() for name in header]
    column = next((lowered.index(name) for name in COLUMNS if name in lowered), None)
    if column is None:
        raise InputError(
            f"{path}: expected a header with a column 'smiles', got {', '.join(header) or 'none'}"
        )
    start = table.line_num + 1
    for row in table:
        line, start = start, table.line_num + 1
        if any(cell.strip() for cell in row):
            cells = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
            values = {name: cells[i] for i, name in enumerate(header) if i != column and name}
            yield Record(line, cells[column], values=values)


def _blocks(lines: list[str]) -> Iterator[Record]:
    start = 0
    ends = [i for i, line in enumerate(lines) if line.startswith("$$$$")]
    for end in [*ends, len(lines)]:
        block = lines[start:end]
        if any(line.strip() for line in block):
            values = _items(block)
            yield Record(start + 1, "\n".join(block) + "\n", block[0].strip(), values, block=True)
        start = end + 1


def _items(block: list[str]) -> dict[str, str]:
    """Data items: a line ``> <NAME>``, and the value on the next one."""
    found = {}
    for line, following in zip(block, [*block[1:], ""], strict=True):
        if line.startswith(">") and "<" in line and ">" in line[line.index("<") :]:
            found[line[line.index("<") + 1 : line.rindex(">")]] = following.strip()
    return found


def _parse_block(text: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolBlock(text, sanitize=False, removeHs=False)
    if mol is None:
        raise Unfit("unparsable", "the block is no structure that RDKit can read")
    return checked(mol)
