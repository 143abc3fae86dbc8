"""The empirical order of every registered ODE solver, on an exact mixture."""

import numpy as np
import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics
from sicore.interpolants import VP, Linear
from sicore.plugins import get_registry
from sicore.predictions import VELOCITY
from sicore.solvers import RK4, RungeKutta, UniformGrid, solve
from sicore.states import Noise


def solvers(stochastic):
    names = [e.name for e in get_registry().entries("solver") if e.plugin == "sicore"]
    made = {name: Component.parse("solver", name).build() for name in names}
    return {name: solver for name, solver in made.items() if solver.stochastic is stochastic}


ODE = solvers(stochastic=False)
STEPS = {1: (50, 100, 200), 2: (25, 50, 100), 4: (15, 30, 60)}
PATHS = {"linear": Linear(), "vp": VP()}


def slope(steps, errors):
    return -float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


@pytest.fixture(scope="module", params=[False, True], ids=["forward", "backward"])
def way(request):
    """Start and end."""
    return (0.95, 0.05) if request.param else (0.05, 0.95)


@pytest.fixture(scope="module", params=PATHS)
def problem(request, way, exact):
    """An exact mixture, its start, and the end that a fine grid gives."""
    law = exact(PATHS[request.param])
    x = law.marginal(way[0]).sample(Noise.of(0, 8))
    return law, x, integrated(law, x, way, RK4(), 150)


def integrated(law, x, way, solver, steps):
    times = UniformGrid().times(steps, law.interpolant, *way)
    return solve(PathDynamics(law.prediction(VELOCITY)), x, times, solver).x


@pytest.mark.parametrize("name", ODE)
def test_empirical_order(name, problem, way):
    solver, (law, x, reference) = ODE[name], problem
    steps, errors = STEPS[solver.order], []
    for n in steps:
        gap = integrated(law, x, way, solver, n) - reference
        errors.append(float(gap.square().mean().sqrt()))
    assert abs(slope(steps, errors) - solver.order) < 0.15


@pytest.mark.parametrize("name", ODE)
def test_declared_evaluations(name):
    """What a solver declares is what it calls."""
    calls = []

    class Counted:
        calls, direction, stochastic = 1, 0, False

        def drift(self, t, x):
            calls.append(t)
            return x

        def transfer(self, t, s, x):
            calls.append(t)
            return x

        def diffusion(self, t):
            return torch.zeros_like(t)

    solution = solve(Counted(), torch.ones(2, 1), torch.linspace(0, 1, 6), ODE[name])
    assert len(calls) == solution.nfe == 5 * ODE[name].evaluations


@pytest.mark.parametrize("name", [n for n, s in ODE.items() if isinstance(s, RungeKutta)])
def test_order_on_a_plain_ode(name):
    """``ẋ = (1 + t) x`` from 0 to 1, without any path: the tableau on its own."""

    class Growth:
        calls, direction, stochastic = 1, 0, False

        def drift(self, t, x):
            return x * (1 + t)

        def diffusion(self, t):
            return torch.zeros_like(t)

    steps, x = (32, 64, 128), torch.ones(1, 1, dtype=torch.float64)
    exact = torch.tensor(1.5, dtype=torch.float64).exp()
    grids = [torch.linspace(0, 1, n + 1, dtype=torch.float64) for n in steps]
    errors = [float((solve(Growth(), x, g, ODE[name]).x - exact).abs()) for g in grids]
    assert abs(slope(steps, errors) - ODE[name].order) < 0.15
