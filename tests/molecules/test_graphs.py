import networkx
import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_molecules.graphs import GraphBatch, joined


def batch(edges, sizes, n=None):
    """Graphs of lists of edges."""
    n = n or max(sizes)
    atoms = torch.zeros(len(sizes), n, dtype=torch.uint8)
    bonds = torch.zeros(len(sizes), n, n, dtype=torch.uint8)
    for number, (pairs, size) in enumerate(zip(edges, sizes, strict=True)):
        atoms[number, :size] = 1
        for i, j in pairs:
            bonds[number, i, j] = bonds[number, j, i] = 1
    return GraphBatch(atoms, bonds)


def test_sizes_and_mask():
    graphs = batch([[(0, 1)], []], [2, 3])
    assert graphs.sizes.tolist() == [2, 3]
    assert graphs.mask.tolist() == [[True, True, False], [True, True, True]]
    assert len(graphs[torch.tensor([1])]) == 1
    assert graphs[0:1] == batch([[(0, 1)]], [2], 3)
    assert graphs != batch([[(0, 1)], [(0, 2)]], [2, 3])


def test_arrays_become_tensors():
    graphs = GraphBatch(np.ones((1, 2), np.uint8), np.zeros((1, 2, 2), np.uint8))
    assert isinstance(graphs.atoms, torch.Tensor)


@pytest.mark.parametrize(
    ("atoms", "bonds"),
    [
        (torch.ones(1, 2, dtype=torch.uint8), torch.zeros(1, 2, 3, dtype=torch.uint8)),
        (torch.ones(1, 2), torch.zeros(1, 2, 2, dtype=torch.uint8)),
        (torch.ones(2, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.uint8)),
    ],
)
def test_other_shapes_and_types_are_refused(atoms, bonds):
    with pytest.raises(InputError, match=r"expected atoms \(B, N\)"):
        GraphBatch(atoms, bonds)


@pytest.mark.parametrize(
    ("entry", "message"),
    [((0, 1), "not symmetric"), ((1, 1), "with itself"), (None, "no node")],
)
def test_wrong_edges_are_found(entry, message):
    graphs = batch([[(0, 1)], [(0, 1)]], [2, 2], 3)
    graphs.check()
    if entry is None:
        graphs.bonds[1, 0, 2] = graphs.bonds[1, 2, 0] = 1
    else:
        graphs.bonds[1, entry[0], entry[1]] += 1
    with pytest.raises(InputError, match=f"graph number 1: edges .*{message}"):
        graphs.check()


def test_permutation_moves_nodes_and_edges():
    graphs = batch([[(0, 1), (1, 2)], [(0, 1)]], [3, 2], 4)
    order = torch.tensor([2, 0, 3, 1])
    moved = graphs.permuted(order)
    moved.check()
    for i in range(4):
        assert torch.equal(moved.atoms[:, i], graphs.atoms[:, order[i]])
        for j in range(4):
            assert torch.equal(moved.bonds[:, i, j], graphs.bonds[:, order[i], order[j]])
    assert moved.permuted(order.argsort()) == graphs
    each = torch.stack([order, torch.arange(4)])
    assert graphs.permuted(each)[1:] == graphs[1:]
    assert graphs.permuted(each)[:1] == moved[:1]


def test_connected_agrees_with_a_search(rng):
    sizes = rng.integers(1, 9, 200)
    edges = [[(i, j) for i in range(n) for j in range(i) if rng.random() < 1.5 / n] for n in sizes]
    graphs = batch(edges, sizes.tolist()).permuted(torch.from_numpy(rng.permutation(8)))
    expected = []
    for pairs, n in zip(edges, sizes, strict=True):
        made = networkx.Graph()
        made.add_nodes_from(range(n))
        made.add_edges_from(pairs)
        expected.append(networkx.is_connected(made))
    assert 20 < sum(expected) < 180
    assert graphs.connected().tolist() == expected


def test_a_long_path_is_connected_and_nothing_is_not():
    path = batch([[(i, i + 1) for i in range(40)], []], [41, 0])
    assert path.connected().tolist() == [True, False]


def test_resizing_cuts_only_what_is_empty():
    graphs = batch([[(0, 1)]], [2], 5)
    assert graphs.resized(2).resized(5) == graphs
    with pytest.raises(InputError, match="2 nodes do not fit into 1"):
        graphs.resized(1)
    both = joined([graphs, batch([[(0, 2)]], [3])])
    assert both.sizes.tolist() == [2, 3]
    assert both.atoms.shape == (2, 5)
