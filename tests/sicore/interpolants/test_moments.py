"""Mean and variance of every diffusion against the moment equations of its paper's SDE.

``dx = f(τ) x dτ + g(τ) dw``, or with a pull towards y, in the paper's time ``τ = 1 − t`` from the
data on, has ``ṁ = f m``, ``v̇ = 2 f v + g²``: integrated here in float64 from f and g as the papers
write them, without a formula of the library.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from sicore.dynamics import noising
from sicore.interpolants import (
    EDM,
    OUVE,
    SBVE,
    VE,
    VP,
    SubVP,
    VPCosine,
    VPSigmoid,
    brownian_bridge,
)

LAST = 0.98  # some rates have a pole at τ = 1


class Diffusion(NamedTuple):
    """``dx = (f x + pull y) dτ + g dw``."""

    path: object
    f: object
    square: object  # g²
    pull: object = lambda tau: 0.0
    clock: object = lambda t: 1 - t  # τ of t


def rate(tau, low=0.1, high=20.0):
    return low + tau * (high - low)


def sub_vp(tau):
    whole = 0.1 * tau + 19.9 * tau**2 / 2
    return rate(tau) * -math.expm1(-2 * whole)


def cosine(tau, s=0.008):
    """``−d log ᾱ/dτ`` of the cosine schedule."""
    angle = math.pi / 2 / (1 + s)
    return 2 * angle * math.tan(angle * (tau + s))


def sigmoid(tau, start=-3.0, end=3.0):
    """``−d log ᾱ/dτ`` of the sigmoid schedule."""
    here, last = (1 / (1 + math.exp(-(start + u * (end - start)))) for u in (tau, 1.0))
    return (end - start) * here * (1 - here) / (last - here)


def pinned(square, left):
    """A diffusion without drift, held to y at τ = 1: Doob's transform pulls by ``g²/left``."""
    pull = lambda tau: square(tau) / left(tau)  # noqa: E731
    return dict(f=lambda tau: -pull(tau), square=square, pull=pull)


DIFFUSIONS = {
    "vp": Diffusion(VP(), lambda u: -rate(u) / 2, rate),
    "vp, other rates": Diffusion(
        VP(1.0, 5.0), lambda u: -rate(u, 1, 5) / 2, lambda u: rate(u, 1, 5)
    ),
    "vp-cosine": Diffusion(VPCosine(), lambda u: -cosine(u) / 2, cosine),
    "vp-cosine, other offset": Diffusion(
        VPCosine(0.1), lambda u: -cosine(u, 0.1) / 2, lambda u: cosine(u, 0.1)
    ),
    "vp-sigmoid": Diffusion(
        VPSigmoid(), lambda u: -sigmoid(u) / 2, sigmoid, clock=lambda t: 1 - t**2
    ),
    "vp-sigmoid, other ends": Diffusion(
        VPSigmoid(-2.0, 6.0, 0.5),
        lambda u: -sigmoid(u, -4, 12) / 2,
        lambda u: sigmoid(u, -4, 12),
        clock=lambda t: 1 - t**2,
    ),
    "sub-vp": Diffusion(SubVP(), lambda u: -rate(u) / 2, sub_vp),
    "ve": Diffusion(VE(), lambda u: 0.0, lambda u: (0.01 * 5000**u) ** 2 * 2 * math.log(5000)),
    "edm": Diffusion(  # the paper's clock is σ itself: g² = 2σ
        EDM(), lambda sigma: 0.0, lambda sigma: 2 * sigma, clock=lambda t: 80 * (1 - t) ** 7
    ),
    "ouve": Diffusion(
        OUVE(),
        lambda u: -1.5,
        lambda u: (0.05 * 10**u) ** 2 * 2 * math.log(10),
        lambda u: 1.5,
    ),
    "sb-ve": Diffusion(
        SBVE(),
        **pinned(
            lambda u: 0.4 * 2.6 ** (2 * u),
            lambda u: 0.4 * (2.6**2 - 2.6 ** (2 * u)) / (2 * math.log(2.6)),
        ),
    ),
    "brownian-bridge": Diffusion(
        brownian_bridge(0.7), **pinned(lambda u: 0.49, lambda u: 0.49 * (1 - u))
    ),
}


def integrated(case, clock):
    """Share of the data, share of y and variance at times of the paper's clock, rising."""

    def slope(tau, state):
        data, y, variance = state
        f = case.f(tau)
        return f * data, f * y + case.pull(tau), 2 * f * variance + case.square(tau)

    solved = solve_ivp(
        slope, (0, clock[-1]), (1.0, 0.0, 0.0), "DOP853", clock, rtol=1e-12, atol=1e-13
    )
    assert solved.success
    return solved.y


@pytest.mark.parametrize("name", DIFFUSIONS)
def test_transition_moments(name):
    case = DIFFUSIONS[name]
    t = np.linspace(1.0, 1 - LAST, 15)
    data, y, variance = integrated(case, case.clock(t))
    alpha, beta, gamma = case.path.coefficients(torch.from_numpy(t))
    for made, expected in ((beta, data), (alpha, y), (gamma**2, variance)):
        expected = torch.from_numpy(expected)
        error = (made - expected).abs() / expected.abs().max().clamp(min=1)
        assert error.max() < 1e-8


@pytest.mark.parametrize("name", [n for n, c in DIFFUSIONS.items() if not c.path.two_sided])
def test_half_the_squared_diffusion_is_the_noising_epsilon(name):
    """``ε = g²/2`` is what ``noising`` makes from α, β, γ alone, in the clock t."""
    case = DIFFUSIONS[name]
    t = torch.linspace(0.1, 0.95, 12, dtype=torch.float64, requires_grad=True)
    tau = case.clock(t)
    (speed,) = torch.autograd.grad(tau.sum(), t)
    square = torch.tensor([case.square(u) for u in tau.tolist()], dtype=torch.float64)
    epsilon = noising(case.path)(t.detach())
    torch.testing.assert_close(epsilon, square * speed.abs() / 2, rtol=1e-9, atol=0)


def test_ouve_as_published():
    """Its noisiest state, and what is missing from the start at y."""
    alpha, beta, gamma = (float(c) for c in OUVE().coefficients(torch.tensor(0.0).double()))
    assert abs(gamma - 0.3889827) < 5e-8
    assert abs(beta - 0.2231302) < 5e-8 and alpha == 1 - beta
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    noise = noising(OUVE())(t)
    square = (0.05 * 10 ** (1 - t)) ** 2 * 2 * math.log(10)
    torch.testing.assert_close(noise, square / 2, rtol=1e-12, atol=0)


def test_sb_ve_as_published():
    """Weights and deviation as the paper states them, for k = 2.6 and c = 0.4."""
    tau = torch.linspace(0, 1, 11, dtype=torch.float64)
    variance = 0.4 * (2.6 ** (2 * tau) - 1) / (2 * math.log(2.6))
    rest = variance[-1] - variance
    alpha, beta, gamma = SBVE().coefficients(1 - tau)
    close = dict(rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(beta, rest / variance[-1], **close)
    torch.testing.assert_close(alpha, variance / variance[-1], **close)
    torch.testing.assert_close(gamma, (rest * variance / variance[-1]).sqrt(), **close)
    assert abs(SBVE().variance - (2.6**2 - 1) * 0.4 / (2 * math.log(2.6))) < 1e-15


def test_sb_ve_tends_to_the_brownian_bridge():
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    near, bridge = SBVE(1 + 1e-7, 0.49), brownian_bridge(0.7)
    for made, expected in zip(near.coefficients(t), bridge.coefficients(t), strict=True):
        torch.testing.assert_close(made, expected, rtol=1e-6, atol=1e-7)
