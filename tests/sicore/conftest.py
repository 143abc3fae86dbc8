"""Problems and paths that the tests of several rooms share."""

from __future__ import annotations

import sys

import pytest
import torch

from sicore.config import Component
from sicore.config.component import parameters_model
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import Interpolant
from sicore.plugins import get_registry, loaded
from sicore.states import Noise
from sicore.testing import install_plugin


def _own(group: str) -> list[str]:
    return [entry.name for entry in get_registry().entries(group) if entry.plugin == "sicore"]


REFUSED = {  # this γ reaches 1, or there is none where nothing else is left
    ("trigonometric-two-sided", "sine-squared"),
    ("encoding-decoding", "none"),
    ("mirror", "none"),
}


TABLE = {  # what a path that is made from data has no default for
    "kinetic-optimal": {"turn": 1.2, "radius": 0.9, "angles": [0.0, 1.0]}
}


def _paths() -> dict[str, Interpolant]:
    """Every interpolant of the core that needs no parameters, with each γ where it takes one."""
    paths = {}
    for name in _own("interpolant"):
        fields = parameters_model("interpolant", name).model_fields
        if any(field.is_required() for field in fields.values()):
            continue  # such as a product of paths, or one made from data; they have their own tests
        if "gamma" not in fields:
            entry = {"name": name, **TABLE.get(name, {})}
            paths[name] = Component.parse("interpolant", entry).build()
            continue
        for gamma in _own("gamma"):
            if (name, gamma) not in REFUSED:
                entry = {"name": name, "gamma": {"name": gamma}}
                paths[f"{name}-{gamma}"] = Component.parse("interpolant", entry).build()
    return paths


EVERY = _paths()
PATHS = {name: path for name, path in EVERY.items() if path.gaussian}
ONE_SIDED = {name: path for name, path in PATHS.items() if not path.two_sided}
TWO_SIDED = {name: path for name, path in PATHS.items() if path.two_sided}


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def any_path(request):
    """Each path of the core, also those whose noise is not normal."""
    return request.param


@pytest.fixture(params=PATHS.values(), ids=PATHS.keys())
def path(request):
    """Each path of the core whose noise is normal, as the exact ones need it."""
    return request.param


@pytest.fixture(params=ONE_SIDED.values(), ids=ONE_SIDED.keys())
def one_sided(request):
    """Each path from Gaussian noise."""
    return request.param


@pytest.fixture(params=TWO_SIDED.values(), ids=TWO_SIDED.keys())
def two_sided(request):
    """Each path between two laws."""
    return request.param


@pytest.fixture(scope="session")
def mixture():
    """Make a Gaussian mixture whose components differ in weight, place and shape."""

    def making(dimension: int, components: int = 3, seed: int = 0, spread: float = 1.5):
        streams = Noise.of(seed, components).named("mixture of the tests")
        shape = (dimension, dimension)
        factor = 0.4 * streams.at(1).normal(shape, torch.float64) / dimension**0.5
        covariances = factor @ factor.mT + 0.2 * torch.eye(dimension, dtype=torch.float64)
        means = spread * streams.normal((dimension,), torch.float64)
        return GaussianMixture(0.3 + streams.at(2).uniform(), means, covariances)

    return making


@pytest.fixture(scope="session")
def exact(mixture):
    """Make the exact path between mixtures, with a source where the path has one."""

    def making(path: Interpolant, dimension: int = 2, components: int = 3):
        source = mixture(dimension, 2, seed=7, spread=1.0) if path.two_sided else None
        return ExactPath(path, mixture(dimension, components), source)

    return making


TOY = """
import os
import signal

import torch

from sicore.hub import Categorical, Domain
from sicore.plugins import hookimpl
from sicore.states import TensorSpace


class Plane(Domain):
    name = "toy"

    def __init__(self, scale: float = 1.0):
        self.scale, self.space = scale, TensorSpace((1, 2, 2))
        self.conditions = {"class": Categorical(3, ("Bag", "Coat", "Sandal"))}

    def encode(self, items):
        return items / self.scale

    def decode(self, x):
        return x * self.scale


class Points:
    title, licence, source = "Points", "CC0", "drawn by the tests"
    calls = 0

    def __init__(self, n: int = 50):
        self.x = 2 * torch.randn(n, 1, 2, 2, generator=torch.Generator().manual_seed(0))
        self.seen, Points.calls = [], 0

    def __len__(self):
        return len(self.x)

    def batch(self, indices):
        Points.calls += 1
        self.seen.append(indices)
        if Points.calls == int(os.environ.get("TOY_KILL", 0)):
            os.kill(os.getpid(), signal.SIGKILL)
        x = self.x[indices]
        if Points.calls >= int(os.environ.get("TOY_NAN", 10**9)):
            x = x * float("nan")
        return x, {"class": indices % 3}

    def domain_config(self):
        return {"scale": 2.0}


@hookimpl
def sicore_register(registry):
    registry.add("domain", "toy", "fake_toy:Plane", "pictures of four numbers")
    registry.add("dataset", "toy/points", "fake_toy:Points", "fifty of them")
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a plugin of some code for the time of a test; its folder, for ``PYTHONPATH``."""
    names = []

    def install(name, code):
        folder = tmp_path / "plugin"
        names.append(install_plugin(folder, name, code))
        monkeypatch.syspath_prepend(str(folder))
        _forget_plugins()
        return folder

    yield install
    _forget_plugins()
    for name in names:
        sys.modules.pop(name, None)


def _forget_plugins():
    for cached in (loaded, parameters_model):
        cached.cache_clear()


@pytest.fixture
def toy(installed):
    """Install a plugin with a domain of 2 × 2 pictures; its folder, for ``PYTHONPATH``."""
    return installed("toy", TOY)
