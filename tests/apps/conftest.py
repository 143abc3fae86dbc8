import pytest
import torch

from sicore.cli.root import run
from sicore.config import load_config
from sicore.hub import Model
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
    config = fill_domain(config, config.data.build())
    torch.manual_seed(0)
    parts = build_parts(config)
    with torch.no_grad():
        for parameter in parts.network.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    Model(config, parts, {}, "# tiny").save_pretrained(folder)
    return folder


@pytest.fixture
def sicore(capsys):
    """Run a command line: its exit status, its output and its errors."""

    def call(*words):
        status = run([str(word) for word in words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call
