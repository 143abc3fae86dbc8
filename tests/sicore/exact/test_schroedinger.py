"""The bridge between Gaussians, against what makes it the bridge."""

import math

import pytest
import torch

from sicore.errors import InputError
from sicore.exact import GaussianBridge
from sicore.states import Noise

INSIDE = [0.05, 0.3, 0.5, 0.8, 0.95]


def gaussian(d, seed):
    streams = Noise.of(seed, d).named("Gaussian")
    factor = streams.normal((d,), torch.float64)
    covariance = factor @ factor.T + 0.3 * torch.eye(d, dtype=torch.float64)
    return streams.at(1).normal((), torch.float64), covariance


def bridge(epsilon=0.5, d=3):
    return GaussianBridge(*gaussian(d, 0), *gaussian(d, 1), epsilon)


def close(a, b, tolerance):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def rate(function, t, step=1e-5):
    return (function(t + step) - function(t - step)) / (2 * step)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 0.5, 5.0])
def test_it_joins_the_two_laws(epsilon):
    made = bridge(epsilon)
    for t, mean, covariance in (
        (0.0, made.mean0, made.covariance0),
        (1.0, made.mean1, made.covariance1),
    ):
        close(made.mean(t), mean, 1e-14)
        close(made.covariance(t), covariance, 1e-13)
        close(made.marginal(t).covariance, covariance, 1e-13)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 0.5, 5.0])
def test_it_follows_its_drift(epsilon):
    """The moment equations of ``dX = b dt + √(2ε) dW``."""
    made = bridge(epsilon)
    for t in INSIDE:
        gain, covariance = made.gain(t), made.covariance(t)
        noise = 2 * epsilon * torch.eye(3, dtype=torch.float64)
        close(rate(made.covariance, t), gain @ covariance + covariance @ gain.T + noise, 1e-7)
        close(rate(made.mean, t), made.drift(t, made.mean(t)[None])[0], 1e-7)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 0.5, 5.0])
def test_its_drift_is_optimal(epsilon):
    """A gradient that solves ``∂_t b + (b·∇) b + ε Δb = 0``; for ``b = A x + c``: Ȧ + A² = 0."""
    made = bridge(epsilon)
    for t in INSIDE:
        gain = made.gain(t)
        close(gain, gain.T, 1e-12)
        close(rate(made.gain, t), -gain @ gain, 1e-6)


@pytest.mark.parametrize("epsilon", [1e-3, 0.1, 0.5, 5.0])
def test_its_energy_is_that_of_its_drift(epsilon):
    made = bridge(epsilon)
    steps = 2000
    total = (made.mean1 - made.mean0).square().sum()
    for i in range(steps):
        t = (i + 0.5) / steps
        gain = made.gain(t)
        total = total + (gain @ made.covariance(t) @ gain.T).trace() / steps
    assert abs(made.energy / float(total) - 1) < 1e-5


def test_without_noise_it_is_optimal_transport():
    made = bridge(1e-7)
    values, vectors = torch.linalg.eigh(made.covariance0)
    root = vectors * values.sqrt() @ vectors.T
    middle = torch.linalg.eigvalsh(root @ made.covariance1 @ root).sqrt().sum()
    moved = (made.mean1 - made.mean0).square().sum()
    distance = moved + made.covariance0.trace() + made.covariance1.trace() - 2 * middle
    assert abs(made.energy / float(distance) - 1) < 1e-5
    # the joint law is on the graph of a map: no variance of x1 is left, given x0
    cross = made.cross_covariance
    left = made.covariance1 - cross.T @ torch.linalg.solve(made.covariance0, cross)
    assert float(left.abs().max()) < 1e-5


def test_with_much_noise_the_ends_are_independent():
    assert float(bridge(1e4).cross_covariance.abs().max()) < 1e-2


@pytest.mark.parametrize("epsilon", [0.1, 0.5])
def test_in_one_dimension_it_is_what_sinkhorn_finds(epsilon):
    grid = torch.linspace(-7, 8, 401, dtype=torch.float64)
    (m0, s0), (m1, s1) = (0.0, 1.0), (1.0, 0.6)
    laws = [torch.softmax(-((grid - m) ** 2) / (2 * s**2), 0) for m, s in ((m0, s0), (m1, s1))]
    kernel = torch.exp(-((grid[:, None] - grid) ** 2) / (4 * epsilon))  # of variance 2ε
    right = torch.ones_like(grid)
    for _ in range(300):
        left = laws[0] / (kernel @ right)
        right = laws[1] / (kernel.T @ left)
    plan = left[:, None] * kernel * right
    cross = float((plan * torch.outer(grid - m0, grid - m1)).sum())
    one = torch.ones(1, 1, dtype=torch.float64)
    made = GaussianBridge(m0 * one[0], s0**2 * one, m1 * one[0], s1**2 * one, epsilon)
    assert abs(float(made.cross_covariance) - cross) < 1e-6
    moved = float((plan * (grid[:, None] - grid) ** 2).sum())
    conditional = plan / laws[0][:, None]
    step = float(grid[1] - grid[0])
    brownian = kernel * step / math.sqrt(4 * math.pi * epsilon)
    divergence = float(torch.special.xlogy(plan, conditional / brownian).sum())
    assert abs(made.energy - 4 * epsilon * divergence) < 1e-4
    assert moved > made.energy - 2 * epsilon


def test_the_drift_takes_a_batch():
    made = bridge()
    x = Noise.of(0, 5).normal((3,), torch.float64)
    expected = [made.mean1 - made.mean0 + made.gain(0.3) @ (row - made.mean(0.3)) for row in x]
    close(made.drift(0.3, x), torch.stack(expected), 1e-12)


def test_what_does_not_fit_is_refused():
    mean, covariance = gaussian(3, 0)
    with pytest.raises(InputError, match="shapes"):
        GaussianBridge(mean, covariance, mean[:2], covariance, 0.5)
    with pytest.raises(InputError, match="epsilon > 0"):
        GaussianBridge(mean, covariance, mean, covariance, 0.0)
