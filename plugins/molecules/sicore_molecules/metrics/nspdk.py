"""NSPDK MMD: do two sets of graphs have the same pairs of neighbourhoods?"""

from __future__ import annotations

import numpy as np

from sicore.errors import InputError
from sicore_molecules.graphs import GraphBatch

COMPLEXITY = 4  # of GDSS's figures: the largest radius, and the largest distance
Features = tuple[np.ndarray, np.ndarray]  # hashes (K,) uint64, ascending; values (K,) float64


def nspdk_mmd(a: GraphBatch, b: GraphBatch, complexity: int = COMPLEXITY) -> float:
    """Squared maximum mean discrepancy of two sets of graphs under `nspdk_kernel`.

    The kernel is a dot product of features φ, so it is ``‖mean φ(a) − mean φ(b)‖²``. This is the
    biased estimate, that of the papers: for n and m graphs of one law its mean is not 0 but
    ``(1/n + 1/m)(1 − E k)``, E k the mean kernel of two graphs. Compare at the same n and m.

    Args:
        a: n graphs, as they are: no validity is needed.
        b: m graphs.
        complexity: the largest radius r and the largest distance d.

    Raises:
        InputError: when a set is empty.

    Source: Gretton et al. 2012; Costa and De Grave 2010; GraphGen and GDSS with graphs. Their
    program (EDeN) draws the neighbourhoods in another way: figures are alike, not equal.
    """
    keys, values = zip(_mean(a, complexity), _negative(_mean(b, complexity)), strict=True)
    return float(np.square(_collected(np.concatenate(keys), np.concatenate(values))[1]).sum())


def nspdk_kernel(a: GraphBatch, b: GraphBatch, complexity: int = COMPLEXITY) -> np.ndarray:
    """Similarities ``(n, m)``, each in [0, 1]; 1 for equal graphs.

    ``k(G, G') ∝ Σ_r Σ_d κ_rd(G, G')``, where κ_rd counts the pairs of nodes at distance d whose
    neighbourhoods of radius r are the same in both, is normalised, and k is normalised again.
    A graph without nodes is like none.
    """
    rows, columns = _features(a, complexity), _features(b, complexity)
    return np.array([[_dot(x, y) for y in columns] for x in rows])


def graph_features(atoms: np.ndarray, bonds: np.ndarray, complexity: int = COMPLEXITY) -> Features:
    """φ of one graph: hashes of its pairs of neighbourhoods, and their normalised numbers.

    Args:
        atoms: kinds ``(N,)``, 0 where there is no node.
        bonds: kinds of edges ``(N, N)``.
        complexity: the largest radius and distance.
    """
    present = np.flatnonzero(atoms)
    kinds, orders = atoms[present], bonds[np.ix_(present, present)]
    steps = _distances(orders > 0, complexity)
    keys, values, blocks = [np.zeros(0, np.uint64)], [np.zeros(0)], 0
    for radius in range(complexity + 1):
        codes = _neighbourhoods(kinds, orders, steps, radius)
        for distance in range(complexity + 1):
            u, v = np.nonzero(np.triu(steps == distance))
            if len(u):
                block = _mixed(np.array([radius * (complexity + 1) + distance]))
                found, numbers = np.unique(_mixed(codes[u] + codes[v] + block), return_counts=True)
                keys.append(found)
                values.append(numbers / np.linalg.norm(numbers))
                blocks += 1
    return _collected(np.concatenate(keys), np.concatenate(values) / max(blocks, 1) ** 0.5)


def _neighbourhoods(
    kinds: np.ndarray, orders: np.ndarray, steps: np.ndarray, radius: int
) -> np.ndarray:
    """A hash ``(n,)`` of each node's neighbourhood, which knows its root.

    Nodes start with their kind and their distance from the root, and hear ``radius`` times what
    their neighbours inside are (Weisfeiler–Lehman); sums make the order of nodes irrelevant.
    """
    inside = steps <= radius
    colours = _mixed(_mixed(kinds) + _mixed(steps + 1)) * inside
    head, tail = np.nonzero(orders)
    nodes, starts = np.unique(head, return_index=True)
    kind_of_edge, both = _mixed(orders[head, tail]), inside[:, head] & inside[:, tail]
    for _ in range(radius):
        heard = np.zeros_like(colours)
        said = _mixed(colours[:, tail] + kind_of_edge) * both
        heard[:, nodes] = np.add.reduceat(said, starts, axis=1) if len(starts) else 0
        colours = _mixed(_mixed(colours) + heard) * inside
    return _mixed(colours.sum(1))


def _distances(edges: np.ndarray, most: int) -> np.ndarray:
    """Steps between nodes ``(n, n)``; ``most + 1`` stands for all that are further."""
    reached = np.eye(len(edges), dtype=bool)
    steps = np.where(reached, 0, most + 1)
    for step in range(1, most + 1):
        further = (edges.astype(np.float32) @ reached > 0) | reached
        steps[further & ~reached] = step
        reached = further
    return steps


def _mixed(x: np.ndarray) -> np.ndarray:
    """A hash of whole numbers, element by element: SplitMix64's (Steele et al. 2014)."""
    z = x.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _features(graphs: GraphBatch, complexity: int) -> list[Features]:
    if not len(graphs):
        raise InputError("NSPDK: expected at least one graph in each set, got none")
    pairs = zip(graphs.atoms.numpy(), graphs.bonds.numpy(), strict=True)
    return [graph_features(atoms, bonds, complexity) for atoms, bonds in pairs]


def _mean(graphs: GraphBatch, complexity: int) -> Features:
    keys, values = zip(*_features(graphs, complexity), strict=True)
    found, sums = _collected(np.concatenate(keys), np.concatenate(values))
    return found, sums / len(graphs)


def _negative(features: Features) -> Features:
    return features[0], -features[1]


def _collected(keys: np.ndarray, values: np.ndarray) -> Features:
    """Values of equal hashes added up."""
    found, place = np.unique(keys, return_inverse=True)
    return found, np.bincount(place, values, len(found))


def _dot(x: Features, y: Features) -> float:
    _, i, j = np.intersect1d(x[0], y[0], assume_unique=True, return_indices=True)
    return float(x[1][i] @ y[1][j])
