"""Weights: the papers' formulas, and the same loss whatever the network predicts."""

from itertools import pairwise

import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, noising
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VP, Linear, Perturbed
from sicore.likelihood import girsanov_bound
from sicore.objectives import (
    EDMWeight,
    LikelihoodWeight,
    MinSNRWeight,
    Objective,
    SNRWeight,
    UniformWeight,
)
from sicore.plugins import get_registry
from sicore.predictions import (
    DATA,
    NOISE,
    SCORE,
    VELOCITY,
    FunctionPrediction,
    V,
    convert,
)
from sicore.states import Noise

KINDS = (VELOCITY, SCORE, NOISE, DATA, V)
INSIDE = torch.linspace(0.02, 0.98, 40, dtype=torch.float64)


def close(a, b, tolerance=1e-10):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_formulas_on_denoisers():
    p = VP().at(INSIDE)
    sigma = p.gamma / p.beta
    assert UniformWeight()(p, DATA).tolist() == [1] * 40
    close(SNRWeight()(p, DATA), sigma**-2)
    close(EDMWeight(0.5)(p, DATA), (sigma**2 + 0.25) / (0.5 * sigma) ** 2)
    close(MinSNRWeight(5.0)(p, DATA), torch.minimum(sigma**-2, torch.tensor(5.0).double()))


def test_min_snr_is_that_of_the_paper_for_every_prediction():
    """Noise: min(SNR, γ)/SNR. v on a variance-preserving path: min(SNR, γ)/(SNR + 1)."""
    p = VP().at(INSIDE)
    snr = (p.beta / p.gamma) ** 2
    least = snr.clamp(max=5)
    close(MinSNRWeight()(p, NOISE), least / snr)
    close(MinSNRWeight()(p, V), least / (snr + 1))


def test_the_edm_weight_is_finite_at_pure_noise():
    assert EDMWeight(0.5)(Linear().at(0.0), DATA) == 4


def test_the_bound_is_positive():
    with pytest.raises(InputError, match="min-snr: expected gamma > 0, got 0"):
        MinSNRWeight(0)


STATED_FOR_DENOISERS = [
    name
    for name in get_registry().names("weight")
    if name != "uniform" and get_registry().entry("weight", name).plugin == "sicore"
]


@pytest.mark.parametrize("name", STATED_FOR_DENOISERS)
def test_the_weighted_loss_is_the_same_for_every_kind_of_prediction(one_sided, name):
    """One denoiser, wrong on purpose, converted exactly: sample by sample the same loss."""
    weight = Component.parse("weight", name).build()
    noise = Noise.of(0, 50)
    x1 = 2 * noise.named("x1").normal((3,), torch.float64)
    inner = _Inner()

    def denoiser(t, x):
        return torch.sin(x) + t.unsqueeze(-1)

    made = {}
    for kind in KINDS:

        def function(t, x, kind=kind):
            return convert(one_sided, t, x, denoiser(t, x), DATA, kind)

        prediction = FunctionPrediction(function, one_sided, kind)
        made[kind] = Objective(one_sided, inner, weight).loss(prediction, x1, None, noise)
    for kind in KINDS:
        close(made[kind] / made[DATA], torch.ones(50).double(), 1e-7)


class _Inner:
    """Times inside (0, 1)."""

    def sample(self, noise, interpolant):
        return 0.02 + 0.96 * noise.uniform()

    def observe(self, t, loss):
        pass

    def correction(self, t):
        return torch.ones_like(t)


def test_the_likelihood_weight_of_a_velocity_is_two_over_g_squared(one_sided):
    p = one_sided.at(INSIDE)
    close(LikelihoodWeight()(p, VELOCITY) * noising(one_sided)(INSIDE), torch.ones(40).double())


def test_the_likelihood_weight_of_vp_is_the_paper_s():
    """λ = g² on the score, ``g² = β(τ)``; here half of it, for the residual ``γ s + z``."""
    path, tau = VP(0.1, 20.0), 1 - INSIDE
    p = path.at(INSIDE)
    close(LikelihoodWeight()(p, SCORE) * p.gamma**2, (0.1 + 19.9 * tau) / 2)


@pytest.mark.parametrize(("path", "time"), [(Linear(), 0.0), (Linear(), 1.0), (EDM(), 1.0)])
def test_the_likelihood_weight_says_where_it_is_not_finite(path, time):
    t = torch.tensor([0.5, time], dtype=torch.float64)
    with pytest.raises(InputError, match=f"likelihood weight: it is not finite at t = {time:g};"):
        LikelihoodWeight()(path.at(t), DATA)


def test_the_likelihood_weight_is_finite_where_the_noise_stays():
    p = Perturbed(VP(), 0.1).at(torch.tensor([0.3, 1.0], dtype=torch.float64))
    assert bool(LikelihoodWeight()(p, DATA).isfinite().all())


SHIFT = torch.tensor([0.3, -0.1], dtype=torch.float64)


def gaussian(std=0.7):
    eye = torch.eye(2, dtype=torch.float64)
    return GaussianMixture(torch.ones(1).double(), torch.zeros(1, 2).double(), std**2 * eye[None])


@pytest.mark.parametrize("kind", KINDS, ids=[k.name for k in KINDS])
def test_the_likelihood_loss_is_the_divergence_of_the_paths(kind):
    """A score that is wrong by a constant c: ``∫ ½ g² |c|² dt = ½ |c|² B(1)`` for VP.

    The loss is quadratic in the error, so the mean of an error and its mirror image, less the
    loss without one, is the divergence, sample by sample; times are those of Gauss's quadrature.
    """
    path = VP(0.1, 20.0)
    law = ExactPath(path, gaussian())
    nodes, weights = _gauss(40)
    noise = Noise.of(0, 40)
    x1 = law.target.sample(noise)

    def loss(size):
        def function(t, x):
            return convert(path, t, x, law.score(t, x) + size * SHIFT, SCORE, kind)

        prediction = FunctionPrediction(function, path, kind)
        times = _Fixed(nodes)
        return Objective(path, times, LikelihoodWeight()).loss(prediction, x1, None, noise)

    excess = 2 * ((loss(1.0) + loss(-1.0)) / 2 - loss(0.0))  # d = 2: nats of the whole state
    integral = 0.1 + 19.9 / 2  # B(1)
    close((weights * excess).sum(), 0.5 * SHIFT.square().sum() * integral, 1e-8)


class _Fixed(_Inner):
    """Given times."""

    def __init__(self, t):
        self.t = t

    def sample(self, noise, interpolant):
        return self.t


def _gauss(n):
    from numpy.polynomial.legendre import leggauss

    nodes, weights = (torch.from_numpy(a) for a in leggauss(n))
    return (nodes + 1) / 2, weights / 2


def test_the_likelihood_loss_bounds_the_divergence_of_the_samples():
    """The wrong score's reverse SDE makes Gaussians of the right covariance and a wrong mean.

    Its mean obeys ``ṁ = a m + 2ε c`` (drift ``a x + 2ε s``, linear), so KL is known; the bound is
    that of Girsanov, which the likelihood room measures on its own.
    """
    path, std = VP(0.1, 20.0), 0.7
    law = ExactPath(path, gaussian(std))
    wrong = FunctionPrediction(lambda t, x: law.score(t, x) + SHIFT, path, SCORE)
    epsilon = noising(path)
    times = torch.linspace(1e-4, 1 - 1e-4, 200, dtype=torch.float64)
    noise = Noise.of(0, 50)
    x1, z = law.target.sample(noise), noise.normal((2,), torch.float64)

    def states(t):
        p = path.at(t)
        return p.beta * x1 + p.gamma * z

    truth, model = (PathDynamics(q, epsilon) for q in (law.prediction(SCORE), wrong))
    bound = girsanov_bound(truth, model, states, times).value
    exact = 0.5 * float(SHIFT.square().sum()) * (0.1 + 19.9 / 2)
    assert abs(bound / exact - 1) < 0.005

    def rates(t):
        p = path.at(t)
        spread = (p.beta * std) ** 2 + p.gamma**2
        rate = p.beta_dot / p.beta - 2 * epsilon(p.t) / spread  # of the drift β̇/β x + 2ε s
        return rate, 2 * epsilon(p.t)

    mean = torch.zeros(2, dtype=torch.float64)
    grid = torch.linspace(0, 1, 1001, dtype=torch.float64)
    for t, s in pairwise(grid):
        rate, push = rates((t + s) / 2)
        mean = mean * torch.exp(rate * (s - t)) + push * SHIFT * (s - t)
    divergence = 0.5 * float(mean.square().sum()) / std**2
    assert 0.1 * bound < divergence < bound
