"""The path with free coefficients: its own sums; the rest is in the conformance suite."""

import math

import pytest
import torch

from sicore.config import Component
from sicore.interpolants import BrownianGamma, Fourier, QuadraticGamma, TwoSidedLinear
from sicore.testing import check_interpolant

PATH = Fourier((0.3, -0.1, 0.05), (0.2, 0.4), BrownianGamma(0.5))
TIMES = torch.linspace(0, 1, 101, dtype=torch.float64)


def close(a, b, tolerance=1e-13):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_the_sums():
    alpha, beta, gamma = PATH.coefficients(TIMES)
    s1, s2, s3 = (torch.sin(math.pi * k * TIMES) for k in (1, 2, 3))
    close(alpha, 1 - TIMES + 0.3 * s1 - 0.1 * s2 + 0.05 * s3)
    close(beta, TIMES + 0.2 * s1 + 0.4 * s2)
    close(gamma**2, 0.5 * TIMES * (1 - TIMES))


def test_derivatives_are_those_of_the_sums():
    check_interpolant(PATH, tolerance=1e-12)


def test_the_ends_are_exact():
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    alpha, beta, gamma = PATH.coefficients(ends)
    assert alpha.tolist() == [1.0, 0.0] and beta.tolist() == [0.0, 1.0]
    assert gamma.tolist() == [0.0, 0.0]


def test_without_coefficients_it_is_the_straight_line():
    plain, line = Fourier(gamma=QuadraticGamma()), TwoSidedLinear(QuadraticGamma())
    for made, expected in (
        (plain.coefficients(TIMES), line.coefficients(TIMES)),
        (plain.derivatives(TIMES), line.derivatives(TIMES)),
    ):
        close(torch.stack(made), torch.stack(expected), 0.0)


@pytest.mark.parametrize("t", [torch.tensor(0.3), torch.tensor([0.3, 0.6])])
def test_shapes_of_time(t):
    p = PATH.at(t)
    assert p.alpha.shape == p.beta_dot.shape == t.shape


def test_a_configuration_holds_the_coefficients():
    entry = {
        "name": "fourier",
        "a": [0.3, -0.1, 0.05],
        "b": [0.2, 0.4],
        "gamma": {"name": "brownian", "a": 0.5},
    }
    component = Component.parse("interpolant", entry)
    assert component.build() == PATH
    assert Component.parse("interpolant", component.plain()).build() == PATH


def test_gradients_reach_coefficients_that_are_tensors():
    a = torch.tensor([0.3, -0.1, 0.05], dtype=torch.float64, requires_grad=True)
    alpha, _, _ = Fourier(a, PATH.b, PATH.gamma).coefficients(TIMES)
    (slope,) = torch.autograd.grad(alpha[30], a)
    close(slope, torch.sin(math.pi * 0.3 * torch.arange(1, 4).double()))
