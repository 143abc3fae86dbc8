"""How many different molecules there are, and how many of them are new."""

from __future__ import annotations

from collections.abc import Collection

from sicore.errors import InputError


def uniqueness(smiles: Collection[str]) -> float:
    """The share of different ones among n molecules: at most the number that exist over n.

    Args:
        smiles: canonical, of the valid molecules; it falls as n grows, so name n with it.

    Raises:
        InputError: when there is none.
    """
    return len(_different(smiles)) / len(smiles)


def novelty(smiles: Collection[str], known: Collection[str]) -> float:
    """The share of the different molecules that are not among the known ones.

    Args:
        smiles: canonical, of the valid molecules.
        known: canonical in the same way, such as those of the training data.

    Raises:
        InputError: when there is no molecule.

    Source: Polykovskiy et al. 2020 (MOSES). On QM9, which lists nearly all small molecules that
    its rules allow, a new molecule is one that breaks its rules: high is not good.
    """
    different = _different(smiles)
    return len(different - set(known)) / len(different)


def _different(smiles: Collection[str]) -> set[str]:
    if not smiles:
        raise InputError("metrics: expected at least one valid molecule, got none")
    return set(smiles)
