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
