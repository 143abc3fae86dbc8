"""The Gaussian model as reference: the order of every registered solver for ODEs."""

import numpy as np
import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics
from sicore.gaussian import GaussianModel
from sicore.interpolants import VP, Trigonometric
from sicore.plugins import get_registry
from sicore.solvers import solve
from sicore.states import Noise

BUILT = {
    entry.name: Component.parse("solver", entry.name).build()
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
}
ODE = {  # order 5 reaches rounding before its slope here
    name: solver
    for name, solver in BUILT.items()
    if not (solver.stochastic or solver.draws or solver.adaptive) and solver.order < 5
}
STEPS = {
    1: (50, 100, 200),
    2: (50, 100, 200),
    3: (100, 200, 400),
    4: (400, 800, 1600),
}


@pytest.mark.parametrize("path", [Trigonometric(), VP()], ids=["trigonometric", "vp"])
@pytest.mark.parametrize("name", ODE)
def test_order_against_the_formula(name, path):
    basis = torch.linalg.qr(Noise.of(0, 3).normal((3,), torch.float64)).Q
    model = GaussianModel(torch.tensor([1.0, -0.5, 2.0]), torch.tensor([2.0, 0.6, 0.2]), basis)
    x = Noise.of(1, 4).normal((3,), torch.float64)
    exact = model.transport(path, 0.05, 0.95, x)
    solver, errors = ODE[name], []
    for n in STEPS[solver.order]:
        # Steps that grow from nothing, since a multistep method begins by one of order 1.
        times = 0.05 + 0.9 * torch.linspace(0, 1, n + 1, dtype=torch.float64) ** 2
        made = solve(PathDynamics(model.prediction(path)), x, times, solver).x
        errors.append(float((made - exact).square().mean().sqrt()))
    slope = -np.polyfit(np.log(STEPS[solver.order]), np.log(errors), 1)[0]
    assert abs(slope - solver.order) < 0.2
