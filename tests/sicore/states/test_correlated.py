"""Noise that is correlated along time: the law of white states, seen through L."""

import torch

from sicore.dynamics import PathDynamics
from sicore.interpolants import Linear
from sicore.predictions import VELOCITY, FunctionPrediction
from sicore.solvers import EulerMaruyama, Heun, solve
from sicore.states import CorrelatedSpace, MaskedSpace, Noise, TensorSpace

T, C, N = 5, 2, 20_000
SPACE = TensorSpace((T, C))


def kernel(scale):
    at = torch.linspace(0, 1, T, dtype=torch.float64)
    return torch.exp(-(at[:, None] - at[None]).abs() / scale)


def test_noise_has_the_covariance_of_the_factor():
    covariance = kernel(0.4)
    space = CorrelatedSpace(SPACE, torch.linalg.cholesky(covariance))
    z = Noise.of(0, N, space=space).normal_like(space.zeros(N, torch.float64))
    for channel in range(C):
        values = z[..., channel]
        found = values.T @ values / N
        assert (found - covariance).abs().max() < 4 * (2 / N) ** 0.5
    across = z[..., 0].T @ z[..., 1] / N
    assert across.abs().max() < 4 * (1 / N) ** 0.5


def test_each_sample_may_have_its_own_factor():
    factors = torch.stack([torch.linalg.cholesky(kernel(s)) for s in (0.1, 0.4, 2.0)])
    space = CorrelatedSpace(SPACE, factors)
    noise = Noise.of(3, 3, space=space)
    z = noise.normal_like(space.zeros(3, torch.float64))
    part = noise.take(torch.tensor([2, 0])).normal_like(space.zeros(2, torch.float64))
    assert torch.allclose(part, z[[2, 0]])
    alone = CorrelatedSpace(SPACE, factors[1])
    one = Noise.of(3, 1, 1, space=alone).normal_like(space.zeros(1, torch.float64))
    assert torch.allclose(one[0], z[1])


def test_a_mask_inside_stays():
    there = torch.tensor([[True] * T, [True] * 2 + [False] * (T - 2)]).unsqueeze(-1)
    space = CorrelatedSpace(MaskedSpace(SPACE, there), torch.linalg.cholesky(kernel(0.4)))
    z = Noise.of(0, 2, space=space).normal_like(space.zeros(2))
    assert (z[1, 2:] == 0).all() and (z[1, :2] != 0).all()
    assert (space.take(slice(1, 2)).shape_noise(torch.ones(1, T, C))[0, 2:] == 0).all()


def solved(space, prediction, solver, epsilon, n=4):
    noise = Noise.of(1, n, space=space)
    x = prediction.interpolant.prior(noise, space, torch.float64)
    dynamics = PathDynamics(prediction, epsilon)
    times = torch.linspace(0, 0.95, 21, dtype=torch.float64)
    return solve(dynamics, x, times, solver, noise, space=space).x


def test_a_solve_is_the_white_one_seen_through_the_factor():
    """Data N(0, S) in white states are N(0, L S Lᵀ) here, with the same numbers of noise."""
    factor = torch.linalg.cholesky(kernel(0.4))
    inverse = torch.linalg.inv(factor)
    variances = torch.linspace(0.2, 3, T, dtype=torch.float64).unsqueeze(-1)
    path = Linear()

    def velocity(t, x):
        beta, gamma = t, 1 - t
        total = beta**2 * variances + gamma**2
        return (beta * variances - gamma) / total * x

    white = FunctionPrediction(velocity, path, VELOCITY)
    seen = FunctionPrediction(lambda t, x: factor @ velocity(t, inverse @ x), path, VELOCITY)
    for solver, epsilon in ((Heun(), None), (EulerMaruyama(), lambda t: 0.3 * (1 - t))):
        plain = solved(SPACE, white, solver, epsilon)
        moved = solved(CorrelatedSpace(SPACE, factor), seen, solver, epsilon)
        assert torch.allclose(moved, factor @ plain, atol=1e-10)
