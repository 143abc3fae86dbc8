"""Molecules to graphs: kekulised, without hydrogens, without stereochemistry."""

from __future__ import annotations

from typing import Literal

import numpy as np
from rdkit import Chem, rdBase

from sicore.errors import InputError
from sicore_molecules.chemistry.vocabulary import Vocabulary, symbol_of

Charges = Literal["exact", "drop"]
BONDS = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
"""The bond of order k is ``BONDS[k − 1]``."""
CATIONS = {7: 4, 8: 3}
"""Elements that carry one positive charge when they have this valence: ammonium, oxonium."""


class Unfit(InputError):
    """A molecule that has no graph of the wanted form.

    Args:
        kind: why, in one word: ``unparsable``, ``empty``, ``disconnected``, ``size``, ``element``,
            ``charge``, ``radical``, ``hydrogens`` or ``bond``.
        message: why, in a sentence.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


def parse_smiles(smiles: str) -> Chem.Mol:
    """A molecule of a SMILES.

    Raises:
        Unfit: when it is none, with what RDKit says.
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles, sanitize=False)
    if mol is None:
        raise Unfit("unparsable", f"'{smiles}' is no SMILES")
    return checked(mol)


def checked(mol: Chem.Mol) -> Chem.Mol:
    """A molecule that was read without checks, sanitised and without hydrogens.

    Raises:
        Unfit: when it cannot be sanitised, with RDKit's reason.
    """
    with rdBase.BlockLogs():
        problems = Chem.DetectChemistryProblems(mol)
        if problems:
            raise Unfit("unparsable", problems[0].Message())
        Chem.SanitizeMol(mol)
        return Chem.RemoveHs(mol)


def largest_fragment(mol: Chem.Mol) -> Chem.Mol:
    """The fragment with the most atoms, the first of them; the molecule itself if it is one."""
    parts = Chem.GetMolFrags(mol, asMols=True, sanitizeFrags=False)
    return max(parts, key=lambda part: part.GetNumAtoms()) if len(parts) > 1 else mol


def atoms_of(mol: Chem.Mol) -> list[tuple[int, int]]:
    """Atomic number and formal charge of each atom, as a vocabulary has to have them.

    The charge of an atom that `CATIONS` tells is left out: it is known from the bonds.
    """
    mol = Chem.Mol(mol)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    return [(a.GetAtomicNum(), 0 if _is_cation(a) else a.GetFormalCharge()) for a in mol.GetAtoms()]


def encode(
    mol: Chem.Mol,
    vocabulary: Vocabulary,
    size: int | None = None,
    charges: Charges = "exact",
) -> tuple[np.ndarray, np.ndarray]:
    """The graph of a molecule: atoms ``(n,)`` and orders of bonds ``(n, n)``, both uint8.

    Aromatic rings get alternating single and double bonds. Hydrogens, stereochemistry and isotopes
    are left out. With ``charges="exact"`` the graph, decoded with ``cations=True``, is the same
    molecule again; a charge that neither a symbol of the vocabulary nor the valence tells is
    refused. ``"drop"`` leaves such charges out, as the papers' data do: −O⁻ becomes −OH (GDSS,
    DiGress).

    Args:
        mol: sanitised, hydrogens removed, as `parse_smiles` gives it.
        vocabulary: of the atoms.
        size: the most atoms that are allowed.
        charges: what to do with other charges.

    Raises:
        Unfit: when it has no such graph.
    """
    n = mol.GetNumAtoms()
    if n == 0:
        raise Unfit("empty", "there is no atom")
    if size is not None and n > size:
        raise Unfit("size", f"{n} atoms without hydrogens, at most {size} are allowed")
    if len(Chem.GetMolFrags(mol)) > 1:
        raise Unfit("disconnected", f"{len(Chem.GetMolFrags(mol))} fragments, expected one")
    kekulised = Chem.Mol(mol)
    Chem.Kekulize(kekulised, clearAromaticFlags=True)
    kinds = [_kind(atom, vocabulary, charges) for atom in kekulised.GetAtoms()]
    other = {str(b.GetBondType()) for b in kekulised.GetBonds() if b.GetBondType() not in BONDS}
    if other:
        raise Unfit("bond", f"a bond is {other.pop()}, expected single, double or triple ones")
    if charges == "exact":
        _check_hydrogens(kekulised)
    orders = Chem.GetAdjacencyMatrix(kekulised, useBO=True)
    return np.asarray(kinds, np.uint8), orders.astype(np.uint8)


def _check_hydrogens(kekulised: Chem.Mol) -> None:
    """Whether the bonds tell how many hydrogens each atom has, where brackets said it."""
    if not any(atom.GetNoImplicit() for atom in kekulised.GetAtoms()):
        return
    filled = Chem.RWMol(kekulised)
    for atom in filled.GetAtoms():
        atom.SetNoImplicit(False)
        atom.SetNumExplicitHs(0)
        atom.UpdatePropertyCache(strict=False)
    for atom, other in zip(kekulised.GetAtoms(), filled.GetAtoms(), strict=True):
        if atom.GetTotalNumHs() != other.GetTotalNumHs():
            raise Unfit(
                "hydrogens",
                f"{atom.GetSymbol()} has {atom.GetTotalNumHs()} hydrogens, its bonds leave room "
                f"for {other.GetTotalNumHs()}",
            )


def _kind(atom: Chem.Atom, vocabulary: Vocabulary, charges: Charges) -> int:
    number, charge = atom.GetAtomicNum(), atom.GetFormalCharge()
    if atom.GetNumRadicalElectrons():
        raise Unfit("radical", f"{symbol_of(number, charge)} has unpaired electrons")
    kind = vocabulary.kind(number, charge)
    told = _is_cation(atom) or charges == "drop"
    kind = kind or (vocabulary.kind(number) if told else 0)
    if kind:
        return kind
    symbol, known = symbol_of(number, charge), ", ".join(vocabulary.symbols)
    if charge and vocabulary.kind(number):
        raise Unfit(
            "charge",
            f"{symbol} is not among {known}: add it to the vocabulary, or drop charges",
        )
    raise Unfit("element", f"{symbol} is not among {known}")


def _is_cation(atom: Chem.Atom) -> bool:
    bonds = sum(int(bond.GetValenceContrib(atom)) for bond in atom.GetBonds())
    return bool(
        atom.GetFormalCharge() == 1
        and atom.GetTotalNumHs() == 0
        and CATIONS.get(atom.GetAtomicNum()) == bonds
    )
