"""Graphs to molecules: as they are, or with bonds taken away until every valence is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from sicore.errors import InputError
from sicore_molecules.chemistry.encode import BONDS, CATIONS, largest_fragment
from sicore_molecules.chemistry.vocabulary import Vocabulary


def build(atoms: Any, bonds: Any, vocabulary: Vocabulary, *, cations: bool = False) -> Chem.RWMol:
    """A molecule with the atoms and bonds of a graph, whatever their valences; not sanitised.

    Args:
        atoms: ``(N,)`` kinds; nodes of kind 0 are left out.
        bonds: ``(N, N)`` orders; those between nodes that are left out do not count.
        vocabulary: of the atoms.
        cations: give a positive charge to a nitrogen with four bonds and an oxygen with three, as
            GDSS and DiGress do.

    Raises:
        InputError: for a kind that the vocabulary does not have, or an order above 3.
    """
    kinds, orders = np.asarray(atoms), np.asarray(bonds)
    present = np.flatnonzero(kinds)
    if kinds.max(initial=0) > len(vocabulary) or orders.max(initial=0) > len(BONDS):
        raise InputError(
            f"graph: expected atoms of kinds 0 to {len(vocabulary)} and bonds of orders 0 to 3, "
            f"got {kinds.max(initial=0)} and {orders.max(initial=0)}"
        )
    mol = Chem.RWMol()
    for kind in kinds[present]:
        number, charge = vocabulary.atoms[kind - 1]
        atom = Chem.Atom(number)
        atom.SetFormalCharge(charge)
        mol.AddAtom(atom)
    among = orders[np.ix_(present, present)]
    for i, j in zip(*np.nonzero(np.triu(among, 1)), strict=True):
        mol.AddBond(int(i), int(j), BONDS[among[i, j] - 1])
    if cations:
        _charge(mol)
    return mol


def _charge(mol: Chem.RWMol) -> None:
    for atom in mol.GetAtoms():
        wanted = CATIONS.get(atom.GetAtomicNum())
        if wanted and not atom.GetFormalCharge():
            valence = sum(int(bond.GetValenceContrib(atom)) for bond in atom.GetBonds())
            atom.SetFormalCharge(int(valence == wanted))


def sanitised(mol: Chem.Mol) -> Chem.Mol | None:
    """The molecule with aromaticity, or None when RDKit finds that it is none."""
    copy = Chem.Mol(mol)
    with rdBase.BlockLogs():
        failed = Chem.SanitizeMol(copy, catchErrors=True)
    return None if failed else copy


def corrected(mol: Chem.Mol) -> Chem.Mol | None:
    """Valency correction: bonds of atoms with too many are lowered, then one fragment is kept.

    While an atom has more bonds than its valence allows, the highest of its bonds loses one order.
    Then the fragment with the most atoms is kept. None when even that is no molecule, which is
    possible where aromaticity cannot be assigned, or for an empty graph.

    Source: MoFlow (Zang and Wang, 2020) and GDSS (Jo, Lee and Hwang, 2022). They keep the fragment
    with the longest SMILES.
    """
    lowered = Chem.RWMol(mol)
    with rdBase.BlockLogs():
        while (index := _overfull(lowered)) is not None:
            _lower(lowered, index)
    if lowered.GetNumAtoms() == 0:
        return None
    return sanitised(largest_fragment(lowered.GetMol()))


def _overfull(mol: Chem.Mol) -> int | None:
    """The first atom whose valence is not allowed."""
    for atom in mol.GetAtoms():
        atom.UpdatePropertyCache(strict=False)
    problems = Chem.DetectChemistryProblems(mol, Chem.SanitizeFlags.SANITIZE_PROPERTIES)
    return int(problems[0].GetAtomIdx()) if problems else None


def _lower(mol: Chem.RWMol, index: int) -> None:
    atom = mol.GetAtomWithIdx(index)
    bond = max(atom.GetBonds(), key=lambda b: b.GetBondTypeAsDouble(), default=None)
    if bond is None:  # a charge that the bare atom cannot have
        atom.SetFormalCharge(0)
        return
    order = int(bond.GetBondTypeAsDouble())
    if order > 1:
        bond.SetBondType(BONDS[order - 2])
    else:
        mol.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())


def canonical(mol: Chem.Mol) -> str:
    """The canonical SMILES without stereochemistry, equal for equal molecules."""
    return str(Chem.MolToSmiles(mol, isomericSmiles=False))
