"""The path from the present to the future, on a Gaussian whose law is known."""

import pytest
import torch

from sicore.dynamics import PathDynamics, noising
from sicore.errors import InputError
from sicore.interpolants import Foellmer
from sicore.predictions import DATA, FunctionPrediction
from sicore.solvers import EulerMaruyama, solve
from sicore.states import Noise, TensorSpace

PATH = Foellmer(0.7)
MEAN, DEVIATION, PRESENT = 1.5, 0.5, 2.0
N = 20_000


def test_the_noising_diffusion_is_the_foellmer_process():
    """``g² = |2 t σ_t (β̇ σ_t/β − σ̇_t) − σ_t²|`` of the paper, and ``ε = g²/2``."""
    t = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)
    sigma = 0.7 * (1 - t)
    square = 2 * t * sigma * (sigma / t + 0.7) - sigma**2
    torch.testing.assert_close(noising(PATH)(t), square / 2)
    torch.testing.assert_close(square, 0.49 * (1 - t**2))


def posterior(t, x):
    """``E[x1|x_t, x0]`` for x1 normal given x0."""
    p = PATH.at(t)
    seen = x - p.alpha * PRESENT
    gain = p.beta * DEVIATION**2 / (p.beta**2 * DEVIATION**2 + p.gamma**2)
    return MEAN + gain * (seen - p.beta * MEAN)


@pytest.mark.parametrize("epsilon", [noising(PATH), lambda t: 0.3 * PATH.at(t).gamma])
def test_one_present_has_a_future_with_the_right_law(epsilon):
    space, noise = TensorSpace((1,)), Noise.of(0, N)
    x0 = torch.full((N, 1), PRESENT, dtype=torch.float64)
    prediction = FunctionPrediction(posterior, PATH, DATA)
    start = 1e-3
    x = PATH.prior(noise, space, torch.float64, start, x0)
    times = torch.linspace(start**0.5, 1, 201, dtype=torch.float64) ** 2
    flow = PathDynamics(prediction, epsilon, x0=x0)
    x = solve(flow, x, times[:-1], EulerMaruyama(), noise, space=space).x
    assert abs(float(x.mean()) - MEAN) < 4 * DEVIATION / N**0.5 + 0.02
    assert abs(float(x.std()) / DEVIATION - 1) < 4 / (2 * N) ** 0.5 + 0.03


def test_sigma_must_be_positive():
    with pytest.raises(InputError, match="sigma > 0"):
        Foellmer(0.0)
