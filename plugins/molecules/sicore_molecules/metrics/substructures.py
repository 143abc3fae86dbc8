"""Are two sets of molecules made of the same fragments, and built on the same scaffolds?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rdkit import Chem
from rdkit.Chem import BRICS
from rdkit.Chem.Scaffolds import MurckoScaffold

MIN_RINGS = 2  # a scaffold counts when it has as many: MOSES's rule, for molecules like drugs


def fragment_counts(mols: Iterable[Chem.Mol]) -> Counter[str]:
    """How often each BRICS fragment occurs, as canonical SMILES, over all molecules.

    Source: Degen et al. 2008.
    """
    found: Counter[str] = Counter()
    for mol in mols:
        found.update(Chem.MolToSmiles(BRICS.BreakBRICSBonds(mol)).split("."))
    return found


def scaffold_counts(mols: Iterable[Chem.Mol], min_rings: int = MIN_RINGS) -> Counter[str]:
    """How many molecules have each Bemis–Murcko scaffold: the rings and what links them.

    Args:
        mols: sanitised molecules.
        min_rings: molecules with fewer rings in the scaffold do not count.

    Source: Bemis and Murcko 1996.
    """
    scaffolds = (MurckoScaffold.GetScaffoldForMol(mol) for mol in mols)
    return Counter(
        Chem.MolToSmiles(scaffold)
        for scaffold in scaffolds
        if scaffold.GetNumAtoms() and scaffold.GetRingInfo().NumRings() >= min_rings
    )


def cosine(a: Mapping[str, int], b: Mapping[str, int]) -> float:
    """``a·b / (‖a‖ ‖b‖)`` of two tables of numbers: 1 for the same shares, 0 for nothing in common.

    It is not defined when a table is empty: then NaN.
    """
    dot = sum(number * b.get(name, 0) for name, number in a.items())
    norms = (sum(n * n for n in a.values()) * sum(n * n for n in b.values())) ** 0.5
    return dot / norms if norms else float("nan")


def fragment_similarity(a: Iterable[Chem.Mol], b: Iterable[Chem.Mol]) -> float:
    """Cosine of the two sets' `fragment_counts`, ``Frag`` of MOSES.

    Source: Polykovskiy et al. 2020.
    """
    return cosine(fragment_counts(a), fragment_counts(b))


def scaffold_similarity(
    a: Iterable[Chem.Mol], b: Iterable[Chem.Mol], min_rings: int = MIN_RINGS
) -> float:
    """Cosine of the two sets' `scaffold_counts`, ``Scaf`` of MOSES.

    Source: Polykovskiy et al. 2020.
    """
    return cosine(scaffold_counts(a, min_rings), scaffold_counts(b, min_rings))
