"""The empirical order of every registered ODE solver with fixed steps, where the flow is known."""

import numpy as np
import pytest
import torch

from sicore.config import Component
from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import VP, Linear
from sicore.plugins import get_registry
from sicore.solvers import solve

STEPS = {  # where the errors have come down to their slope, and are still above rounding
    1: (64, 128, 256),
    2: (128, 256, 512),
    3: (128, 256, 512),
    4: (128, 256, 512),
    5: (64, 96, 128),
}
PATHS = {"linear": Linear(), "vp": VP()}


def solvers():
    names = [e.name for e in get_registry().entries("solver") if e.plugin == "sicore"]
    made = {name: Component.parse("solver", name).build() for name in names}
    return {n: s for n, s in made.items() if not (s.stochastic or s.draws or s.adaptive)}


ODE = solvers()
EVERY = pytest.mark.parametrize("name", ODE)


def grid(steps, start, end):
    """Steps that grow from nothing, so that a multistep method may begin by those of lower order.

    By equal steps a method that begins by one of order 1 has a global error of order 2 at most,
    whatever follows.
    """
    share = torch.linspace(0, 1, steps + 1, dtype=torch.float64) ** 2
    return start + (end - start) * share


def slope(steps, errors):
    return -float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


@pytest.fixture(scope="module", params=[False, True], ids=["forward", "backward"])
def way(request):
    """Start and end."""
    return (0.9, 0.1) if request.param else (0.1, 0.9)


@pytest.fixture(scope="module", params=PATHS)
def problem(request, way, two_normals):
    """The law, its states at the start, and where they end."""
    law = two_normals(PATHS[request.param])
    x = torch.linspace(-1.8, 1.9, 16, dtype=torch.float64).unsqueeze(1)
    return law, x, law.moved(x, *way)


@EVERY
def test_empirical_order(name, problem, way):
    solver, (law, x, truth) = ODE[name], problem
    steps, errors = STEPS[solver.order], []
    for n in steps:
        gap = solve(law.dynamics(), x, grid(n, *way), solver).x - truth
        errors.append(float(gap.square().mean().sqrt()))
    assert abs(slope(steps, errors) - solver.order) < 0.2


class Growth(Dynamics):
    """``ẋ = (1 + t) x``, without any path."""

    def __init__(self):
        self.seen = []

    def drift(self, t, x):
        self.seen.append(t)
        return x * (1 + t)


def grown(name, dynamics, times):
    """The solution, for a solver that needs no path."""
    try:
        return solve(dynamics, torch.ones(1, 1, dtype=torch.float64), times, ODE[name])
    except InputError as error:
        if "path" in str(error):
            pytest.skip(f"{name} needs a path")
        raise


@EVERY
def test_declared_evaluations_on_a_plain_ode(name):
    """What a solver declares is what it calls."""
    dynamics = Growth()
    made = grown(name, dynamics, torch.linspace(0, 1, 6, dtype=torch.float64))
    assert len(dynamics.seen) == made.nfe == 5 * ODE[name].evaluations + ODE[name].startup


@EVERY
def test_order_on_a_plain_ode(name):
    steps = STEPS[ODE[name].order] if ODE[name].order < 5 else (16, 32, 64)
    errors = []
    for n in steps:
        made = grown(name, Growth(), grid(n, 0.0, 1.0))
        errors.append(float((made.x - torch.tensor(1.5, dtype=torch.float64).exp()).abs()))
    assert abs(slope(steps, errors) - ODE[name].order) < 0.2


@pytest.mark.parametrize("name", ["ab2", "ab4", "euler", "heun", "rk5"])
def test_some_need_no_path(name):
    """The tests above leave out what needs one, and these must not be among them."""
    grown(name, Growth(), torch.linspace(0, 1, 3, dtype=torch.float64))
