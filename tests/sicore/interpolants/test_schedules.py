"""Variance-preserving schedules as their papers write them, and DDIM on them."""

import math

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.interpolants import VP, SubVP, VPCosine, VPSigmoid
from sicore.predictions import NOISE
from sicore.solvers import DDIM, UniformGrid, solve
from sicore.states import Noise

T = torch.linspace(0.0, 1.0, 41, dtype=torch.float64)
SCHEDULES = {
    "vp": VP(),
    "vp-cosine": VPCosine(),
    "vp-sigmoid": VPSigmoid(),
    "vp-sigmoid, sharp": VPSigmoid(0.0, 3.0, 0.3),
}


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("s", [0.008, 0.1])
def test_cosine_alpha_bar(s):
    """Nichol and Dhariwal 2021, equation 17: ``ᾱ = f(τ)/f(0)``."""

    def f(tau):
        return torch.cos((tau + s) / (1 + s) * math.pi / 2) ** 2

    _, beta, gamma = VPCosine(s).coefficients(T)
    expected = f(1 - T) / f(torch.tensor(0.0).double())
    close(beta**2, expected)
    close(gamma**2, 1 - expected)
    assert beta[0] == 0 and beta[-1] == 1 and gamma[-1] == 0


@pytest.mark.parametrize(("start", "end", "temperature"), [(-3, 3, 1.0), (0, 3, 0.3), (-3, 3, 0.1)])
def test_sigmoid_alpha_bar(start, end, temperature):
    """Chen 2023, algorithm 1, without clipping, at ``τ = 1 − t²``."""
    tau = 1 - T**2
    ends = torch.tensor([start, end]).double()
    here, first, last = (
        torch.sigmoid(place / temperature) for place in (start + tau * (end - start), *ends)
    )
    expected = (last - here) / (last - first)
    path = VPSigmoid(start, end, temperature)
    _, beta, gamma = path.coefficients(T)
    close(beta**2, expected)
    close(gamma**2, 1 - expected)
    assert beta[0] == 0 and gamma[-1] == 0
    assert bool(torch.stack(path.derivatives(T)).isfinite().all())


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_rounding_where_the_noise_ends(name):
    """``γ²`` near the data has its full relative precision, where ``1 − β²`` has lost it."""
    path = SCHEDULES[name]
    t = 1 - 10.0 ** -torch.arange(2, 13, 2, dtype=torch.float64)
    slope = -2 * path.derivatives(torch.ones(1, dtype=torch.float64))[2]
    ratio = path.coefficients(t)[2] ** 2 / ((1 - t) * slope)  # tends to 1
    gaps = (ratio - 1).abs() / (1 - t)
    assert gaps[:4].max() < 2 * gaps[0] + 1 and (ratio[4:] - 1).abs().max() < 1e-7


def test_sub_vp_has_the_squared_deviation_of_vp():
    close(SubVP(0.2, 9.0).coefficients(T)[2], VP(0.2, 9.0).coefficients(T)[2] ** 2)
    close(SubVP(0.2, 9.0).coefficients(T)[1], VP(0.2, 9.0).coefficients(T)[1])


@pytest.mark.parametrize("name", SCHEDULES)
def test_infinite_noise_is_at_the_start(name):
    """Where β = 0 the noise level is infinite, and so is its inverse there."""
    path = SCHEDULES[name]
    first = path.noise_level(T[0])
    assert path.time_at(torch.zeros(()).double()) == 1
    close(path.time_at(first), T[0])


@pytest.mark.parametrize("name", SCHEDULES)
def test_ddim_is_eulers_method_for_the_ode_of_x_over_a(name, exact):
    """η = 0: with ``u = x/√ᾱ`` and ``σ = √((1 − ᾱ)/ᾱ)`` the ODE is ``du/dσ = E[z|x]``."""
    path = SCHEDULES[name]
    law, times = exact(path), UniformGrid().times(12, path, 0.05, 0.9)
    x = law.marginal(0.05).sample(Noise.of(0, 6))
    _, a, m = path.coefficients(times)
    u = x / a[0]
    for i in range(12):
        noise = law.value(NOISE, times[i], u * a[i])
        u = u + (m[i + 1] / a[i + 1] - m[i] / a[i]) * noise
    made = solve(PathDynamics(law.prediction(NOISE)), x, times, DDIM()).x
    close(made, u * a[-1])
