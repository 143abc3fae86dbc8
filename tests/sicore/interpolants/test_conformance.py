"""What every path promises; each test runs on every registered interpolant and γ."""

import math

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import (
    EDM,
    OUVE,
    PFGMPP,
    SBVE,
    VE,
    VP,
    BrownianGamma,
    ConditionalOT,
    Linear,
    SubVP,
    TwoSidedTrigonometric,
    VariancePreserving,
    VPCosine,
    VPSigmoid,
)
from sicore.states import Noise, TensorSpace
from sicore.testing import check_interpolant

INSIDE = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
ENDS = torch.tensor([0.0, 1.0], dtype=torch.float64)
N = 40_000
OTHERS = (
    Linear(0.1),
    VP(1.0, 5.0),
    SubVP(0.5, 9.0),
    VPCosine(0.3),
    VPSigmoid(0.0, 3.0, 0.1),
    VE(0.002, 80.0),
    EDM(5.0, 1.0),
    PFGMPP(D=0.8),
    PFGMPP(D=math.inf),
    TwoSidedTrigonometric(BrownianGamma(3.9)),
    OUVE(0.3, 0.1, 2.0),
    ConditionalOT(1.0, 0.1),
    SBVE(0.4, 2.0),
    SBVE(12.0, 0.1),
)


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_the_suite(any_path):
    """Ends, times, derivatives, draws, noise level and all conversions, ends included."""
    check_interpolant(any_path)


@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_the_suite_with_other_parameters(other):
    check_interpolant(other)


def test_the_path_ends_in_the_data(any_path):
    alpha, beta, gamma = any_path.coefficients(ENDS[1])
    close(torch.stack((alpha, beta, gamma)), torch.tensor([0.0, 1.0, 0.0]).double(), 1e-15)


STARTS = {"mirror": (0.0, 1.0, 0.0), "ouve": (1 - math.exp(-1.5), math.exp(-1.5), 0.3889827)}


def test_a_two_sided_path_starts_in_the_source(two_sided, request):
    """All but a mirror, which starts in the data, and OUVE, which does not reach its source."""
    name = request.node.callspec.id.split("-")[0]
    start = torch.tensor(STARTS.get(name, (1.0, 0.0, 0.0))).double()
    close(torch.stack(two_sided.coefficients(ENDS[0])), start, 1e-15 if start[1] == 0 else 1e-7)


def test_a_one_sided_path_starts_in_noise(one_sided):
    alpha, beta, gamma = one_sided.coefficients(ENDS[0])
    assert alpha == 0
    assert gamma > 0 and beta / gamma < 0.0201  # VE: 1/50; EDM: 1/80; VP: exp(−5.025)


def test_variance_is_preserved_by_paths_that_say_so(one_sided):
    _, beta, gamma = one_sided.coefficients(INSIDE)
    keeps = bool(((beta**2 + gamma**2 - 1).abs() < 1e-12).all())
    assert keeps is (
        isinstance(one_sided, VariancePreserving) or type(one_sided).__name__ == "Trigonometric"
    )


def test_derivatives_are_those_of_autodiff(any_path):
    t = INSIDE.clone().requires_grad_()
    alpha, beta, gamma = any_path.coefficients(t)
    for value, slope in zip((alpha, beta, gamma**2 / 2), any_path.derivatives(t), strict=True):
        made = torch.zeros_like(t)
        if value.requires_grad:
            (made,) = torch.autograd.grad(value.sum(), t, retain_graph=True)
        close(slope.detach(), made, 1e-11)


def test_derivatives_at_the_ends_are_the_limits(any_path):
    for end, step in ((0.0, 1e-6), (1.0, -1e-6)):
        times = torch.tensor([end, end + step], dtype=torch.float64)
        alpha, beta, gamma = any_path.coefficients(times)
        for value, slope in zip(
            (alpha, beta, gamma**2 / 2), any_path.derivatives(times), strict=True
        ):
            close(value.diff()[0] / step, slope[0], 1e-4 * (1 + slope.abs().max()))


def test_gamma_dot_is_the_product_over_gamma(any_path):
    if any_path.at(0.3).gamma > 0:
        p = any_path.at(INSIDE)
        close(p.gamma * p.gamma_dot, p.gamma_gamma_dot)


def test_time_at_inverts_the_noise_level(one_sided):
    sigma = one_sided.noise_level(INSIDE)
    assert bool((sigma.diff() < 0).all())
    close(one_sided.time_at(sigma), INSIDE, 1e-10)
    close(one_sided.noise_level(one_sided.time_at(sigma)), sigma, 1e-8)
    assert one_sided.time_at(torch.zeros((), dtype=torch.float64)) == 1


def test_noise_level_is_gamma_over_beta(one_sided):
    _, beta, gamma = one_sided.coefficients(INSIDE)
    close(one_sided.noise_level(INSIDE), gamma / beta)
    assert one_sided.noise_level(ENDS[1]) == 0
    assert one_sided.noise_level(torch.tensor(0.5)).dtype == torch.float64


def test_a_source_is_asked_for_or_refused(any_path):
    x = torch.zeros(2, 3)
    match = "needs samples x0" if any_path.two_sided else "takes no x0"
    with pytest.raises(InputError, match=match):
        any_path.sample(None if any_path.two_sided else x, x, torch.tensor(0.5), x)


@pytest.mark.parametrize("time", [0.0, 0.25])
def test_prior_has_the_moments_of_the_path_for_standardised_data(one_sided, time):
    start = one_sided.prior(Noise.of(0, N), TensorSpace((1,)), torch.float64, time)
    _, beta, gamma = one_sided.coefficients(torch.tensor(time).double())
    variance = beta**2 + gamma**2
    assert abs(start.mean()) < 5 * (variance / N).sqrt()
    assert abs(start.var() / variance - 1) < 5 * (2 / N) ** 0.5
    single = one_sided.prior(Noise.of(0, 3, 5), TensorSpace((1,)), torch.float32, time)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), start[5:8], rtol=1e-6, atol=1e-6)


def test_paths_are_values(any_path):
    assert any_path == type(any_path)(**vars(any_path)) and hash(any_path) == hash(
        type(any_path)(**vars(any_path))
    )
    with pytest.raises(AttributeError):
        any_path.anything = 1


def test_brownian_gamma_has_the_bridge_variance():
    t = INSIDE
    close(BrownianGamma(2.0).value(t) ** 2, 2 * t * (1 - t))


def test_a_linear_path_may_end_with_a_little_noise():
    """Lipman et al. 2023, equation 20: ``γ = 1 − (1 − σ_min) t``."""
    path = Linear(0.1)
    gamma = path.coefficients(INSIDE)[2]
    close(gamma, 1 - 0.9 * INSIDE)
    assert path.coefficients(ENDS[1])[2] == 0.1
    assert path.time_at(path.noise_level(ENDS[1])) == 1
    with pytest.raises(InputError, match=r"linear: noise levels end at 0\.1, got 0\.05"):
        path.time_at(torch.tensor([0.3, 0.05]).double())


def test_a_bridge_may_start_with_noise_around_its_source():
    """Straight lines from ``N(y, σ²)``: given y and x1 each state moves with one velocity."""
    path = ConditionalOT(0.25)
    start, end = (torch.stack(path.coefficients(t)) for t in ENDS)
    close(start, torch.tensor([1.0, 0.0, 0.25]).double())
    close(end, torch.tensor([0.0, 1.0, 0.0]).double())
    y, x1, z = torch.randn(3, 2, dtype=torch.float64)
    for t in (0.0, 0.3, 0.9):
        p = path.at(t)
        close(p.alpha_dot * y + p.beta_dot * x1 + p.gamma_dot * z, x1 - (y + 0.25 * z))
