"""One page that shows generated molecules: figures, laws of properties, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from rdkit import Chem

from sicore.report import Figure, Page, Section, Table
from sicore_molecules.metrics.properties import NAMES
from sicore_molecules.rendering.files import Row
from sicore_molecules.rendering.histograms import histogram_png
from sicore_molecules.rendering.molecules import molecules_png

TITLES = {
    "qed": "QED (drug-likeness, 0 to 1)",
    "logp": "logP (octanol/water)",
    "sa": "SA (1 easy to make, 10 hard)",
    "weight": "molecular weight, g/mol",
}
MEANINGS = {
    "fcd": "FCD",
    "nspdk": "NSPDK MMD²",
    "scaffold_similarity": "scaffold similarity",
    "fragment_similarity": "fragment similarity",
    "snn": "similarity to the nearest test molecule",
    "internal_diversity": "internal diversity",
    "qed_w1": "W1 of QED",
    "logp_w1": "W1 of logP",
    "sa_w1": "W1 of SA",
    "weight_w1": "W1 of weight, g/mol",
}
SHOWN = 50
NOTHING: Mapping[str, float] = MappingProxyType({})


def molecules_page(
    rows: Sequence[Row],
    *,
    title: str,
    command: str,
    lead: str = "",
    train: Mapping[str, np.ndarray] | None = None,
    asked: Mapping[str, float] = NOTHING,
    figures: Mapping[str, Any] | None = None,
    scaffold: Chem.Mol | None = None,
    footer: str = "",
) -> Page:
    """The page of a run.

    Args:
        rows: of the generated molecules, as `describe` gives them.
        title: the heading.
        command: the command line that made them.
        lead: a line or two below the heading.
        train: QED, logP, SA and weight of training molecules ``(m,)``, to be laid beside; without
            them there are no charts.
        asked: values that were asked for, by name; those that have a chart are marked there.
        figures: what `evaluate` found; without it there is no table of them.
        scaffold: highlighted in the pictures.
        footer: the closing line.
    """
    valid = [row for row in rows if row.mol is not None]
    sections = [Section("How many are molecules", command=command, tables=[_counts(rows)])]
    if valid:
        sections.append(_pictures(valid, scaffold))
    if valid and train is not None:
        sections.append(_laws(valid, train, asked))
    if figures is not None:
        sections.append(_measured(figures))
    return Page(title, lead, sections, footer)


def _counts(rows: Sequence[Row]) -> Table:
    valid = [row for row in rows if row.mol is not None]
    strict = [row for row in rows if row.strict]
    unique = len({row.smiles for row in valid})
    corrected = sum(not row.strict for row in valid)
    lines: list[tuple[str, int, int]] = [
        ("valid as they are", len(strict), len(rows)),
        ("valid, N and O charged where needed", sum(row.relaxed for row in rows), len(rows)),
        ("connected", sum(row.connected for row in rows), len(rows)),
        ("valid and connected", sum(row.connected for row in strict), len(rows)),
        *([("corrected", corrected, len(rows))] if corrected else []),
        ("different, of the valid ones", unique, len(valid)),
    ]
    if valid and valid[0].novel is not None:
        novel = len({row.smiles for row in valid if row.novel})
        lines.append(("not in the training data, of the different ones", novel, unique))
    cells = [(what, f"{k:,} of {n:,}", f"{k / n:.1%}" if n else "–") for what, k, n in lines]
    return Table(("molecules", "number", "share"), cells)


def _pictures(valid: Sequence[Row], scaffold: Chem.Mol | None) -> Section:
    shown = [row.mol for row in valid[:SHOWN]]
    of = f"The first {len(shown)} of {len(valid):,} valid molecules"
    marked = "; the scaffold is highlighted" if scaffold is not None else ""
    picture = molecules_png(shown, scaffold=scaffold)
    names = ", ".join(row.smiles for row in valid[:SHOWN])
    return Section(
        "Molecules",
        figures=[
            Figure(picture, f"{of}, in the order in which they came{marked}.", names, smooth=True)
        ],
    )


def _laws(
    valid: Sequence[Row], train: Mapping[str, np.ndarray], asked: Mapping[str, float]
) -> Section:
    values = dict(zip(NAMES, np.array([row.properties for row in valid]).T, strict=True))
    charts = [
        Figure(
            histogram_png(values[name], np.asarray(train[name]), TITLES[name], asked.get(name)),
            f"mean {values[name].mean():.3g}, of the training data {np.mean(train[name]):.3g}"
            + (f"; asked for {asked[name]:g}" if name in asked else ""),
            f"Histograms of {TITLES[name]}, generated and training data",
            smooth=True,
        )
        for name in NAMES
    ]
    text = (
        f"Line: the {len(valid):,} valid molecules. Filled: {len(train[NAMES[0]]):,} molecules of "
        "the training data."
    )
    text += " Dashed: the value that was asked for." if set(asked) & set(NAMES) else ""
    return Section("Properties", text, figures=charts)


def _measured(figures: Mapping[str, Any]) -> Section:
    model, floor = figures["model"], figures["floor"]
    rows = [
        (MEANINGS[name], f"{value:.4g}", f"{floor[name]:.4g}")
        for name, value in model.items()
        if name in MEANINGS
    ]
    header = ("figure", f"these {model['n']:,}", f"{floor['n']:,} training molecules")
    text = (
        f"All against {figures['n_reference']:,} test molecules that the model has not seen. The "
        "training molecules show what a perfect model would get at this number: figures of "
        "different numbers cannot be compared."
    )
    return Section("Beside the test data", text, tables=[Table(header, rows)])
