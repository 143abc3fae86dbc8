import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_molecules.data import store as module
from sicore_molecules.data.prepared import Prepared, read_prepared, shuffled, write_prepared
from sicore_molecules.data.store import GraphStore


def random_graphs(rng, count, largest=7):
    for _ in range(count):
        n = int(rng.integers(1, largest + 1))
        upper = np.triu(rng.choice(4, (n, n), p=[0.6, 0.2, 0.1, 0.1]), 1).astype(np.uint8)
        yield rng.integers(1, 5, n).astype(np.uint8), upper + upper.T


def test_dense_graphs_come_back(rng, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)
    graphs = list(random_graphs(rng, 40))
    store = GraphStore.of(graphs)
    order = torch.from_numpy(rng.permutation(40)[:25])
    batch = store.dense(order, 9)
    batch.check()
    for row, number in enumerate(order.tolist()):
        atoms, bonds = graphs[number]
        n = len(atoms)
        assert batch.atoms[row, :n].tolist() == atoms.tolist()
        assert not batch.atoms[row, n:].any()
        assert np.array_equal(batch.bonds[row, :n, :n].numpy(), bonds)
        assert int(batch.bonds[row].sum()) == bonds.sum()
    assert store.subset(order).dense(torch.arange(25), 9) == batch


def test_no_graphs_and_no_edges():
    empty = GraphStore.of([])
    assert len(empty) == 0 and empty.largest == 0
    alone = GraphStore.of([(np.ones(1, np.uint8), np.zeros((1, 1), np.uint8))])
    assert alone.dense(torch.tensor([0, 0]), 2).atoms.tolist() == [[1, 0], [1, 0]]


def test_too_little_room_and_lists_that_do_not_fit(rng):
    store = GraphStore.of(random_graphs(rng, 5))
    with pytest.raises(InputError, match=f"{store.largest} nodes do not fit into 2"):
        store.dense(torch.arange(5), 2)
    arrays = store.arrays()
    with pytest.raises(InputError, match="do not fit each other"):
        GraphStore.from_arrays({**arrays, "atoms": arrays["atoms"][1:]})


def test_a_prepared_file_comes_back(rng, tmp_path):
    store = GraphStore.of(random_graphs(rng, 300, 300 // 20))
    columns = {"a": rng.normal(size=300), "b": rng.normal(size=300)}
    data = Prepared(store, rng.integers(0, 2, 300).astype(np.uint8), columns)
    write_prepared(tmp_path / "x.npz", data, {"a": 1e-3})
    again = read_prepared(tmp_path / "x.npz")
    every = torch.arange(300)
    assert again.store.dense(every, 15) == store.dense(every, 15)
    assert np.array_equal(again.split, data.split)
    assert np.abs(again.properties["a"] - columns["a"]).max() <= 0.5001e-3
    assert np.array_equal(again.properties["b"], columns["b"].astype(np.float32))
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        assert file["atoms"].dtype == file["first"].dtype == np.uint8
        assert file["property/a"].dtype == np.int16


@pytest.mark.parametrize("content", [b"", b"something", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_prepared_file(tmp_path, content):
    path = tmp_path / "x.npz"
    with pytest.raises(InputError, match="no prepared data set"):
        read_prepared(path)
    path.write_bytes(content)
    with pytest.raises(InputError, match="no prepared data set"):
        read_prepared(path)


def test_shuffling_is_a_fixed_order_without_trend():
    rows = np.arange(1000, 5000)
    mixed = shuffled(rows)
    assert sorted(mixed) == rows.tolist()
    assert np.array_equal(mixed, shuffled(rows))
    assert abs(np.corrcoef(mixed, rows)[0, 1]) < 4 / np.sqrt(len(rows))
    assert abs(mixed[:1000].mean() - rows.mean()) < 4 * rows.std() / np.sqrt(1000)
