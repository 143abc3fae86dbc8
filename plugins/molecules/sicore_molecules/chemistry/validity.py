"""Three meanings of "valid", which papers mix up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rdkit import Chem, rdBase

from sicore_molecules.chemistry.decode import build, sanitised
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.graphs import GraphBatch


def strictly_valid(mol: Chem.Mol) -> bool:
    """Whether a molecule that was built as it is passes RDKit's full sanitisation.

    That is every valence, and aromaticity; an empty one does not. Charges are only those that its
    atoms have.
    """
    return mol.GetNumAtoms() > 0 and sanitised(mol) is not None


def relaxed_valid(mol: Chem.Mol) -> bool:
    """Whether a molecule that was built with ``cations=True`` has allowed valences.

    Only ``SANITIZE_PROPERTIES`` is run, and a molecule may be in pieces, or empty: what GDSS calls
    valid without correction.
    """
    with rdBase.BlockLogs():
        failed = Chem.SanitizeMol(
            Chem.Mol(mol), Chem.SanitizeFlags.SANITIZE_PROPERTIES, catchErrors=True
        )
    return not failed


@dataclass(frozen=True)
class Validity:
    """For each graph of a batch, bool ``(B,)`` arrays; "valid" without more words is ``strict``.

    Args:
        strict: passes the full sanitisation as it is.
        relaxed: has allowed valences, once N and O that have one bond too many are charged.
        connected: is in one piece.
    """

    strict: np.ndarray
    relaxed: np.ndarray
    connected: np.ndarray


def validity(graphs: GraphBatch, vocabulary: Vocabulary) -> Validity:
    """The three definitions, graph by graph.

    Raises:
        InputError: for kinds of atoms that the vocabulary does not have.
    """
    pairs = list(zip(graphs.atoms.numpy(), graphs.bonds.numpy(), strict=True))
    strict = [strictly_valid(build(a, b, vocabulary)) for a, b in pairs]
    relaxed = [relaxed_valid(build(a, b, vocabulary, cations=True)) for a, b in pairs]
    return Validity(np.asarray(strict, bool), np.asarray(relaxed, bool), graphs.connected().numpy())
