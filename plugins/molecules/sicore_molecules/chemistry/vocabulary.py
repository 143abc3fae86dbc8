"""Which atoms a set of molecules is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rdkit import Chem

from sicore.errors import InputError

SYMBOL = re.compile(r"([A-Z][a-z]?)(?:([+-])([1-9]?))?")


@dataclass(frozen=True)
class Vocabulary:
    """Symbols of elements, some with a formal charge: ``C``, ``N``, ``N+``, ``O-``, ``Fe+2``.

    The atom of ``symbols[k − 1]`` is a node of kind k.

    Args:
        symbols: each once.

    Raises:
        InputError: when there is none, one is no symbol, or one is there twice.
    """

    symbols: tuple[str, ...]
    atoms: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)
    """Atomic number and formal charge of each symbol."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", tuple(self.symbols))
        if not self.symbols or len(set(self.symbols)) < len(self.symbols):
            raise InputError(
                f"vocabulary: expected symbols of atoms, each once; got {list(self.symbols)}"
            )
        object.__setattr__(self, "atoms", tuple(parse_symbol(s) for s in self.symbols))

    def __len__(self) -> int:
        """How many symbols there are."""
        return len(self.symbols)

    def kind(self, number: int, charge: int = 0) -> int:
        """The kind of a node, 1 to ``len(self)``, or 0 for an atom that is not among them."""
        atom = (number, charge)
        return self.atoms.index(atom) + 1 if atom in self.atoms else 0


def parse_symbol(symbol: str) -> tuple[int, int]:
    """Atomic number and formal charge.

    Raises:
        InputError: for what is no symbol of an element.
    """
    match = SYMBOL.fullmatch(symbol)
    table = Chem.GetPeriodicTable()
    if match is None or match[1] not in ELEMENTS:
        raise InputError(f"vocabulary: '{symbol}' is no symbol of an atom, such as C, N+ or Fe+2")
    size = int(match[3] or 1) if match[2] else 0
    return table.GetAtomicNumber(match[1]), -size if match[2] == "-" else size


def symbol_of(number: int, charge: int = 0) -> str:
    """The symbol of an atom, such as ``N+``."""
    element = Chem.GetPeriodicTable().GetElementSymbol(number)
    if charge == 0:
        return str(element)
    size = str(abs(charge)) if abs(charge) > 1 else ""
    return f"{element}{'+' if charge > 0 else '-'}{size}"


def vocabulary_of(atoms: Iterable[tuple[int, int]]) -> Vocabulary:
    """The vocabulary of atoms that were found, by atomic number, the neutral one first."""
    ordered: Sequence[tuple[int, int]] = sorted(set(atoms), key=lambda a: (a[0], abs(a[1]), a[1]))
    return Vocabulary(tuple(symbol_of(*atom) for atom in ordered))


ELEMENTS = frozenset(Chem.GetPeriodicTable().GetElementSymbol(z) for z in range(1, 119))

QM9_VOCABULARY = Vocabulary(("C", "N", "O", "F"))
ZINC_VOCABULARY = Vocabulary(("C", "N", "O", "F", "P", "S", "Cl", "Br", "I"))
MOSES_VOCABULARY = Vocabulary(("C", "N", "O", "F", "S", "Cl", "Br"))
