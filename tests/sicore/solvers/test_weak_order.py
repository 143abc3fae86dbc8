"""The weak order of every registered SDE solver, without Monte Carlo.

On a Gaussian target the drift is affine, hence so is the map of a whole solve, ``x' = M x + N ξ +
c``, with all the normals of all its steps in ξ. Unit perturbations of x and of each ξ read off M, N
and c, and mean and covariance are then carried exactly: the error that is left is the solver's own.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, constant, proportional
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import VP, BrownianGamma, Linear, TwoSidedLinear
from sicore.plugins import get_registry
from sicore.predictions import PAIR, VELOCITY
from sicore.solvers import Multistep, PredictorCorrector, solve
from sicore.solvers.clocks import TimeClock

SDE = {
    entry.name: solver
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
    and (solver := Component.parse("solver", entry.name).build()).stochastic
    and not isinstance(solver, PredictorCorrector)  # its correctors add an error that stays
}


@dataclass(frozen=True)
class Units:
    """In the place of the noise: one row of the batch for each normal of each step."""

    size: int
    draw: int = 0

    def named(self, stream):
        return self

    def at(self, draw):
        return replace(self, draw=draw)

    def coordinates(self, t, s, x, count=1):
        drawn = torch.zeros(count, *x.shape, dtype=x.dtype)
        for i in range(count):
            first = 1 + self.size * (1 + self.draw * count + i)
            drawn[i, first : first + self.size] = torch.eye(self.size, dtype=x.dtype)
        return list(drawn)


def gaussian(mean, covariance):
    made = (torch.tensor(v, dtype=torch.float64) for v in (mean, covariance))
    mean, covariance = made
    return GaussianMixture(torch.ones(1, dtype=torch.float64), mean[None], covariance[None])


TARGET = gaussian([1.0, -0.5], [[0.8, 0.3], [0.3, 0.4]])
SOURCE = gaussian([-0.5, 0.2], [[0.5, -0.2], [-0.2, 0.6]])


def carried(solver, dynamics, times, mean, covariance):
    """Mean and covariance at the end of the grid."""
    d, steps = len(mean), len(times) - 1
    x = torch.zeros(1 + d + d * solver.draws * steps, d, dtype=torch.float64)
    x[1 : 1 + d] = torch.eye(d)
    image = solve(dynamics, x, times, solver, Units(d)).x
    shift, rows = image[0], image[1:] - image[0]
    by_state, by_noise = rows[:d].T, rows[d:].T
    return by_state @ mean + shift, by_state @ covariance @ by_state.T + by_noise @ by_noise.T


def order(solver, law, dynamics, start, end, steps=(50, 100, 200)):
    first, last = law.marginal(start), law.marginal(end)
    errors = []
    for n in steps:
        times = torch.linspace(start, end, n + 1, dtype=torch.float64)
        mean, covariance = carried(solver, dynamics, times, first.mean, first.covariance)
        gaps = (mean - last.mean, covariance - last.covariance)
        errors.append(sum(float(gap.square().sum()) for gap in gaps) ** 0.5)
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


PROBLEMS = {
    "linear, constant ε": (Linear(), VELOCITY, constant(0.5)),
    "linear, ε = γ/2": (Linear(), VELOCITY, proportional(0.5, Linear())),
    "vp, constant ε": (VP(), VELOCITY, constant(0.5)),
    "two-sided, constant ε": (TwoSidedLinear(BrownianGamma()), PAIR, constant(0.5)),
}


def suits(solver, path, backward):
    """Exponential methods run to the data, and those with a clock of the path on one-sided ones."""
    if not isinstance(solver, Multistep):
        return True
    return not backward and (not path.two_sided or isinstance(solver.clock, TimeClock))


CASES = [
    (name, problem, backward)
    for name, solver in SDE.items()
    for problem, (path, _, _) in PROBLEMS.items()
    for backward in (False, True)
    if suits(solver, path, backward)
]


@pytest.mark.parametrize(("name", "problem", "backward"), CASES)
def test_weak_order(name, problem, backward):
    path, kind, epsilon = PROBLEMS[problem]
    law = ExactPath(path, TARGET, SOURCE if path.two_sided else None)
    dynamics = PathDynamics(law.prediction(kind), epsilon, backward=backward)
    start, end = (0.9, 0.1) if backward else (0.1, 0.9)
    assert abs(order(SDE[name], law, dynamics, start, end) - SDE[name].order) < 0.2
