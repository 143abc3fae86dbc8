import numpy as np
import pandas as pd
import pytest
import torch

from sicore.cli.root import run
from sicore.config import load_config
from sicore.hub import Model, load
from sicore.hub.build import build_parts, fill_domain


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """A very small model of clothes whose random weights still make it answer."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    config = load_config(
        "images/fashion-mnist",
        [
            "data.name=images/clothes-sample",
            "network.channels=8",
            "network.blocks=1",
            "sampling.steps=3",
        ],
    )
    return _shaken(config, folder, 0.02, "# tiny")


@pytest.fixture
def sicore(capsys):
    """Run a command line: its exit status, its output and its errors."""

    def call(*words):
        status = run([str(word) for word in words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def speech_model(tmp_path_factory):
    """A very small untrained model of speech, which predicts the noisy recording."""
    torch.manual_seed(0)
    config = load_config(
        "speech/enhance",
        [
            "domain.frames=64",
            "network.channels=[8,8]",
            "network.patch=[4,2]",
            "network.recurrent=8",
        ],
    )
    folder = tmp_path_factory.mktemp("models") / "speech"
    return Model(config, build_parts(config), {}).save_pretrained(folder)


@pytest.fixture(scope="session")
def random_speech_model(speech_model, tmp_path_factory):
    """The same with other weights, so that it changes what it is given."""
    model = load(speech_model, device="cpu")
    torch.manual_seed(0)
    for parameter in model.network.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    return model.save_pretrained(tmp_path_factory.mktemp("models") / "random-speech")


@pytest.fixture(scope="session")
def molecule_model(tmp_path_factory):
    """A very small untrained model of at most 9 atoms, which has seen one file of molecules."""
    folder = tmp_path_factory.mktemp("molecules")
    smiles = ["CCO", "c1ccccc1", "CC(=O)N", "CCCCCCCCC", "Cc1ccccc1F", "C1CC1", "CCCC", "CCN"]
    (folder / "data.smi").write_text("\n".join(smiles * 3), encoding="utf-8")
    config = load_config(
        "molecules/file",
        [
            f"data.file={folder / 'data.smi'}",
            "data.properties=[qed,logp]",
            "data.split=all",
            "network={name: graphs/transformer, d_node: 16, d_edge: 8, layers: 1, heads: 2}",
            "interpolant.marginals={nodes: [0.7,0.1,0.1,0.1], edges: [0.8,0.17,0.02,0.01]}",
            "sampling.steps=4",
        ],
    )
    return _untrained(config, folder / "model")


@pytest.fixture(scope="session")
def graph_model(tmp_path_factory):
    """A very small untrained model of graphs."""
    config = load_config(
        "graphs/community-small",
        [
            "network={name: graphs/transformer, d_node: 16, d_edge: 8, layers: 1, heads: 2}",
            "interpolant.marginals={nodes: [1.0], edges: [0.8,0.2]}",
            "sampling.steps=3",
        ],
    )
    return _untrained(config, tmp_path_factory.mktemp("models") / "graphs")


@pytest.fixture(scope="session")
def series_model(tmp_path_factory):
    """A very small untrained model of any series."""
    config = load_config(
        "timeseries/any",
        [
            "data.size=10",
            "data.window=16",
            "network={name: timeseries/mlp, width: 16, depth: 1}",
            "sampling.steps=2",
        ],
    )
    return _shaken(config, tmp_path_factory.mktemp("models") / "any", 0.05)


@pytest.fixture
def hourly(tmp_path):
    """A file of two columns and 200 hours, and its rows; column b has a gap of 4."""
    moments = pd.date_range("2024-03-01", periods=200, freq="h")
    rows = np.arange(200)
    table = pd.DataFrame(
        {"time": moments, "a": np.sin(rows / 24 * 2 * np.pi), "b": 100 + np.cos(rows / 7)}
    )
    table.loc[90:93, "b"] = np.nan
    path = tmp_path / "hourly.csv"
    table.to_csv(path, index=False)
    return path, table


def _shaken(config, folder, amount, card=""):
    """A model whose random weights make it answer."""
    config = fill_domain(config, config.data.build())
    torch.manual_seed(0)
    parts = build_parts(config)
    with torch.no_grad():
        for parameter in parts.network.parameters():
            parameter += amount * torch.randn_like(parameter)
    return Model(config, parts, {}, card).save_pretrained(folder)


def _untrained(config, folder):
    """Random weights, and few bonds: so some graphs are molecules."""
    config = fill_domain(config, config.data.build())
    torch.manual_seed(0)
    parts = build_parts(config)
    with torch.no_grad():
        for name, parameter in parts.network.named_parameters():
            amount = 0.2 if "film" in name else 0.05  # conditions count
            parameter += amount * torch.randn_like(parameter)
        edges = parts.network.leave_edges[-1].bias
        edges.copy_(torch.tensor([2.0, 0.4, -2.0, -3.0])[: len(edges)])
    return Model(config, parts, {}).save_pretrained(folder)
