"""The law at the end: mean, covariance and density, for several ε, in both directions."""

import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, constant, proportional
from sicore.interpolants import EDM, VP, Linear, QuadraticGamma, TwoSidedLinear
from sicore.plugins import get_registry
from sicore.predictions import PAIR, VELOCITY
from sicore.solvers import RK4, Heun, StochasticHeun, UniformGrid, solve
from sicore.states import Noise

N = 2000
PATHS = {
    "linear": (Linear(), VELOCITY),
    "vp": (VP(), VELOCITY),
    "two-sided": (TwoSidedLinear(QuadraticGamma()), PAIR),
}

SDE = [
    entry.name
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore" and Component.parse("solver", entry.name).build().stochastic
]


def same_law(x, law):
    """Mean, covariance and mean log-density within 4 Monte Carlo standard errors."""
    n, centred = len(x), x - law.mean
    mean_error = centred.mean(0).abs() / (law.covariance.diagonal() / n).sqrt()
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    error = (products.mean(0) - law.covariance).abs() / (products.std(0) / n**0.5)
    reference = law.log_prob(law.sample(Noise.of(99, 20_000)))
    gap = (law.log_prob(x).mean() - reference.mean()).abs() / (reference.std() / n**0.5)
    assert mean_error.max() < 4 and error.max() < 4 and gap < 4


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("name", PATHS)
def test_the_law_at_the_end(name, epsilon, backward, exact):
    path, kind = PATHS[name]
    law = exact(path)
    start, end = (1.0, 0.0) if backward else (0.0, 1.0)
    shape = proportional(epsilon, path) if epsilon else None
    dynamics = PathDynamics(law.prediction(kind), shape, backward=backward)
    noise = Noise.of(0, N)
    x = law.marginal(start).sample(noise)
    solver = StochasticHeun() if epsilon else Heun()
    end_state = solve(dynamics, x, UniformGrid().times(60, path, start, end), solver, noise)
    assert end_state.status.sum() == 0
    same_law(end_state.x, law.marginal(end))


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_the_law_with_a_constant_epsilon(backward, exact):
    """Between times at which the score exists."""
    path = Linear()
    law = exact(path)
    start, end = (0.95, 0.05) if backward else (0.05, 0.95)
    dynamics = PathDynamics(law.prediction(VELOCITY), constant(2.0), backward=backward)
    noise = Noise.of(1, N)
    x = law.marginal(start).sample(noise)
    made = solve(dynamics, x, UniformGrid().times(100, path, start, end), StochasticHeun(), noise)
    same_law(made.x, law.marginal(end))


@pytest.mark.parametrize("name", SDE)
def test_the_law_by_every_sde_solver(name, exact):
    """Beyond Gaussians, on which weak orders are measured."""
    law, noise = exact(Linear()), Noise.of(2, N)
    dynamics = PathDynamics(law.prediction(VELOCITY), constant(0.5))
    x, times = law.marginal(0.05).sample(noise), UniformGrid().times(150, Linear(), 0.05, 0.8)
    same_law(
        solve(dynamics, x, times, Component.parse("solver", name).build(), noise).x,
        law.marginal(0.8),
    )


def test_the_sde_mixes_and_the_ode_does_not(exact):
    """ε changes the coupling of start and end, not the law: with noise they decorrelate."""
    path, noise = Linear(), Noise.of(0, N)
    law = exact(path, 1)
    x = law.marginal(0.0).sample(noise)
    times = UniformGrid().times(50, path)
    ends = {}
    for epsilon in (None, proportional(0.5, path), proportional(5.0, path)):
        solver = StochasticHeun() if epsilon else Heun()
        made = solve(PathDynamics(law.prediction(VELOCITY), epsilon), x, times, solver, noise)
        ends[epsilon] = abs(float(torch.corrcoef(torch.cat((x, made.x), 1).T)[0, 1]))
    ode, little, much = ends.values()
    assert ode > little + 0.1 > much + 0.2


def test_forward_and_backward_are_inverse(one_sided, exact):
    law = exact(one_sided)
    x = law.marginal(0.0).sample(Noise.of(0, 20))
    dynamics = PathDynamics(law.prediction(VELOCITY))
    steps = 250 if isinstance(one_sided, EDM) else 120
    times = UniformGrid().times(steps, one_sided)
    data = solve(dynamics, x, times, RK4()).x
    again = solve(dynamics, data, times.flip(0), RK4()).x
    scale = x.abs().max()  # 80 on the EDM path
    assert (again - x).abs().max() < 1e-5 * max(1.0, float(scale))
