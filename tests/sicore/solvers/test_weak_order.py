"""The weak order of every registered SDE solver, without Monte Carlo.

On a Gaussian target the drift is affine, hence so is the map of a step, ``x' = M x + N ΔW + c``.
Unit perturbations of x and of ΔW read off M, N and c, and mean and covariance are then carried
exactly: the error that is left is the solver's own.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, constant, proportional
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import VP, BrownianGamma, Linear, TwoSidedLinear
from sicore.plugins import get_registry
from sicore.predictions import PAIR, VELOCITY
from sicore.states import scale

SDE = {
    entry.name: solver
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
    and (solver := Component.parse("solver", entry.name).build()).stochastic
}


@dataclass(frozen=True)
class Units:
    """Stands in for the noise: its increments are given vectors, scaled to the step."""

    units: torch.Tensor

    def increment(self, t, s, x):
        return scale((s - t).abs().sqrt(), self.units)


def gaussian(mean, covariance):
    made = (torch.tensor(v, dtype=torch.float64) for v in (mean, covariance))
    mean, covariance = made
    return GaussianMixture(torch.ones(1, dtype=torch.float64), mean[None], covariance[None])


TARGET = gaussian([1.0, -0.5], [[0.8, 0.3], [0.3, 0.4]])
SOURCE = gaussian([-0.5, 0.2], [[0.5, -0.2], [-0.2, 0.6]])


def carried(solver, dynamics, times, mean, covariance):
    """Mean and covariance at the end of the grid."""
    d = len(mean)
    zero, eye = torch.zeros(d, d).double(), torch.eye(d).double()
    x = torch.cat((zero[:1], eye, zero))
    noise = Units(torch.cat((zero[:1], zero, eye)))
    for t, s in pairwise(times):
        image, _ = solver.step(dynamics, t, s, x, None, noise)
        shift = image[0]
        by_state, by_noise = ((image[1 + i * d :][:d] - shift).T for i in (0, 1))
        mean = by_state @ mean + shift
        covariance = by_state @ covariance @ by_state.T + by_noise @ by_noise.T
    return mean, covariance


PROBLEMS = {
    "linear, constant ε": (Linear(), VELOCITY, constant(0.5)),
    "linear, ε = γ/2": (Linear(), VELOCITY, proportional(0.5, Linear())),
    "vp, constant ε": (VP(), VELOCITY, constant(0.5)),
    "two-sided, constant ε": (TwoSidedLinear(BrownianGamma()), PAIR, constant(0.5)),
}


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", SDE)
def test_weak_order(name, problem, backward):
    solver = SDE[name]
    path, kind, epsilon = PROBLEMS[problem]
    law = ExactPath(path, TARGET, SOURCE if path.two_sided else None)
    dynamics = PathDynamics(law.prediction(kind), epsilon, backward=backward)
    start, end = (0.9, 0.1) if backward else (0.1, 0.9)
    first, last = law.marginal(start), law.marginal(end)
    steps, errors = (50, 100, 200), []
    for n in steps:
        times = torch.linspace(start, end, n + 1, dtype=torch.float64)
        mean, covariance = carried(solver, dynamics, times, first.mean, first.covariance)
        gaps = (mean - last.mean, covariance - last.covariance)
        errors.append(sum(float(gap.square().sum()) for gap in gaps) ** 0.5)
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(order - solver.order) < 0.15
