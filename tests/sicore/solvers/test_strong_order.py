"""The order of convergence path by path: every grid is driven by one Brownian tree."""

import math

import numpy as np
import pytest
import torch

from sicore.config import Component
from sicore.dynamics import DiagonalSDE, Dynamics, PathDynamics, constant
from sicore.exact import ExactPath
from sicore.interpolants import Linear
from sicore.plugins import get_registry
from sicore.predictions import VELOCITY
from sicore.solvers import (
    SRK15,
    EulerMaruyama,
    Milstein,
    PredictorCorrector,
    StochasticHeun,
    solve,
)
from sicore.states import BrownianTree

SDE = {
    entry.name: solver
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
    and (solver := Component.parse("solver", entry.name).build()).stochastic
}
STEPS = (32, 64, 128, 256)
N = 300


class Pendulum(Dynamics):
    """A nonlinear drift, and additive noise that changes with time."""

    stochastic, direction = True, 1

    def drift(self, t, x):
        return torch.sin(3 * x) + math.cos(2 * t)

    def diffusion(self, t):
        return 1 + 0.8 * torch.sin(5 * t)


def end(dynamics, x, solver, steps, first=0.0, last=1.0):
    times = torch.linspace(first, last, steps + 1, dtype=torch.float64)
    return solve(dynamics, x, times, solver, BrownianTree.of(0, len(x))).x


def order(dynamics, x, solver, reference, *ends):
    gaps = [end(dynamics, x, solver, n, *ends) - reference for n in STEPS]
    errors = [float(gap.square().mean().sqrt()) for gap in gaps]
    return -np.polyfit(np.log(STEPS), np.log(errors), 1)[0]


@pytest.fixture(scope="module")
def pendulum():
    """The start, and the end on a fine grid of the same path."""
    x = torch.linspace(-1, 1, N, dtype=torch.float64)[:, None]
    return x, end(Pendulum(), x, SRK15(), 1024)


@pytest.mark.parametrize("solver", [EulerMaruyama(), StochasticHeun(), Milstein(), SRK15()])
def test_additive_noise(solver, pendulum):
    x, reference = pendulum
    assert abs(order(Pendulum(), x, solver, reference) - solver.strong_order) < 0.2


RATE, VOLATILITY = 0.5, 0.8
GBM = DiagonalSDE(lambda t, x: RATE * x, lambda t, x: VOLATILITY * x)


@pytest.mark.parametrize(("solver", "expected"), [(EulerMaruyama(), 0.5), (Milstein(), 1.0)])
def test_geometric_brownian_motion(solver, expected):
    """``X_1 = X_0 exp((μ − σ²/2) + σ W_1)``, by the tree's own W."""
    x = torch.ones(N, 1, dtype=torch.float64)
    w = BrownianTree.of(0, N).named("solve").increment(0.0, 1.0, x)
    exact = x * torch.exp(RATE - VOLATILITY**2 / 2 + VOLATILITY * w)
    assert abs(order(GBM, x, solver, exact) - expected) < 0.2


@pytest.fixture(scope="module")
def path(mixture):
    """The SDE of a path, far enough from Gaussian data; its start and its end."""
    law = ExactPath(Linear(), mixture(2, spread=3.0))
    dynamics = PathDynamics(law.prediction(VELOCITY), constant(0.5))
    x = law.marginal(0.125).sample(BrownianTree.of(0, N))
    return dynamics, x, end(dynamics, x, SRK15(), 1024, 0.125, 0.625)


CONVERGING = [name for name, solver in SDE.items() if solver.strong_order > 0]


@pytest.mark.parametrize("name", CONVERGING)
def test_registered_solvers_on_a_path(name, path):
    dynamics, x, reference = path
    found = order(dynamics, x, SDE[name], reference, 0.125, 0.625)
    assert abs(found - SDE[name].strong_order) < 0.2


def test_every_sde_solver_declares_its_strong_order():
    """But for correctors, whose own error stays."""
    left = [SDE[name] for name in set(SDE) - set(CONVERGING)]
    assert all(isinstance(solver, PredictorCorrector) for solver in left)
