"""Generated molecules: what is kept of them, what is told, and the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rdkit import Chem

from sicore_molecules.chemistry.decode import corrected_graphs
from sicore_molecules.chemistry.properties import compute
from sicore_molecules.chemistry.validity import validity
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.data.lookup import smiles_among
from sicore_molecules.data.molecule_data import MoleculeData
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.metrics.properties import NAMES
from sicore_molecules.rendering import Row, describe, files, molecules_png, molecules_svg
from sicore_molecules.rendering.page import molecules_page
from sicore_molecules.scaffolds import Scaffold

BESIDE = 2000  # training molecules whose properties are computed for the charts


@dataclass(frozen=True)
class Generated:
    """The molecules of a run.

    Args:
        rows: one for each; those of corrected ones have a molecule, though not strictly valid.
        scaffolds: what they were made around, one for each row, or none at all.
        lost: how many were left out since their scaffold is no longer there.
        correct: whether bonds were taken away where there were too many.
        train: the training data, where they are at hand.
    """

    rows: Sequence[Row]
    scaffolds: Sequence[Scaffold]
    lost: int
    correct: bool
    train: MoleculeData | None

    def shares(self) -> dict[str, float]:
        """Shares of all: strict, relaxed, connected; and of those written: unique, novel."""
        written = [row for row in self.rows if row.mol is not None]
        different = {row.smiles for row in written}
        found = {
            "strict": _share([row.strict for row in self.rows]),
            "relaxed": _share([row.relaxed for row in self.rows]),
            "connected": _share([row.connected for row in self.rows]),
        }
        if self.correct:
            found["corrected"] = _share([bool(row.mol) and not row.strict for row in self.rows])
        if written:
            found["unique"] = len(different) / len(written)
        if written and self.train is not None:
            novel = {row.smiles for row in written if row.novel}
            found["novel"] = len(novel) / len(different)
        return found

    def summary(self, nfe: int) -> str:
        """One line."""
        names = {"strict": "valid as they are", "relaxed": "valid if N and O may be charged"}
        told = [f"{share:.1%} {names.get(name, name)}" for name, share in self.shares().items()]
        written = sum(row.mol is not None for row in self.rows)
        lost = [f"{self.lost} left out that lost the scaffold"] if self.lost else []
        parts = [*told, *lost, f"{nfe} network calls each"]
        return f"{written} of {len(self.rows)} molecules written: {', '.join(parts)}"

    def write(
        self,
        folder: Path,
        *,
        title: str,
        command: str,
        lead: str,
        asked: Mapping[str, float],
    ) -> None:
        """All files: SMILES, SDF, a table, pictures, and the page.

        Args:
            folder: that is there.
            title: of the page.
            command: the command line.
            lead: below the title.
            asked: values to mark in the charts.
        """
        files.write_smiles(self.rows, folder / "molecules.smi")
        files.write_sdf(self.rows, folder / "molecules.sdf")
        files.write_table(self.rows, folder / "molecules.csv", more=self._columns())
        mols = [row.mol for row in self.rows if row.mol is not None]
        shown = self._shown()
        if mols:
            (folder / "molecules.png").write_bytes(molecules_png(mols, scaffold=shown))
            picture = molecules_svg(mols, scaffold=shown)
            (folder / "molecules.svg").write_text(picture, encoding="utf-8")
        page = molecules_page(
            self.rows,
            title=title,
            command=command,
            lead=lead,
            train=None if self.train is None or not mols else _properties(self.train),
            asked=asked,
            scaffold=shown,
            footer="Validity, QED, logP and SA are RDKit's. Whether a molecule can be made, or is "
            "of use, they do not tell.",
        )
        page.write(folder / "index.html")

    def _shown(self) -> Chem.Mol | None:
        """The scaffold to mark in the pictures, if all have the same."""
        alike = {scaffold.smiles for scaffold in self.scaffolds}
        return self.scaffolds[0].mol if len(alike) == 1 else None

    def _columns(self) -> dict[str, Sequence[object]]:
        columns: dict[str, Sequence[object]] = {}
        if self.correct:
            flags = [row.mol is not None and not row.strict for row in self.rows]
            columns["corrected"] = [files.YES_NO[flag] for flag in flags]
        if self.scaffolds:
            columns["scaffold"] = [scaffold.smiles for scaffold in self.scaffolds]
        return columns


def generated(
    graphs: GraphBatch,
    vocabulary: Vocabulary,
    *,
    scaffolds: Sequence[Scaffold] = (),
    correct: bool = False,
    train: MoleculeData | None = None,
) -> Generated:
    """Look at the graphs that came.

    A molecule is only kept if its scaffold is a substructure of it. It always should be, since it
    was held in place; this makes sure.

    Args:
        graphs: as they came.
        vocabulary: of their atoms.
        scaffolds: what they were made around, one for each graph, or none at all.
        correct: take bonds away from invalid ones until they are valid.
        train: the training data, for novelty.
    """
    came = validity(graphs, vocabulary)
    held = [len(scaffold) for scaffold in scaffolds]
    kept = corrected_graphs(graphs, vocabulary, held) if correct else graphs
    known = None if train is None else smiles_among(train, kept)
    flags = zip(came.strict.tolist(), came.relaxed.tolist(), came.connected.tolist(), strict=True)
    rows = [
        replace(row, strict=strict, relaxed=relaxed, connected=connected)
        for row, (strict, relaxed, connected) in zip(
            describe(kept, vocabulary, known), flags, strict=True
        )
    ]
    lost = 0
    for number, scaffold in enumerate(scaffolds):
        mol = rows[number].mol
        if mol is not None and not scaffold.within(mol):
            lost += 1
            rows[number] = replace(rows[number], mol=None, smiles="", properties=(), novel=None)
    return Generated(rows, scaffolds, lost, correct, train)


def _properties(train: MoleculeData) -> dict[str, np.ndarray]:
    """QED, logP, SA and weight of training molecules, evenly spread over the data."""
    chosen = torch.linspace(0, len(train) - 1, min(BESIDE, len(train))).long()
    return compute(train.molecules(chosen), NAMES)


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)
