"""NSPDK: tiny graphs counted by hand, and what must not change the kernel."""

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_molecules.graphs import GraphBatch, joined
from sicore_molecules.metrics import nspdk_kernel, nspdk_mmd
from sicore_molecules.metrics.nspdk import graph_features

HALF = 0.5**0.5


def one(kinds, edges, room=0):
    n = max(len(kinds), room)
    atoms, bonds = torch.zeros(1, n, dtype=torch.uint8), torch.zeros(1, n, n, dtype=torch.uint8)
    atoms[0, : len(kinds)] = torch.tensor(kinds, dtype=torch.uint8)
    for i, j, order in edges:
        bonds[0, i, j] = bonds[0, j, i] = order
    return GraphBatch(atoms, bonds)


CC = one([1, 1], [(0, 1, 1)])
CO = one([1, 3], [(0, 1, 1)])
C_C = one([1, 1], [(0, 1, 2)])
PATH = one([1, 1, 1], [(0, 1, 1), (1, 2, 1)])
RING = one([1, 1, 1], [(0, 1, 1), (1, 2, 1), (0, 2, 1)])


def kernel(a, b, complexity):
    return nspdk_kernel(a, b, complexity).item()


def test_by_hand_two_nodes():
    # Four blocks (r, d) in each graph. Of CC and CO only (0, 0) agrees: nodes {C: 2} beside
    # {C: 1, O: 1}, normalised 1/√2; every larger neighbourhood knows the other atom.
    assert kernel(CC, CO, 1) == pytest.approx(HALF / 4)
    # Without and with a double bond: nodes agree, and so do pairs of nodes at distance 1.
    assert kernel(CC, C_C, 1) == pytest.approx(2 / 4)


def test_by_hand_path_and_triangle():
    # r = 0: the path has {(C): 3}, {(C, C) at 1: 2}, {(C, C) at 2: 1}; the triangle {C: 3},
    # {at 1: 3}, none at 2. r ≥ 1: no neighbourhood of the path is a triangle. The path has 9
    # blocks at complexity 2, the triangle 6.
    assert kernel(PATH, RING, 0) == pytest.approx(1)
    assert kernel(PATH, RING, 2) == pytest.approx(2 / np.sqrt(9 * 6))
    # r = 1, d = 0 of the path: the ends are the same, the middle is another: {2, 1}/√5. The
    # graph CC has {end: 2}, whose neighbourhood is that of the path's ends.
    # Blocks at complexity 1: (0,0) 1, (0,1) 1, (1,0) 2/√5, (1,1) 0: (end, middle) or (end, end).
    assert kernel(PATH, CC, 1) == pytest.approx((2 + 2 / np.sqrt(5)) / 4)


def test_a_ring_and_two_smaller_ones_differ_only_by_distance():
    hexagon = one([1] * 6, [(i, (i + 1) % 6, 1) for i in range(6)])
    triangles = one(
        [1] * 6, [(i, j, 1) for a in (0, 3) for i, j in ((a, a + 1), (a + 1, a + 2), (a, a + 2))]
    )
    assert kernel(hexagon, triangles, 0) == pytest.approx(1)
    assert kernel(hexagon, triangles, 1) == pytest.approx(2 / 4)  # r = 0 agrees at d = 0, 1


def test_mmd_of_single_graphs_is_two_minus_twice_the_kernel():
    assert nspdk_mmd(CC, CO, 1) == pytest.approx(2 - 2 * HALF / 4)
    # Two of CC, one of CO: ‖φ(CC) − φ(CO)‖² / 4 from either.
    both = joined([CC, CO])
    assert nspdk_mmd(both, CC, 1) == pytest.approx((2 - HALF / 2) / 4)


def test_mmd_is_the_mean_of_kernels(drugs):
    a, b = drugs[:6], drugs[6:]
    k = nspdk_kernel(drugs, drugs)
    expected = k[:6, :6].mean() + k[6:, 6:].mean() - 2 * k[:6, 6:].mean()
    assert nspdk_mmd(a, b) == pytest.approx(expected)
    assert np.linalg.eigvalsh(k).min() > -1e-9
    assert np.allclose(k.diagonal(), 1)


def test_order_of_nodes_and_graphs_and_padding_do_not_matter(drugs):
    order = torch.stack([torch.randperm(drugs.atoms.shape[1]) for _ in range(len(drugs))])
    shuffled = drugs.permuted(order)
    for number in range(len(drugs)):
        keys, values = zip(
            *(
                graph_features(g.atoms[number].numpy(), g.bonds[number].numpy())
                for g in (drugs, shuffled, drugs.resized(40))
            ),
            strict=True,
        )
        assert np.array_equal(keys[0], keys[1])
        assert np.array_equal(keys[0], keys[2])
        np.testing.assert_allclose(values[1], values[0])
    assert nspdk_mmd(drugs, shuffled[torch.arange(len(drugs)).flip(0)]) == pytest.approx(
        0, abs=1e-12
    )


def test_different_molecules_are_told_apart(drugs):
    k = nspdk_kernel(drugs, drugs)
    assert k[~np.eye(len(drugs), dtype=bool)].max() < 1 - 1e-6


def test_bias_of_two_samples_of_one_law():
    # All pairs of samples, n = m = 1, of the law ½ CC + ½ CO: the mean is (1 + 1)(1 − E k).
    law = [CC, CO]
    mean = np.mean([nspdk_mmd(x, y, 1) for x in law for y in law])
    mean_kernel = np.mean([kernel(x, y, 1) for x in law for y in law])
    assert mean == pytest.approx(2 * (1 - mean_kernel))


def test_graphs_without_nodes_and_empty_sets():
    nothing = one([], [], room=2)
    assert kernel(nothing, CC, 2) == 0
    assert nspdk_mmd(one([1, 1], []), CC, 0) == pytest.approx(0)  # no edge at all
    with pytest.raises(InputError, match="at least one graph"):
        nspdk_mmd(CC, CC[:0])
