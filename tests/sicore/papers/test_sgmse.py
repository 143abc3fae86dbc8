"""SGMSE+ on Gaussian data: what its samplers tend to as the steps grow, in closed form.

For ``x1 ~ N(m, v)`` the score is linear, and so is every step: the law of the result follows from
its mean and from what each normal number adds, one at a time, without Monte Carlo.

The reverse diffusion that starts in x has the law of x1 given ``x_0 = x``: mean
``m + K (x − mean of x_0)``, variance ``v − K² S`` with ``S = β² v + γ²`` and ``K = β v/S``. From
``y + γ z`` in place of the true start, ``K β (m − y)`` of the mean is missing.
"""

from dataclasses import dataclass

import pytest
import torch

from sicore.dynamics import PathDynamics, noising
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import OUVE
from sicore.predictions import NOISE
from sicore.solvers import EulerMaruyama, UniformGrid, solve
from sicore.solvers.predictor_corrector import predictor_corrector
from sicore.states import Noise

PATH, M, V, Y = OUVE(), 0.8, 0.3, -0.5
P = PATH.at(0.0)
S = float(P.beta**2 * V + P.gamma**2)
K = float(P.beta) * V / S
MISSING = K * float(P.beta) * (M - Y)


def gaussian(mean, variance):
    made = torch.tensor([[mean]]).double(), torch.tensor([[[variance]]]).double()
    return GaussianMixture(torch.ones(1).double(), *made)


@dataclass(frozen=True)
class OneAtATime(Noise):
    """Sample k gets 1 in draw k − 2 of a solve (of ``streams`` a step), and 0 in all others."""

    streams: int = 1

    def normal(self, shape, dtype=None, leaf=""):
        place = self.draw * self.streams + (self.streams > 1 and "corrector" not in self.stream)
        return (
            (self.index == place + 2).to(dtype).reshape(-1, *(1 for _ in shape)).expand(-1, *shape)
        )


def law_of_the_end(solver, steps, mean, variance, end=0.97):
    """Mean and variance of what the sampler returns: its last state's denoised value."""
    law = ExactPath(PATH, gaussian(M, V), gaussian(0.0, 1.0)).given(torch.tensor([Y]).double())
    n = 2 + solver.draws * steps
    x = torch.full((n, 1), mean, dtype=torch.float64)
    x[1] += variance**0.5
    observed = torch.full((n, 1), Y, dtype=torch.float64)
    dynamics = PathDynamics(law.prediction(NOISE), noising(PATH), x0=observed)
    noise = OneAtATime(0, torch.arange(n), streams=solver.draws)
    times = UniformGrid().times(steps, PATH, 0.0, end)
    ends = solve(dynamics, x, times, solver, noise).x
    p = PATH.at(end)  # the rest is for the denoiser: Gaussian, so drawn exactly
    slope = float(p.beta * V / (p.beta**2 * V + p.gamma**2))
    left = V - slope**2 * float(p.beta**2 * V + p.gamma**2)
    centre = float(p.alpha) * Y + float(p.beta) * M
    added = slope * (ends - ends[0])
    return M + slope * (float(ends[0]) - centre), float(added.square().sum()) + left


def test_the_reverse_diffusion_is_exact_as_the_steps_grow():
    """From the true start, mean and variance tend to those of the data, as ``1/N``."""
    mean = float(P.alpha) * Y + float(P.beta) * M
    errors = []
    for steps in (100, 200, 400):
        made = law_of_the_end(EulerMaruyama(), steps, mean, S)
        errors.append([abs(made[0] - M), abs(made[1] - V)])
    first, second, third = torch.tensor(errors)
    assert bool((third < 4e-3).all())
    for rougher, finer in ((first, second), (second, third)):
        assert bool((rougher / finer > 1.8).all()) and bool((rougher / finer < 2.2).all())


def test_what_the_published_start_misses():
    """From ``y + γ z``: e^{−θ} of ``x1 − y`` is missing there, and K times it in the end."""
    assert abs(float(P.beta) - 0.2231302) < 1e-7 and abs(float(P.gamma) - 0.3889827) < 1e-7
    variance = V - K**2 * S + K**2 * float(P.gamma) ** 2
    coarse, fine = (law_of_the_end(EulerMaruyama(), n, Y, float(P.gamma) ** 2) for n in (200, 400))
    mean, spread = (2 * b - a for a, b in zip(coarse, fine, strict=True))  # without the 1/N
    assert abs(mean - (M - MISSING)) < 2e-4 and MISSING > 0.09
    assert abs(spread - variance) < 2e-4


@pytest.mark.parametrize("snr", [0.16, 0.5])
def test_correctors_make_up_for_the_start(snr):
    """With the published start and correctors, mean and variance still tend to the data's."""
    solver, errors = predictor_corrector(snr=snr), []
    for steps in (30, 120, 480):
        mean, variance = law_of_the_end(solver, steps, Y, float(P.gamma) ** 2)
        errors.append([abs(mean - M), abs(variance - V)])
    assert errors[2][0] < errors[1][0] < errors[0][0] < MISSING
    assert max(errors[2]) < 2e-3
