import json

import networkx as nx
import pytest


def test_graphs_pictures_and_statistics(sicore, graph_model, tmp_path):
    words = ("generate", "graphs", "--model", graph_model, "-n", 12, "-o")
    status, said, errors = sicore(*words, tmp_path / "a")
    assert status == 0, errors
    graphs = nx.read_graph6(tmp_path / "a" / "graphs.g6")
    connected = sum(nx.is_connected(graph) for graph in graphs) / 12
    assert len(graphs) == 12
    assert f"12 graphs, {connected:.1%} connected, 3 network calls each" in said
    found = {path.name for path in (tmp_path / "a").iterdir()}
    assert found == {"graphs.g6", "graphs.png", "graphs.svg", "index.html", "manifest.json"}
    page = (tmp_path / "a" / "index.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a" / "manifest.json").read_text())["command"] in page
    degrees = [d for graph in graphs for _, d in graph.degree]
    clustering = [c for graph in graphs for c in nx.clustering(graph).values()]
    assert f"mean {sum(degrees) / len(degrees):.3g}, of the training data" in page
    assert f"mean {sum(clustering) / len(clustering):.3g}, of the training data" in page
    sicore(*words, tmp_path / "b", "--batch-size", 5)
    again = (tmp_path / "b" / "graphs.g6").read_bytes()
    assert again == (tmp_path / "a" / "graphs.g6").read_bytes()


def test_without_the_training_data(sicore, graph_model, tmp_path, monkeypatch):
    monkeypatch.setattr("sicore_apps.generating.training_data", lambda model: None)
    words = ("generate", "graphs", "--model", graph_model, "-n", 2, "--size", 15, "-o", tmp_path)
    assert sicore(*words)[0] == 0
    assert {len(graph) for graph in nx.read_graph6(tmp_path / "graphs.g6")} == {15}
    assert "training data" not in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--size", 1000], "--size 1000: expected 1 to "),
        (["--property", "qed=1"], "it was trained without any property"),
        (["-n", 0], "Invalid value for '-n'"),
    ],
)
def test_wrong_options(sicore, graph_model, tmp_path, flags, message):
    words = ("generate", "graphs", "--model", graph_model, "-o", tmp_path / "a", *flags)
    status, _, errors = sicore(*words)
    assert status != 0
    assert message in errors
    assert not (tmp_path / "a").exists()


def test_a_model_of_molecules_has_a_command_of_its_own(sicore, molecule_model, tmp_path):
    words = ("generate", "graphs", "--model", molecule_model, "-o", tmp_path / "a")
    assert "expected a model of the domain 'graphs', got one of 'molecules'" in sicore(*words)[2]
