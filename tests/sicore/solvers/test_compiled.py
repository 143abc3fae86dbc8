"""Compiled steps give what plain ones give; what cannot be compiled is refused."""

import shutil

import pytest
import torch
from torch import nn

from sicore.config import Component
from sicore.dynamics import PathDynamics, noising
from sicore.errors import InputError
from sicore.interpolants import VP, Linear, Product
from sicore.predictions import NOISE, VELOCITY, FunctionPrediction, NetworkPrediction
from sicore.solvers import UniformGrid, solve
from sicore.states import Noise

needs_a_compiler = pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")), reason="there is no C++ compiler"
)


class Small(nn.Module):
    """A network that uses the time."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.Linear(3, 2)

    def forward(self, x, t, condition=None):
        return torch.tanh(self.inner(torch.cat((x, t.unsqueeze(-1)), 1)))


@needs_a_compiler
@pytest.mark.parametrize("name", ["dpmpp-2m", "euler-maruyama"])
def test_the_same_samples(name):
    solver = Component.parse("solver", name).build()
    path, network = VP(), Small().double()
    epsilon = noising(path) if solver.stochastic else None
    dynamics = PathDynamics(NetworkPrediction(network, path, NOISE), epsilon)
    x, noise = torch.randn(4, 2).double(), Noise.of(3, 4)
    times = UniformGrid().times(5, path, 0.1, 0.9)
    with torch.no_grad():
        plain = solve(dynamics, x, times, solver, noise)
        made = solve(dynamics, x, times, solver, noise, compile=True)
    torch.testing.assert_close(made.x, plain.x, rtol=1e-9, atol=1e-9)
    assert made.nfe == plain.nfe == 5


def test_what_is_no_table_of_numbers_is_refused():
    dynamics = PathDynamics(FunctionPrediction(lambda t, x: x, Linear(), VELOCITY))
    times = UniformGrid().times(3, Linear(), 0.1, 0.9)
    solver = Component.parse("solver", "reversible-heun").build()
    with pytest.raises(InputError, match="ReversibleHeun does not work by tables of numbers alone"):
        solve(dynamics, torch.ones(2, 2), times, solver, compile=True)
    euler = Component.parse("solver", "euler").build()
    with pytest.raises(InputError, match="gradients go through it directly only, not by 'adjoint'"):
        solve(dynamics, torch.ones(2, 2), times, euler, compile=True, gradient="adjoint")
    paths = Product({"a": Linear(), "b": VP()})
    tree = PathDynamics(FunctionPrediction(lambda t, x: x, paths, NOISE))
    states = {"a": torch.ones(2, 1), "b": torch.ones(2, 1)}
    with pytest.raises(InputError, match="the same for all leaves"):
        solve(tree, states, times, euler, compile=True)
