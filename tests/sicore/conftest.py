"""Problems and paths that the tests of several rooms share."""

from __future__ import annotations

import pytest
import torch

from sicore.config import Component
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import Interpolant
from sicore.plugins import get_registry
from sicore.states import Noise


def _own(group: str) -> list[str]:
    return [entry.name for entry in get_registry().entries(group) if entry.plugin == "sicore"]


def _paths() -> dict[str, Interpolant]:
    """Every interpolant of the core, with each γ where it takes one."""
    paths = {}
    for name in _own("interpolant"):
        plain = Component.parse("interpolant", name).build()
        if not plain.two_sided:
            paths[name] = plain
            continue
        for gamma in _own("gamma"):
            if (name, gamma) == ("trigonometric-two-sided", "sine-squared"):
                continue  # this γ reaches 1 inside the path, where √(1 − γ²) has no derivative
            entry = {"name": name, "gamma": {"name": gamma}}
            paths[f"{name}-{gamma}"] = Component.parse("interpolant", entry).build()
    return paths


PATHS = _paths()
ONE_SIDED = {name: path for name, path in PATHS.items() if not path.two_sided}
TWO_SIDED = {name: path for name, path in PATHS.items() if path.two_sided}


@pytest.fixture(params=PATHS.values(), ids=PATHS.keys())
def path(request):
    """Each path of the core."""
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
