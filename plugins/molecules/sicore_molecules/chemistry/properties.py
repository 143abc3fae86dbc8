"""Properties of molecules that RDKit computes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, RDConfig, rdMolDescriptors

from sicore.errors import UnknownName


def synthetic_accessibility(mol: Chem.Mol) -> float:
    """The SA score of Ertl and Schuffenhauer (2009): 1 is easy to make, 10 is hard.

    RDKit ships it among its contributions.
    """
    return float(_sascorer().calculateScore(mol))


PROPERTIES: dict[str, tuple[Callable[[Chem.Mol], float], str]] = {
    "logp": (Crippen.MolLogP, "octanol–water partition coefficient, Crippen's estimate"),
    "qed": (QED.qed, "drug-likeness, 0 to 1 (Bickerton et al., 2012)"),
    "sa": (synthetic_accessibility, "synthetic accessibility, 1 (easy) to 10"),
    "weight": (Descriptors.MolWt, "molecular weight, g/mol"),
    "tpsa": (rdMolDescriptors.CalcTPSA, "topological polar surface area, Å²"),
}
"""The function of a sanitised molecule, and what it is."""


def compute(mols: Iterable[Chem.Mol], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Properties of sanitised molecules, float32 ``(B,)`` each.

    Raises:
        UnknownName: for another property.
    """
    for name in names:
        if name not in PROPERTIES:
            raise UnknownName("property", name, PROPERTIES)
    rows = [[PROPERTIES[name][0](mol) for name in names] for mol in mols]
    table = np.asarray(rows, np.float32).reshape(len(rows), len(names))
    return {name: table[:, column] for column, name in enumerate(names)}


@cache
def _sascorer() -> ModuleType:
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("sascorer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
