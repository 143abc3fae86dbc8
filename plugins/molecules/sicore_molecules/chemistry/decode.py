"""Graphs to molecules: as they are, or with bonds taken away until every valence is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from rdkit import Chem, rdBase

from sicore.errors import InputError
from sicore_molecules.chemistry.encode import BONDS, CATIONS, Unfit, encode, largest_fragment
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.graphs import GraphBatch


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


def corrected(mol: Chem.Mol, held: int = 0) -> Chem.Mol | None:
    """Valency correction: bonds of atoms with too many are lowered, then one fragment is kept.

    While an atom has more bonds than its valence allows, the highest of its bonds loses one order.
    Then the fragment with the most atoms is kept. None when even that is no molecule, which is
    possible where aromaticity cannot be assigned, or for an empty graph.

    Args:
        mol: not sanitised, as `build` gives it.
        held: so many of the first atoms are a scaffold, itself a molecule: the bonds among them
            stay, and the fragment that is kept is theirs.

    Source: MoFlow (Zang and Wang, 2020) and GDSS (Jo, Lee and Hwang, 2022). They keep the fragment
    with the longest SMILES.
    """
    lowered = Chem.RWMol(mol)
    with rdBase.BlockLogs():
        while (index := _overfull(lowered)) is not None:
            _lower(lowered, index, held)
    if lowered.GetNumAtoms() == 0:
        return None
    whole = lowered.GetMol()
    return sanitised(_first_fragment(whole) if held else largest_fragment(whole))


def _first_fragment(mol: Chem.Mol) -> Chem.Mol:
    return Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False)[0]


def corrected_graphs(
    graphs: GraphBatch, vocabulary: Vocabulary, held: Sequence[int] = ()
) -> GraphBatch:
    """The graphs with what `corrected` makes of those that are no molecules.

    A graph that even then is none, or none that the vocabulary can tell, stays as it is. Corrected
    ones may have lost atoms; the atoms that are left keep their order.

    Args:
        graphs: as they came.
        vocabulary: of their atoms.
        held: atoms of the scaffold of each graph, its first ones.
    """
    atoms, bonds = graphs.atoms.clone(), graphs.bonds.clone()
    for number in range(len(graphs)):
        built = build(atoms[number], bonds[number], vocabulary)
        if built.GetNumAtoms() == 0 or sanitised(built) is not None:
            continue
        mol = corrected(built, held[number] if held else 0)
        try:
            kinds, orders = encode(mol or Chem.Mol(), vocabulary)
        except Unfit:
            continue
        n = len(kinds)
        atoms[number], bonds[number] = 0, 0
        atoms[number, :n] = torch.from_numpy(kinds)
        bonds[number, :n, :n] = torch.from_numpy(orders)
    return GraphBatch(atoms, bonds)


def _overfull(mol: Chem.Mol) -> int | None:
    """The first atom whose valence is not allowed."""
    for atom in mol.GetAtoms():
        atom.UpdatePropertyCache(strict=False)
    problems = Chem.DetectChemistryProblems(mol, Chem.SanitizeFlags.SANITIZE_PROPERTIES)
    return int(problems[0].GetAtomIdx()) if problems else None


def _lower(mol: Chem.RWMol, index: int, held: int) -> None:
    atom = mol.GetAtomWithIdx(index)
    bonds = [b for b in atom.GetBonds() if max(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) >= held]
    bond = max(bonds, key=lambda b: b.GetBondTypeAsDouble(), default=None)
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
