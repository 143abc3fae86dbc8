"""How near a set of molecules is to another, and how varied it is, by Morgan fingerprints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from sicore.errors import InputError

RADIUS, BITS = 2, 1024  # those of MOSES


def morgan(mols: Iterable[Chem.Mol]) -> list[Any]:
    """Morgan fingerprints: which neighbourhoods of radius 2 a molecule has, in 1,024 bits.

    Source: Rogers and Hahn 2010.
    """
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    return [generator.GetFingerprint(mol) for mol in mols]


def nearest_similarity(fingerprints: Sequence[Any], reference: Sequence[Any]) -> float:
    """Similarity to the nearest neighbour: ``mean over a of max over b of T(a, b)``.

    T is the Tanimoto similarity. ``SNN`` of MOSES; n × m similarities, about 10⁷ in a second.

    Raises:
        InputError: when a set is empty.

    Source: Polykovskiy et al. 2020.
    """
    _check(fingerprints, reference)
    nearest = [max(DataStructs.BulkTanimotoSimilarity(f, reference)) for f in fingerprints]
    return float(np.mean(nearest))


def internal_diversity(fingerprints: Sequence[Any], p: int = 1) -> float:
    """``1 − (1/n² Σ T(a, b)^p)^{1/p}`` over all pairs, each with itself too.

    ``IntDiv_p`` of MOSES's paper. Its program takes the root molecule by molecule, which for
    p = 2 gives a slightly higher figure.

    Raises:
        InputError: when there is no molecule.

    Source: Benhenda 2017; Polykovskiy et al. 2020.
    """
    _check(fingerprints)
    total = 0.0
    for fingerprint in fingerprints:
        similar = np.asarray(DataStructs.BulkTanimotoSimilarity(fingerprint, fingerprints))
        total += float((similar**p).sum())
    return 1 - (total / len(fingerprints) ** 2) ** (1 / p)


def _check(*sets: Sequence[Any]) -> None:
    if not all(len(fingerprints) for fingerprints in sets):
        raise InputError("metrics: expected at least one valid molecule in each set, got none")
