"""Generators that know next to nothing: what a model's figures must be better than."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore_molecules.graphs import GraphBatch


def erdos_renyi(graphs: GraphBatch, n: int, seed: int = 0) -> GraphBatch:
    """Random graphs with the sizes and densities of given ones: all nodes and edges of kind 1.

    Each takes its number of nodes, and the share of pairs that are joined, from a graph that is
    drawn among the given ones; its pairs are then joined independently, with that probability.

    Args:
        graphs: to take after.
        n: how many.
        seed: of the draws.

    Source: Erdős and Rényi 1959; Gilbert 1959.
    """
    generator = torch.Generator().manual_seed(seed)
    like = graphs[torch.randint(len(graphs), (n,), generator=generator)]
    mask = _packed(like)
    pairs = like.sizes * (like.sizes - 1)
    density = (like.bonds > 0).sum((1, 2)) / pairs.clamp_min(1)
    draws = torch.rand(like.bonds.shape, generator=generator)
    return GraphBatch(mask.byte(), _symmetric((draws < density[:, None, None]).byte(), mask))


def independent_bonds(graphs: GraphBatch, n: int, seed: int = 0) -> GraphBatch:
    """Graphs whose nodes and pairs are drawn independently of each other.

    Sizes, kinds of nodes and kinds of pairs (no edge among them) have the laws that they have in
    the given graphs; nothing else is known, not even which kinds are joined.

    Args:
        graphs: to take after.
        n: how many.
        seed: of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    mask = _packed(graphs[torch.randint(len(graphs), (n,), generator=generator)])
    given = graphs.mask
    pairs = (given.unsqueeze(1) & given.unsqueeze(2)).triu(1)
    atoms = _drawn(graphs.atoms[given], mask.shape, generator) * mask
    bonds = _drawn(graphs.bonds[pairs], (*mask.shape, mask.shape[1]), generator)
    return GraphBatch(atoms, _symmetric(bonds, mask))


def _packed(graphs: GraphBatch) -> Tensor:
    """Masks with as many nodes, from the first place on."""
    return torch.arange(graphs.atoms.shape[1]) < graphs.sizes.unsqueeze(1)


def _drawn(values: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Some of the values, with replacement."""
    if not len(values):  # no pair anywhere: graphs of one node
        return torch.zeros(shape, dtype=torch.uint8)
    return values[torch.randint(len(values), shape, generator=generator)]


def _symmetric(bonds: Tensor, mask: Tensor) -> Tensor:
    """The upper triangle, on both sides, between nodes that are there."""
    upper = (bonds * (mask.unsqueeze(1) & mask.unsqueeze(2))).triu(1)
    return upper + upper.mT
