"""What this plugin offers for molecules, as names and import paths: nothing is imported here."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1

DATASETS = (
    ("qm9", "qm9:QM9", "130,000 small molecules of C, N, O, F, at most 9 atoms; ships here"),
    ("zinc250k", "zinc:ZINC250k", "250,000 molecules like drugs, at most 38 atoms"),
    ("moses", "moses:Moses", "1,760,000 molecules like drug leads, at most 27 atoms"),
    ("file", "molecule_file:MoleculeFile", "Your own molecules: data.file=PATH, SMILES or SDF"),
)


PRESETS = (
    ("qm9", "qm9", "Small molecules, a categorical flow with properties to ask for"),
    ("catflow", "catflow", "The same on straight paths from Gaussian noise"),
    ("gdss", "gdss", "GDSS: atoms and bonds by a system of SDEs, its own pair of networks"),
    ("gdss-transformer", "gdss-transformer", "The same system on the graph transformer"),
    ("file", "molecule-file", "Your own molecules: data.file=PATH, SMILES or SDF"),
)


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the domain, its data sets and its presets."""
    registry.add(
        "domain", "molecules", "sicore_molecules.molecules:Molecules", "Molecules as graphs"
    )
    registry.add(
        "model",
        "molecules/qm9",
        "sicore_molecules:models/qm9",
        "Small molecules of C, N, O, F; logP, QED and gap can be asked for; 0.58 M parameters",
    )
    for name, file, summary in PRESETS:
        target = f"sicore_molecules:presets/{file}.yaml"
        registry.add("preset", f"molecules/{name}", target, summary)
    for name, target, summary in DATASETS:
        registry.add("dataset", f"molecules/{name}", f"sicore_molecules.data.{target}", summary)


@hookimpl
def sicore_doctor() -> list[tuple[str, bool, str]]:
    """Whether RDKit works, and which data are on this machine."""
    from sicore_molecules.data.places import dataset_file

    fetched = [
        (
            title,
            dataset_file(name).is_file(),
            f"optional, for training and evaluation: sicore data fetch molecules/{name}",
        )
        for name, title in (("zinc250k", "ZINC250k"), ("moses", "MOSES"))
    ]
    return [("RDKit", _installed("rdkit"), "pip install rdkit"), *fetched]


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
