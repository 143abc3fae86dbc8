"""Molecules around a scaffold: which part of a state is known, and which atoms may grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from rdkit import Chem
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise, State
from sicore_molecules.chemistry.decode import build, canonical, sanitised
from sicore_molecules.chemistry.encode import Unfit, checked, encode
from sicore_molecules.chemistry.vocabulary import symbol_of
from sicore_molecules.domain import EDGES, NODES
from sicore_molecules.molecules import Molecules

MOST_FORMS = 256
_ATTACHMENT = "_attachment"


@dataclass(frozen=True, eq=False)
class Scaffold:
    """A part that molecules are made around; its atoms are the first nodes of a state.

    Args:
        mol: sanitised, its attachment points replaced by hydrogens.
        atoms: kinds of its k atoms, uint8 ``(k,)``.
        bonds: orders of the bonds between them, uint8 ``(k, k)``; rings are kekulised.
        free: which atoms may get bonds to the rest, bool ``(k,)``.
    """

    mol: Chem.Mol
    atoms: Tensor
    bonds: Tensor
    free: Tensor

    def __len__(self) -> int:
        """How many atoms it has, k."""
        return len(self.atoms)

    @property
    def smiles(self) -> str:
        """Canonical, without attachment points."""
        return canonical(self.mol)

    def known(self, domain: Molecules) -> tuple[State, State]:
        """The known part x1 of a state and which entries it is, ``(1, ...)`` each.

        Known are the kinds of the k atoms, all pairs among them, bonds and non-bonds, and that
        the atoms that are not free have no bond to any node after them. The other pairs between
        scaffold and rest, and the rest, are not.

        Returns:
            x1, float32 one-hot of the domain's structure with zeros where nothing is known, and a
            mask, bool of the same structure with a last axis of 1. Both hold for room for N nodes:
            where a sample has fewer, the mask is to be cut to the nodes that it has.
        """
        n, k = domain.room, len(self)
        inner = torch.zeros(n, n, dtype=torch.bool)
        inner[:k, :k] = ~torch.eye(k, dtype=torch.bool)
        closed = torch.zeros(n, n, dtype=torch.bool)
        closed[:k, k:] = ~self.free.unsqueeze(1)
        pairs = inner | closed | closed.T
        orders, kinds = torch.zeros(n, n, dtype=torch.int64), torch.zeros(n, dtype=torch.int64)
        orders[:k, :k], kinds[:k] = self.bonds.long(), self.atoms.long()
        symbols, bonds = domain.kinds
        x1 = {
            NODES: F.one_hot(kinds, symbols + 1)[:, 1:].float(),
            EDGES: F.one_hot(orders, bonds).float() * pairs.unsqueeze(-1),
        }
        mask = {NODES: (kinds > 0).unsqueeze(-1), EDGES: pairs.unsqueeze(-1)}
        return _batched(x1), _batched(mask)

    def within(self, mol: Chem.Mol) -> bool:
        """Whether a sanitised molecule has it as a substructure.

        Aromatic bonds match aromatic ones. What the rest has made aromatic (a ring closed around a
        diene, a pyridone), or no longer drawn in the same way, is found among the molecule's Kekulé
        forms, of which `MOST_FORMS` are looked at.
        """
        if mol.HasSubstructMatch(self.mol):
            return True
        wanted = _kekulised(self.mol)
        return any(form.HasSubstructMatch(wanted) for form in _forms(mol))


def scaffold_of(mol: Chem.Mol, domain: Molecules) -> Scaffold:
    """The scaffold that a molecule is.

    Atoms ``*`` at the ends of single bonds are attachment points: only the atoms that they hang on
    may get bonds to the rest. Without them every atom with a hydrogen may.

    Args:
        mol: sanitised, without hydrogens, as `parse_smiles` gives it.
        domain: of the model that makes the rest.

    Raises:
        Unfit: when the domain has no such molecule, or none that is larger.
        InputError: when it cannot grow at any atom.
    """
    core, attached = _without_points(mol)
    k = core.GetNumAtoms()
    if k >= domain.room:
        raise Unfit(
            "size",
            f"{k} atoms without hydrogens; expected at most {domain.room - 1}, since this model "
            f"makes molecules of up to {domain.room}",
        )
    _check_charges(core, domain)
    atoms, bonds = encode(core, domain.vocabulary)
    hydrogens = torch.tensor([atom.GetTotalNumHs() > 0 for atom in core.GetAtoms()])
    marked = torch.tensor([atom.HasProp(_ATTACHMENT) == 1 for atom in core.GetAtoms()])
    free = marked & hydrogens if attached else hydrogens
    if not bool(free.any()):
        raise Unfit("closed", "no atom has a hydrogen whose place the rest could take")
    plain = sanitised(build(atoms, bonds, domain.vocabulary))  # no isotopes, no stereochemistry
    assert plain is not None  # it was a molecule, and its charges are those of its symbols
    return Scaffold(plain, torch.from_numpy(atoms), torch.from_numpy(bonds), free)


def sizes_above(domain: Molecules, k: int, noise: Noise) -> Tensor:
    """Numbers of atoms, int64 ``(B,)``: as the data have them, given that they are above k.

    Args:
        domain: has the law.
        k: atoms of the scaffold.
        noise: the streams of the samples.

    Raises:
        InputError: when no molecule of the data is that large.
    """
    law = domain.counts.clone()
    law[: k + 1] = 0
    if not law.sum() > 0:
        raise InputError(
            f"the scaffold has {k} atoms, and no molecule of the training data has more: give the "
            f"number of atoms, {k + 1} to {domain.room}, with --size"
        )
    shares = (law / law.sum()).cumsum(0)
    uniform = noise.named("size").uniform().cpu()
    return torch.searchsorted(shares, uniform.clamp(max=float(shares[-1])))


def _without_points(mol: Chem.Mol) -> tuple[Chem.Mol, bool]:
    """Hydrogens in the place of attachment points, then without them; whether there were any."""
    points = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]
    if not points:
        return Chem.Mol(mol), False
    changed = Chem.RWMol(mol)
    for point in points:
        atom = changed.GetAtomWithIdx(point.GetIdx())
        bonds = atom.GetBonds()
        if len(bonds) != 1 or bonds[0].GetBondType() != Chem.BondType.SINGLE:
            raise Unfit("bond", "an attachment point [*] has to be at the end of one single bond")
        bonds[0].GetOtherAtom(atom).SetBoolProp(_ATTACHMENT, True)
        changed.ReplaceAtom(point.GetIdx(), Chem.Atom(1))
    return checked(changed), True


def _check_charges(core: Chem.Mol, domain: Molecules) -> None:
    """Charges have to be those of symbols: a generated molecule has no others."""
    for atom in core.GetAtoms():
        number, charge = atom.GetAtomicNum(), atom.GetFormalCharge()
        if charge and not domain.vocabulary.kind(number, charge):
            known = ", ".join(domain.vocabulary.symbols)
            raise Unfit(
                "charge", f"{symbol_of(number, charge)} is charged; this model's atoms are {known}"
            )


def _kekulised(mol: Chem.Mol) -> Chem.Mol:
    copy = Chem.Mol(mol)
    Chem.Kekulize(copy, clearAromaticFlags=True)
    return copy


def _forms(mol: Chem.Mol) -> Iterator[Chem.Mol]:
    """Its Kekulé forms, the first ones."""
    yield _kekulised(mol)
    if any(atom.GetIsAromatic() for atom in mol.GetAtoms()):
        forms = Chem.ResonanceMolSupplier(mol, Chem.ResonanceFlags.KEKULE_ALL, MOST_FORMS)
        yield from (form for form in forms if form is not None)


def _batched(x: dict[str, Tensor]) -> State:
    return {name: leaf.unsqueeze(0) for name, leaf in x.items()}
