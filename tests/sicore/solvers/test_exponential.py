"""DDIM: Euler's method in other coordinates, and exact for a point."""

import torch

from sicore.dynamics import PathDynamics
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import VP, Linear
from sicore.predictions import DATA, NOISE, VELOCITY
from sicore.solvers import DDIM, Euler, UniformGrid, solve
from sicore.states import Noise


def test_ddim_is_euler_in_the_noise_level(one_sided, exact):
    """With u = x/β and σ = γ/β the ODE is ``du/dσ = E[z|x]``, and DDIM its Euler method."""
    law = exact(one_sided)
    times = UniformGrid().times(9, one_sided, 0.1, 0.7)
    x = law.marginal(0.1).sample(Noise.of(0, 5))
    _, beta, gamma = one_sided.coefficients(times)
    u = x / beta[0]
    for i in range(9):
        noise = law.value(NOISE, times[i], u * beta[i])
        u = u + (gamma[i + 1] / beta[i + 1] - gamma[i] / beta[i]) * noise
    made = solve(PathDynamics(law.prediction(NOISE)), x, times, DDIM()).x
    scale = float(x.abs().max())  # 80 on the EDM path
    torch.testing.assert_close(made, u * beta[9], rtol=1e-12, atol=1e-12 * scale)


def test_one_step_to_a_point_is_exact(one_sided):
    point = torch.tensor([[1.5, -2.0]], dtype=torch.float64)
    law = ExactPath(
        one_sided,
        GaussianMixture(torch.ones(1).double(), point, torch.zeros(1, 2, 2).double()),
    )
    x = law.marginal(0.0).sample(Noise.of(0, 4))
    made = solve(PathDynamics(law.prediction(DATA)), x, torch.tensor([0.0, 1.0]), DDIM()).x
    torch.testing.assert_close(made, point.expand(4, 2))


def test_on_the_linear_path_it_is_eulers_method(exact):
    """``β + γ = 1``: one jump with constant expectations is one straight line."""
    law = exact(Linear())
    x, times = law.marginal(0.0).sample(Noise.of(0, 5)), UniformGrid().times(7, Linear())
    dynamics = PathDynamics(law.prediction(VELOCITY))
    jumped, stepped = solve(dynamics, x, times, DDIM()).x, solve(dynamics, x, times, Euler()).x
    torch.testing.assert_close(jumped, stepped, rtol=1e-12, atol=1e-12)


def test_it_runs_backward(exact):
    law = exact(VP())
    x, times = law.marginal(0.9).sample(Noise.of(0, 5)), UniformGrid().times(400, VP(), 0.9, 0.2)
    dynamics = PathDynamics(law.prediction(VELOCITY))
    there = solve(dynamics, x, times, DDIM()).x
    again = solve(dynamics, there, times.flip(0), DDIM()).x
    assert (again - x).abs().max() < 0.05
