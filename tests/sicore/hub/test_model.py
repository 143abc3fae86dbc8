"""Models on disk: a round trip, and nothing that is not what it says."""

import io
import json
import pickle
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

import sicore
from sicore.errors import InputError, SicoreError
from sicore.hub import load


@pytest.fixture
def folder(model, tmp_path):
    return model.save_pretrained(tmp_path / "model")


def test_round_trip(model, folder):
    again = load(folder)
    assert again.config == model.config
    assert dict(again.metrics) == {"energy": 0.5} and again.card == "# A card\n"
    assert again.domain.scale == 2.0
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])
    x, y = model.sample(5, seed=3), again.sample(5, seed=3)
    assert torch.equal(x.x, y.x)
    assert again.save_pretrained(folder.parent / "again").is_dir()


def test_the_folder_is_what_people_know(folder):
    assert {p.name for p in folder.iterdir()} == {
        "README.md",
        "config.yaml",
        "metrics.json",
        "model.safetensors",
    }
    assert json.loads((folder / "metrics.json").read_text()) == {"energy": 0.5}
    assert sicore.load is load and sicore.Model is type(load(folder))


def test_loaded_networks_are_in_evaluation_mode_without_gradients(folder):
    network = load(folder).network
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


def test_dtypes(folder):
    weights = folder / "model.safetensors"
    half = {name: tensor.half() for name, tensor in load_file(weights).items()}
    save_file(half, weights)
    assert load(folder).dtype == torch.float32  # small on disk, exact in use
    double = load(folder, dtype=torch.float64)
    assert double.dtype == torch.float64 and double.sample(3).x.dtype == torch.float64
    assert load(folder, device="cpu").device == torch.device("cpu")


def test_an_existing_folder_is_not_written_over(model, folder):
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="exists"):
        model.save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == before
    model.save_pretrained(folder, overwrite=True)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


@pytest.mark.parametrize("saved_by", ["pickle", "torch"])
def test_an_evil_pickle_is_refused_and_not_executed(folder, tmp_path, saved_by):
    trace, weights = tmp_path / "executed", folder / "model.safetensors"
    if saved_by == "pickle":
        weights.write_bytes(pickle.dumps(Evil(trace)))
    else:
        torch.save({"weight": Evil(trace)}, weights)
    with pytest.raises(InputError, match="not a safetensors file") as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert not trace.exists()
    content = io.BytesIO(weights.read_bytes())
    pickle.load(content) if saved_by == "pickle" else torch.load(content, weights_only=False)
    assert trace.exists()  # it is a real one


def other_weights(folder, make_model):
    save_file(make_model(width=8).network.state_dict(), folder / "model.safetensors")


def fewer_weights(folder, make_model):
    tensors = load_file(folder / "model.safetensors")
    tensors.popitem()
    save_file(tensors, folder / "model.safetensors")


BROKEN = {
    "other weights": (other_weights, "the weights do not fit the configuration: .*size mismatch"),
    "fewer weights": (fewer_weights, "the weights do not fit the configuration: .*[Mm]issing"),
    "no weights": (
        lambda folder, _: (folder / "model.safetensors").unlink(),
        "model.safetensors: no such file",
    ),
    "cut weights": (
        lambda folder, _: (folder / "model.safetensors").write_bytes(
            (folder / "model.safetensors").read_bytes()[:-8]
        ),
        "not a safetensors file",
    ),
    "no configuration": (
        lambda folder, _: (folder / "config.yaml").unlink(),
        "is no model folder; it has no config.yaml",
    ),
    "wrong configuration": (
        lambda folder, _: (folder / "config.yaml").write_text(
            (folder / "config.yaml").read_text().replace("width: 16", "widht: 16")
        ),
        "unknown key 'network.widht': did you mean 'network.width'",
    ),
    "broken metrics": (
        lambda folder, _: (folder / "metrics.json").write_text("{"),
        "metrics.json",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_folders(folder, make_model, case):
    damage, message = BROKEN[case]
    damage(folder, make_model)
    with pytest.raises(SicoreError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_registered_names(folder, monkeypatch):
    class Registry:
        def names(self, group):
            return ["images/fashion-mnist", "toy/points"]

        def resource(self, group, name):
            assert (group, name) == ("model", "toy/points")
            return folder

    monkeypatch.setattr("sicore.hub.model.get_registry", Registry)
    assert load("toy/points").domain.scale == 2.0
    with pytest.raises(SicoreError, match=re.escape("did you mean 'images/fashion-mnist'")):
        load("images/fashion-minst")
    with pytest.raises(SicoreError, match="images/fashion-mnist, toy/points"):
        load("nothing-like-it")
