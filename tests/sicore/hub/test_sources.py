"""Source laws by name, and a model between any two sample sets through the command line alone."""

import importlib

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import sicore
from sicore.cli import run
from sicore.config import Component, parse_config
from sicore.errors import ConfigError, InputError
from sicore.files import read_json
from sicore.hub.sources import FromDataset, FromFile, Normal
from sicore.objectives import ExactOT, Independent
from sicore.states import Noise

TWO = """
import torch

from sicore.hub import Domain
from sicore.plugins import hookimpl
from sicore.states import TensorSpace


class Plane(Domain):
    name = "two"

    def __init__(self, scale: float):
        self.scale, self.space = scale, TensorSpace((2,))

    def encode(self, items):
        return items / self.scale

    def decode(self, x):
        return x * self.scale


class Ring:
    title, licence, source = "Points", "CC0", "drawn by the tests"
    opened = 0

    def __init__(self, place: float, n: int = 200):
        Ring.opened += 1
        angle = 6.283 * torch.arange(n) / n
        self.x = torch.stack((place + 0.5 * angle.cos(), 0.5 * angle.sin()), 1)

    def __len__(self):
        return len(self.x)

    def batch(self, indices):
        return self.x[indices], {}

    def domain_config(self):
        return {"scale": 2.0}


@hookimpl
def sicore_register(registry):
    registry.add("domain", "two", "fake_two:Plane", "points")
    registry.add("dataset", "two/ring", "fake_two:Ring", "a ring somewhere")
"""


@pytest.fixture
def two(installed):
    """A plugin with rings in the plane; its module."""
    installed("two", TWO)
    return importlib.import_module("fake_two")


LEFT = {"name": "dataset", "dataset": {"name": "two/ring", "place": -4.0, "n": 50}}


def config(source, coupling="independent"):
    return {
        "domain": "two",
        "data": {"name": "two/ring", "place": 4.0},
        "network": {"name": "mlp", "width": 32, "depth": 2},
        "interpolant": {"name": "linear-two-sided", "gamma": "none"},
        "objective": {"coupling": {"name": coupling, "source": source}},
        "training": {
            "steps": 100,
            "batch_size": 64,
            "learning_rate": 1e-2,
            "ema_decay": 0.9,
            "warmup_steps": 1,
        },
        "sampling": {"solver": "heun", "steps": 4},
    }


def test_draws_are_encoded_items_in_equal_shares(two):
    source, n = FromDataset(LEFT["dataset"], domain=two.Plane(2.0)), 20_000
    drawn = source(Noise.of(0, n), torch.zeros(1, 2, dtype=torch.float64))
    assert drawn.dtype == torch.float64
    items = two.Ring(-4.0, 50).x.double() / 2
    distance = torch.cdist(drawn, items)
    assert float(distance.min(1).values.max()) < 1e-6
    counts = torch.bincount(distance.argmin(1), minlength=50)
    assert float((counts - n / 50).abs().max()) < 4.5 * (n / 50) ** 0.5


def test_draws_do_not_depend_on_the_batch(two, tmp_path):
    np.save(tmp_path / "states.npy", np.arange(60.0).reshape(30, 2))
    like = torch.zeros(1, 2)
    for source in (
        Normal(),
        FromFile(tmp_path / "states.npy"),
        FromDataset(LEFT["dataset"], domain=two.Plane(2.0)),
    ):
        whole = source(Noise.of(7, 40), like)
        parts = [source(Noise.of(7, n, first), like) for first, n in ((0, 1), (1, 30), (31, 9))]
        assert torch.equal(torch.cat(parts), whole)
        assert not torch.equal(source(Noise.of(8, 40), like), whole)


def test_files(tmp_path):
    """Arrays, tensors and trees of them; in the dtype of the model."""
    x, noise = torch.arange(12.0, dtype=torch.float64).reshape(6, 2), Noise.of(0, 100)
    np.save(tmp_path / "x.npy", x.numpy())
    save_file({"x": x}, tmp_path / "x.safetensors")
    save_file({"a": x, "b": x[:, :1].clone()}, tmp_path / "tree.safetensors")
    for name in ("x.npy", "x.safetensors"):
        drawn = FromFile(tmp_path / name)(noise, torch.zeros(1, 2))
        assert drawn.dtype == torch.float32 and drawn.shape == (100, 2)
        assert set(map(tuple, drawn.tolist())) == set(map(tuple, x.tolist()))
    tree = {"b": torch.zeros(1, 1), "a": torch.zeros(1, 2)}
    drawn = FromFile(tmp_path / "tree.safetensors")(noise, tree)
    assert torch.equal(drawn["a"][:, :1], drawn["b"])  # a sample's leaves stay together


def test_files_that_do_not_fit(tmp_path):
    noise, like = Noise.of(0, 2), torch.zeros(1, 2)
    np.save(tmp_path / "wide.npy", np.zeros((5, 3)))
    np.save(tmp_path / "none.npy", np.zeros((0, 2)))
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    save_file({"a": torch.zeros(3, 2), "b": torch.zeros(4, 2)}, tmp_path / "rows.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    wrong = {
        "wide.npy": r"gives states of shape \{'': \(3,\)\}, the model's are \{'': \(2,\)\}",
        "none.npy": "N above 0",
        "pickle.npy": "no array of numbers",
        "rows.safetensors": "the same for all",
        "text.safetensors": "not a safetensors file",
        "absent.npy": "no array of numbers that can be read",
        "absent.safetensors": "no such file",
    }
    for name, message in wrong.items():
        with pytest.raises(InputError, match=message) as caught:
            FromFile(tmp_path / name)(noise, like)
        assert "\n" not in str(caught.value) and name in str(caught.value)


def test_datasets_that_do_not_fit(two):
    with pytest.raises(ConfigError, match="did you mean 'two/ring'"):
        FromDataset("two/rings", domain=two.Plane(2.0))
    with pytest.raises(InputError, match="the dataset 'two/ring' gives states of shape"):
        FromDataset(LEFT["dataset"], domain=two.Plane(2.0))(Noise.of(0, 2), torch.zeros(1, 3))


def test_configurations_name_sources(two, tmp_path):
    """And keep them through a model folder."""
    for source in ("normal", {"name": "normal"}, LEFT, {"name": "file", "path": "some.npy"}):
        for name in ("independent", "exact-ot", "sinkhorn-ot", "reflow"):
            entry = Component.parse("coupling", {"name": name, "source": source})
            again = Component.parse("coupling", yaml.safe_load(yaml.dump(entry.plain())))
            assert again == entry
            built = entry.build({"domain": two.Plane(2.0)})
            assert type(built.source) is Component.parse("source", source).target()
    assert Component.parse("coupling", "exact-ot").build() == ExactOT()
    assert parse_config(config(None)).objective.coupling.build() == Independent()


@pytest.mark.parametrize("coupling", ["independent", "exact-ot"])
def test_from_one_dataset_to_another(two, tmp_path, coupling):
    """Train and sample through the command line alone."""
    (tmp_path / "c.yaml").write_text(yaml.dump(config(LEFT, coupling)))
    folder, out = tmp_path / "run", tmp_path / "out"
    assert run(["train", str(tmp_path / "c.yaml"), "-o", str(folder), "--device", "cpu"]) == 0
    assert run(["sample", str(folder), "-n", "300", "-o", str(out), "--batch-size", "77"]) == 0
    drawn = load_file(out / "samples.safetensors")["x"]
    ring = two.Ring(4.0).x
    assert float(torch.cdist(drawn, ring).min(1).values.median()) < 0.25
    assert float((drawn.mean(0) - ring.mean(0)).norm()) < 0.3
    assert read_json(out / "manifest.json")["nfe"] == 7

    model, two.Ring.opened = sicore.load(folder, device="cpu"), 0
    bags = two.Ring(-4.0, 50).x[:20]
    given = model.sample(20, x0=model.domain.encode(bags))
    assert two.Ring.opened == 1  # by this test: a model that is given x0 opens no dataset
    # γ = 0: the sample is a function of x0 alone
    other = model.sample(20, x0=model.domain.encode(bags), seed=5)
    torch.testing.assert_close(given.x, other.x)
    # the source's states are those of the left ring, encoded by the model's domain
    noise = Noise.of(3, 20, space=model.domain.space)
    starts = model.coupling.source_states(noise.named("source"), torch.zeros(1, 2))
    left = model.domain.encode(two.Ring(-4.0, 50).x)
    assert float(torch.cdist(starts, left).min(1).values.max()) < 1e-6
    torch.testing.assert_close(model.sample(20, seed=3).x, model.sample(20, x0=starts).x)
    with pytest.raises(InputError, match="x0: expected 20 source states, got 3"):
        model.sample(20, x0=starts[:3])


def test_from_a_file(two, tmp_path):
    np.save(tmp_path / "left.npy", two.Ring(-4.0).x.numpy() / 2)
    entry = {"name": "file", "path": str(tmp_path / "left.npy")}
    (tmp_path / "c.yaml").write_text(yaml.dump(config(entry)))
    folder = tmp_path / "run"
    line = ["train", str(tmp_path / "c.yaml"), "training.steps=3", "-o", str(folder)]
    assert run(line) == 0
    assert sicore.load(folder, device="cpu").sample(5).status.tolist() == [0] * 5


def test_an_sde_needs_noise_that_is_not_tied_to_data(make_model):
    """On a path from noise, optimal transport leaves no score."""
    tied = make_model(objective={"coupling": "exact-ot"})
    assert tied.sample(2, solver="heun", steps=2).status.tolist() == [0, 0]
    with pytest.raises(InputError, match=r"an SDE: needs the score.*'exact-ot' ties the noise"):
        tied.sample(2, solver="euler-maruyama", steps=2)
