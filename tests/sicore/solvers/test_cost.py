"""What a step costs beside the network: tensor operations, synchronisations, Python calls."""

import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sicore.config import Component
from sicore.dynamics import PathDynamics, noising
from sicore.interpolants import VP, Linear
from sicore.predictions import NOISE, VELOCITY, NetworkPrediction
from sicore.solvers import solve
from sicore.states import Noise

X = torch.randn(1024, 2, generator=torch.Generator().manual_seed(0))
PATHS = {"linear": (Linear(), VELOCITY), "vp": (VP(), NOISE)}
MOST = {  # tensor operations for each network call, the network's times included
    "euler": 3,
    "ddim": 3,
    "heun": 4,
    "midpoint": 4,
    "ab2": 8,
    "ab3": 8,
    "dpmpp-2m": 8,
    "dpmpp-3m": 8,
    "deis-2": 8,
    "deis-3": 8,
    "unipc-2": 8,
    "v-adams-2": 8,
    "euler-maruyama": 6,
    "sde-dpmpp-2m": 8,
}


class Counter(TorchDispatchMode):
    """Counts tensor operations, and those that wait for the device."""

    def __init__(self):
        super().__init__()
        self.operations = self.waits = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operations += 1
        self.waits += "_local_scalar_dense" in str(function)
        return function(*args, **(kwargs or {}))


class Still(Noise):
    """Noise that costs nothing."""

    def named(self, stream):
        return self

    def at(self, draw):
        return self

    def coordinates(self, t, s, x, count=1):
        return [x] * count


def runner(name, path):
    interpolant, kind = PATHS[path]
    solver = Component.parse("solver", name).build()
    prediction = NetworkPrediction(lambda x, t, condition: x, interpolant, kind)
    dynamics = PathDynamics(prediction, noising(interpolant) if solver.stochastic else None)
    noise = Still.of(0, len(X))

    def run(steps):
        return solve(dynamics, X, torch.linspace(0.1, 0.9, steps + 1).double(), solver, noise).nfe

    return run


def for_each_call(run, measure):
    """The difference of two runs leaves out what is paid once."""
    (few, calls), (many, more) = measure(lambda: run(12)), measure(lambda: run(42))
    return [(b - a) / (more - calls) for a, b in zip(few, many, strict=True)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", MOST)
def test_tensor_operations(name, path):
    def measure(run):
        with Counter() as counter:
            nfe = run()
        return (counter.operations, counter.waits), nfe

    operations, waits = for_each_call(runner(name, path), measure)
    assert operations <= MOST[name] + 0.2  # a rounded 1 among the weights costs nothing, or one
    assert waits == 0


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="list comprehensions are no calls there")
@pytest.mark.parametrize(
    ("name", "most"), [("euler", 30), ("heun", 30), ("dpmpp-2m", 36), ("v-adams-2", 36)]
)
def test_calls_of_functions(name, most):
    """Of Python and of C, the network's own included."""

    def measure(run):
        count = 0

        def profiler(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profiler)
        try:
            nfe = run()
        finally:
            sys.setprofile(None)
        return (count,), nfe

    run = runner(name, "linear")
    run(2)
    (calls,) = for_each_call(run, measure)
    assert calls <= most
