import contextlib
import gzip
import pickle
from collections import defaultdict

import networkx as nx
import numpy as np
import pytest
import torch

from sicore.downloads import Archive, digest_of
from sicore.errors import InputError
from sicore.testing import check_dataset
from sicore_molecules.data import ego, enzymes
from sicore_molecules.data.ego import EgoSmall, lists_of_numbers, neighbourhoods
from sicore_molecules.data.enzymes import Enzymes
from sicore_molecules.data.generated import CommunitySmall, Grid
from sicore_molecules.data.graph_file import GraphFile
from sicore_molecules.data.tudataset import read_tudataset


def every(data):
    return data.batch(torch.arange(len(data)))[0]


def as_networkx(graphs, row):
    n = int(graphs.sizes[row])
    return nx.from_numpy_array(graphs.bonds[row, :n, :n].numpy())


# ---------------------------------------------------------------- generated ones


@pytest.mark.parametrize(
    ("kind", "smallest", "largest"), [(CommunitySmall, 12, 20), (Grid, 100, 361)]
)
def test_generated_graphs_are_split_and_always_the_same(kind, smallest, largest):
    train, test, whole = kind("train"), kind("test"), kind("all")
    assert (len(train), len(test), len(whole)) == (80, 20, 100)
    assert train.size == test.size == whole.size <= largest
    assert smallest <= int(whole.store.sizes.min())
    assert kind("test").batch(torch.arange(20))[0] == test.batch(torch.arange(20))[0]
    assert kind("test", seed=1).batch(torch.arange(3))[0] != test.batch(torch.arange(3))[0]
    few = test.batch(torch.arange(5))[0]
    few.check()
    assert few.connected().all()
    check_dataset(test)


def test_a_grid_is_a_grid():
    graphs = Grid("test").batch(torch.arange(5))[0]
    for row in range(5):
        graph = as_networkx(graphs, row)
        degrees = [degree for _, degree in graph.degree()]
        assert degrees.count(2) == 4 and set(degrees) == {2, 3, 4}
        assert nx.is_bipartite(graph)
        total = degrees.count(3) // 2 + 4  # m + n
        sides = [(m, total - m) for m in range(10, 20) if m * (total - m) == len(graph)]
        assert sides and nx.faster_could_be_isomorphic(graph, nx.grid_2d_graph(*sides[0]))
        assert nx.diameter(graph) == total - 2


def test_communities_are_dense_inside_and_sparse_between():
    graphs = every(CommunitySmall("all"))
    inside, between, possible = 0, [], 0
    for bonds, n in zip(graphs.bonds.long(), graphs.sizes.tolist(), strict=True):
        half = n // 2
        inside += int(bonds[:half, :half].sum() + bonds[half:n, half:n].sum()) // 2
        possible += half * (half - 1)
        between.append(int(bonds[:half, half:n].sum()))
    assert 0.6 < inside / possible < 0.8
    assert min(between) >= 1 and np.mean(between) < 3


# ---------------------------------------------------------------- fetched ones


def test_the_citations_are_read_without_loading_a_pickle():
    numbers = {
        0: [300, 2],
        1: [],
        2: [70_000],
        3: [5] * 2000,
        **{n: [1, n] for n in range(9, 3000)},
    }
    content = pickle.dumps(defaultdict(list, numbers), protocol=2)
    assert lists_of_numbers(content) == numbers


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_an_evil_file_calls_nothing(tmp_path):
    content = pickle.dumps({1: [2], 3: Evil()}, protocol=2)
    with pytest.raises(pytest.fail.Exception):
        pickle.loads(content)
    path = tmp_path / "ind.citeseer.graph"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not the published file"):
        EgoSmall(folder=str(tmp_path))
    with contextlib.suppress(ValueError):  # it may be no dictionary, but nothing was called
        lists_of_numbers(content)


def test_neighbourhoods():
    star = {0: [1, 2, 3, 4, 0], 1: [2], 5: [4], 6: [7], 7: [6]}
    found = neighbourhoods(star)
    assert [len(atoms) for atoms, _ in found] == [5]
    assert found[0][1].sum() == 2 * 5


def test_ego_small_from_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path / "cache"))
    graph = nx.gnp_random_graph(300, 0.02, seed=0)
    path = tmp_path / "ind.citeseer.graph"
    path.write_bytes(pickle.dumps(nx.to_dict_of_lists(graph), protocol=2))
    monkeypatch.setattr(ego, "GRAPH", Archive(ego.GRAPH.url, digest_of(path, "git"), "git"))
    with pytest.raises(InputError, match="sicore data fetch graphs/ego-small"):
        EgoSmall()
    data = EgoSmall("all", folder=str(tmp_path))
    assert 4 <= int(data.store.sizes.min()) <= data.size <= 18
    assert every(data).connected().all()
    check_dataset(data)


TU = {
    "A": "1, 2\n2, 1\n2, 3\n3, 2\n5, 6\n6, 5\n6, 5\n7, 8\n8, 7\n",
    "graph_indicator": "1\n1\n1\n2\n3\n3\n4\n4\n",
    "graph_labels": "5\n9\n7\n5\n",
}


def tu_folder(folder, name="ENZYMES", **changed):
    for part, text in {**TU, **changed}.items():
        (folder / f"{name}_{part}.txt").write_text(text)
    return folder


def test_tudatasets_are_read(tmp_path):
    graphs, classes = read_tudataset(tu_folder(tmp_path, "X"), "X")
    assert [len(atoms) for atoms, _ in graphs] == [3, 2, 2]  # node 4 is alone
    assert graphs[0][1].tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert classes.tolist() == [0, 1, 0]
    (tmp_path / "X_graph_labels.txt").unlink()
    assert read_tudataset(tmp_path, "X")[1].tolist() == [-1, -1, -1]


@pytest.mark.parametrize("changed", [{"A": "1, 99\n"}, {"A": "x"}, {"graph_labels": "1\n"}])
def test_wrong_tudatasets_are_refused(tmp_path, changed):
    with pytest.raises(InputError, match=r"do not fit each other|whole numbers"):
        read_tudataset(tu_folder(tmp_path, **changed), "ENZYMES")


def test_enzymes_from_files(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="sicore data fetch graphs/enzymes"):
        Enzymes()
    monkeypatch.setattr(enzymes, "SMALLEST", 2)
    mine = tu_folder(tmp_path)
    archives = [Archive(f.url, digest_of(mine / f.file, "git"), "git") for f in enzymes.FILES]
    monkeypatch.setattr(enzymes, "FILES", tuple(archives))
    Enzymes.fetch(source=str(mine))
    assert Enzymes.available()
    data = Enzymes("all", classes=True)
    graphs, conditions = data.batch(torch.arange(3))
    assert graphs.sizes.tolist() == [3, 2, 2]
    assert conditions["class"].tolist() == [0, 1, 0]


# ---------------------------------------------------------------- the user's own


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "graphs"
    folder.mkdir()
    nx.write_graphml(nx.cycle_graph(5), folder / "ring.graphml")
    nx.write_gml(nx.path_graph(4), folder / "path.gml")
    (folder / "triangle.edges").write_text("a b 0.0\nb, c\n# done\n\nc a\na a\n")
    (folder / "star.txt.gz").write_bytes(gzip.compress(b"1 2\n1 3\n1 4\n"))
    nx.write_graph6(nx.complete_graph(4), folder / "many.g6", header=False)
    with (folder / "many.g6").open("ab") as file:
        file.write(nx.to_graph6_bytes(nx.empty_graph(2), header=False))
    (folder / "notes.md").write_text("no graph")
    return folder


EXPECTED = {
    "ring.graphml": nx.cycle_graph(5),
    "path.gml": nx.path_graph(4),
    "triangle.edges": nx.complete_graph(3),
    "star.txt.gz": nx.star_graph(3),
    "many.g6 1": nx.complete_graph(4),
    "many.g6 2": nx.empty_graph(2),
}


def test_own_graphs_of_all_forms(own):
    data = GraphFile(str(own), split="all")
    assert sorted(data.names) == sorted(EXPECTED)
    graphs = every(data)
    graphs.check()
    for row, name in enumerate(data.names):
        assert nx.is_isomorphic(as_networkx(graphs, row), EXPECTED[name]), name
    assert data.domain_config() == {"size": 5, "sizes": [0, 0, 1, 1, 3, 1]}
    check_dataset(data)
    assert len(GraphFile(str(own / "many.g6"), split="all")) == 2


def test_directions_are_left_out(tmp_path):
    nx.write_graphml(nx.DiGraph([(0, 1), (1, 0), (2, 1)]), tmp_path / "a.graphml")
    assert every(GraphFile(str(tmp_path), "all")).bonds.sum() == 4


def test_odd_graphs_are_told_and_the_rest_used(own):
    (own / "bad.graphml").write_text("<graphml>")
    (own / "bad.edges").write_text("1 2\n3\n")
    (own / "empty.txt").write_text("")
    with pytest.warns(UserWarning, match="5 graphs are used, 4 left out"):
        data = GraphFile(str(own), split="all", size=4)
    told = "\n".join(data.problems)
    assert "bad.edges: cannot be read as a graph (line 2: expected two nodes, got '3')" in told
    assert "bad.graphml: cannot be read as a graph" in told
    assert "empty.txt: has no node" in told
    assert "ring.graphml: 5 nodes, at most 4 are allowed" in told
    assert len(data.problems) == 4


def test_what_holds_no_graph(tmp_path):
    with pytest.raises(InputError, match="it is empty"):
        GraphFile(str(tmp_path))
    with pytest.raises(InputError, match="cannot be read as a graph"):
        GraphFile(str(tmp_path / "missing.gml"))
    with pytest.raises(InputError, match=r"expected a file of graphs: \.graphml"):
        GraphFile(str(tmp_path / "a.pdf"))
    with pytest.raises(InputError, match=r"data\.file=PATH"):
        GraphFile()


def test_own_graphs_are_shared_out(tmp_path):
    lines = [nx.to_graph6_bytes(nx.path_graph(n), header=False) for n in range(2, 102)]
    (tmp_path / "a.g6").write_bytes(b"".join(lines))
    names = [GraphFile(str(tmp_path), s).names for s in ("train", "validation", "test")]
    assert sum(map(len, names)) == 100 == len(set().union(*names))
    assert 65 < len(names[0]) < 95


def test_a_folder_of_a_tudataset_is_own_graphs_too(tmp_path):
    assert len(GraphFile(str(tu_folder(tmp_path)), split="all")) == 3
