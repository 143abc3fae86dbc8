"""The user's file of molecules as graphs: what fits is used, and all else is told line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sicore.errors import InputError
from sicore.files import write_text
from sicore_molecules.chemistry.encode import (
    Charges,
    Unfit,
    atoms_of,
    encode,
    largest_fragment,
)
from sicore_molecules.chemistry.vocabulary import Vocabulary, vocabulary_of
from sicore_molecules.data.records import Record, records
from sicore_molecules.data.store import GraphStore

SHOWN = 5


@dataclass(frozen=True)
class Problem:
    """A molecule that was left out.

    Args:
        record: of the file.
        kind: why, in one word; see `sicore_molecules.chemistry.encode.Unfit`.
        message: why, in a sentence.
    """

    record: Record
    kind: str
    message: str

    def __str__(self) -> str:
        """One line for the user."""
        return f"line {self.record.line}: {self.message}"


@dataclass(frozen=True)
class Reading:
    """What came out of a file.

    Args:
        path: of the file.
        store: the graphs of the molecules that fit.
        vocabulary: of their atoms.
        records: where they come from.
        problems: the molecules that were left out.
    """

    path: Path
    store: GraphStore
    vocabulary: Vocabulary
    records: Sequence[Record]
    problems: Sequence[Problem]

    def report(self, shown: int = SHOWN) -> str:
        """How many were used, how many left out and why, and the first of those."""
        kinds = Counter(problem.kind for problem in self.problems)
        total = len(self.store) + len(self.problems)
        lines = [f"{self.path}: {len(self.store)} of {total} molecules are used"]
        if kinds:
            lines[0] += f", left out: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}"
            lines += [f"  {problem}" for problem in self.problems[:shown]]
            hidden = len(self.problems) - shown
            lines += [f"  … and {hidden} more"] if hidden > 0 else []
        return "\n".join(lines)

    def write_report(self, path: Path) -> None:
        """Every molecule that was left out, as a table: line, kind, message, text."""
        rows = [("line", "kind", "message", "text")]
        rows += [
            (str(p.record.line), p.kind, p.message, p.record.text.split("\n")[0])
            for p in self.problems
        ]
        write_text(path, "".join("\t".join(row) + "\n" for row in rows))


def read_molecules(
    path: Path,
    vocabulary: Vocabulary | None = None,
    size: int | None = None,
    charges: Charges = "exact",
    largest: bool = False,
) -> Reading:
    """Read a file of molecules.

    Args:
        path: SMILES, CSV or SDF; see `sicore_molecules.data.records`.
        vocabulary: the atoms that are allowed; by default all that are found.
        size: the most atoms that are allowed; by default any number.
        charges: what to do with charges that have no symbol; see `encode`.
        largest: take the largest fragment where there are several, as of a salt.

    Raises:
        InputError: when the file cannot be read, or nothing in it can be used.
    """
    path = Path(path).expanduser()
    found: dict[tuple[int, int], int] = {}  # atoms, in the order in which they are met
    graphs, used, problems = [], [], []
    for record in records(path):
        try:
            mol = record.molecule()
            mol = largest_fragment(mol) if largest else mol
            own = vocabulary or _own(mol, charges)
            kinds, bonds = encode(mol, own, size, charges)
        except Unfit as error:
            problems.append(Problem(record, error.kind, str(error)))
            continue
        if vocabulary is None:
            codes = [0, *(found.setdefault(atom, len(found) + 1) for atom in own.atoms)]
            kinds = np.asarray(codes, np.uint8)[kinds]
        graphs.append((kinds, bonds))
        used.append(record)
    if not graphs:
        told = "; ".join(str(problem) for problem in problems[:SHOWN]) or "the file is empty"
        raise InputError(f"{path}: holds no molecule that can be used: {told}")
    if vocabulary is None:
        vocabulary = vocabulary_of(found)
        order = [0, *(vocabulary.kind(*atom) for atom in found)]
        graphs = [(np.asarray(order, np.uint8)[kinds], bonds) for kinds, bonds in graphs]
    return Reading(path, GraphStore.of(graphs), vocabulary, used, problems)


def _own(mol: object, charges: Charges) -> Vocabulary:
    """The vocabulary of one molecule."""
    atoms = [atom for atom in atoms_of(mol) if atom[0]]
    if charges == "drop":
        atoms = [(number, 0) for number, _ in atoms]
    return vocabulary_of(atoms or [(6, 0)])
