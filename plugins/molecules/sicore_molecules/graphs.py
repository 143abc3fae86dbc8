"""Batches of graphs: a kind for each node, and a kind for each pair of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sicore.errors import InputError


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """Graphs of at most N nodes, padded with nodes that are absent.

    In a molecule the kind of a node is 1 + the number of its symbol in a vocabulary, and the kind
    of a pair is the order of its bond: 1, 2 or 3; hydrogens are left out. In other graphs both
    kinds are 0 or 1.

    Args:
        atoms: ``(B, N)`` uint8, 0 where there is no node.
        bonds: ``(B, N, N)`` uint8, 0 where there is no edge; symmetric, with a zero diagonal.

    Raises:
        InputError: when the shapes or types are others; `check` looks at the values too.
    """

    atoms: Tensor
    bonds: Tensor

    def __post_init__(self) -> None:
        atoms, bonds = torch.as_tensor(self.atoms), torch.as_tensor(self.bonds)
        object.__setattr__(self, "atoms", atoms)
        object.__setattr__(self, "bonds", bonds)
        square = atoms.ndim == 2 and bonds.shape == (*atoms.shape, atoms.shape[-1])
        if not square or atoms.dtype != torch.uint8 or bonds.dtype != torch.uint8:
            raise InputError(
                "graphs: expected atoms (B, N) and bonds (B, N, N), both uint8; got "
                f"{tuple(atoms.shape)} {atoms.dtype} and {tuple(bonds.shape)} {bonds.dtype}"
            )

    def __len__(self) -> int:
        """How many graphs there are."""
        return len(self.atoms)

    def __getitem__(self, index: Any) -> GraphBatch:
        """Some of the graphs, by slice or by a tensor of numbers."""
        return GraphBatch(self.atoms[index], self.bonds[index])

    def __eq__(self, other: object) -> bool:
        """Whether all graphs are the same, node by node."""
        return (
            isinstance(other, GraphBatch)
            and torch.equal(self.atoms, other.atoms)
            and torch.equal(self.bonds, other.bonds)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def mask(self) -> Tensor:
        """Which nodes are there, bool ``(B, N)``."""
        return self.atoms > 0

    @property
    def sizes(self) -> Tensor:
        """How many nodes each graph has, int64 ``(B,)``."""
        return self.mask.sum(1)

    def check(self) -> None:
        """Check the values.

        Raises:
            InputError: when edges are not symmetric, join a node with itself, or end at no node.
        """
        pairs = self.mask.unsqueeze(1) & self.mask.unsqueeze(2)
        wrong = {
            "are not symmetric": (self.bonds != self.bonds.mT).any((1, 2)),
            "join a node with itself": self.bonds.diagonal(dim1=1, dim2=2).any(1),
            "end where there is no node": (self.bonds.bool() & ~pairs).any((1, 2)),
        }
        for what, where in wrong.items():
            if where.any():
                raise InputError(f"graph number {int(where.int().argmax())}: edges {what}")

    def permuted(self, order: Tensor) -> GraphBatch:
        """The same graphs with their nodes in another order.

        Args:
            order: int64 ``(N,)`` or ``(B, N)``: which node comes at each place.
        """
        order = order.expand(self.atoms.shape)
        rows = torch.arange(len(self)).unsqueeze(1)
        bonds = self.bonds[rows.unsqueeze(2), order.unsqueeze(2), order.unsqueeze(1)]
        return GraphBatch(self.atoms[rows, order], bonds)

    def connected(self) -> Tensor:
        """Whether every node can be reached from every other one, bool ``(B,)``.

        A graph without nodes is not connected.
        """
        n = self.atoms.shape[1]
        steps = (self.bonds > 0) | torch.eye(n, dtype=torch.bool)
        reach = steps.float()
        for _ in range(max(1, (n - 1).bit_length())):
            reach = (reach @ reach > 0).float()
        pairs = self.mask.unsqueeze(1) & self.mask.unsqueeze(2)
        return ((reach > 0) | ~pairs).all(2).all(1) & (self.sizes > 0)

    def resized(self, n: int) -> GraphBatch:
        """The same graphs with room for n nodes.

        Raises:
            InputError: when a node would be cut off.
        """
        room = self.atoms.shape[1]
        if n < room and self.atoms[:, n:].any():
            raise InputError(f"graphs: {int(self.sizes.max())} nodes do not fit into {n}")
        atoms = self.atoms.new_zeros(len(self), n)
        bonds = self.bonds.new_zeros(len(self), n, n)
        kept = min(n, room)
        atoms[:, :kept] = self.atoms[:, :kept]
        bonds[:, :kept, :kept] = self.bonds[:, :kept, :kept]
        return GraphBatch(atoms, bonds)


def joined(parts: Sequence[GraphBatch]) -> GraphBatch:
    """All graphs of several batches, with room for the largest."""
    n = max(part.atoms.shape[1] for part in parts)
    resized = [part.resized(n) for part in parts]
    return GraphBatch(
        torch.cat([part.atoms for part in resized]), torch.cat([part.bonds for part in resized])
    )
