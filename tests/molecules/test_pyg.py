import numpy as np
import pytest
import torch

from sicore.errors import InputError, PluginError
from sicore_molecules import pyg
from sicore_molecules.data.pyg import PyGDataset
from sicore_molecules.data.store import GraphStore
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.pyg import from_pyg, graph_of, to_pyg

geometric = pytest.importorskip("torch_geometric.data")


def data(edges, n, **attributes):
    index = torch.tensor(edges).reshape(-1, 2).T
    return geometric.Data(edge_index=index, num_nodes=n, **attributes)


def test_there_and_back(drugs):
    batch = to_pyg(drugs)
    assert batch.num_graphs == len(drugs)
    assert batch.num_nodes == int(drugs.sizes.sum())
    graphs = from_pyg(batch, atoms="x", bonds="edge_attr")
    back = GraphStore.of(graphs).dense(torch.arange(len(drugs)), drugs.atoms.shape[1])
    assert back == drugs


def test_absent_nodes_are_closed_up():
    graphs = GraphBatch(
        torch.tensor([[2, 0, 1]], dtype=torch.uint8),
        torch.tensor([[[0, 0, 3], [0, 0, 0], [3, 0, 0]]], dtype=torch.uint8),
    )
    (atoms, bonds), *_ = from_pyg(to_pyg(graphs), "x", "edge_attr")
    assert atoms.tolist() == [2, 1]
    assert bonds.tolist() == [[0, 3], [3, 0]]


def test_plain_graphs_loops_and_single_directions():
    (atoms, bonds), empty = from_pyg([data([(0, 1), (2, 2), (2, 1)], 4), data([], 1)])
    assert atoms.tolist() == [1, 1, 1, 1]
    assert bonds.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert empty[1].tolist() == [[0]]


def test_kinds_may_be_columns_or_one_hot():
    edges = [(0, 1), (1, 0), (1, 2), (2, 1)]
    columns = data(
        edges, 3, x=torch.tensor([[0.0], [2.0], [1.0]]), edge_attr=torch.tensor([1, 1, 3, 3])
    )
    one_hot = data(edges, 3, x=torch.eye(3)[[0, 2, 1]], edge_attr=torch.eye(4)[[0, 0, 2, 2]])
    for one in (columns, one_hot):
        atoms, bonds = graph_of(one, "x", "edge_attr")
        assert atoms.tolist() == [1, 3, 2]
        assert np.array_equal(bonds, [[0, 1, 0], [1, 0, 3], [0, 3, 0]])


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "has no tensor 'x' with 2 rows"),
        ({"x": torch.tensor([0.5, 1])}, "not whole"),
        ({"x": torch.tensor([[1.0, 1], [0, 1]])}, "neither one column nor one-hot"),
        ({"x": torch.tensor([-1, 0])}, "kinds of nodes from 0 to 254"),
    ],
)
def test_wrong_kinds_are_refused(attributes, message):
    with pytest.raises(InputError, match=message):
        graph_of(data([(0, 1)], 2, **attributes), atoms="x")


def test_an_edge_with_two_kinds_is_refused():
    with pytest.raises(InputError, match="two kinds, one in each direction"):
        graph_of(data([(0, 1), (1, 0)], 2, w=torch.tensor([1, 2])), bonds="w")


def test_a_data_set_of_pyg(monkeypatch):
    options = {"num_graphs": 10, "avg_num_nodes": 12, "num_channels": 0, "edge_dim": 0}
    whole, test = (
        PyGDataset("FakeDataset", options | {"num_classes": 2}, split) for split in ("all", "test")
    )
    assert (len(whole), len(test)) == (10, 2)
    whole.batch(torch.arange(10))[0].check()
    assert int(whole.store.counts.sum()) > 10
    with pytest.raises(InputError, match="has no 'NoSuch'"):
        PyGDataset("NoSuch")
    with pytest.raises(InputError, match="cannot be made with these options"):
        PyGDataset("TUDataset", {"nonsense": 1})
    with pytest.raises(InputError, match="needs a name"):
        PyGDataset()


def test_without_pyg(monkeypatch, drugs):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(pyg.importlib, "import_module", missing)
    with pytest.raises(PluginError, match=r"pip install 'sicore-molecules\[pyg\]'"):
        to_pyg(drugs)
