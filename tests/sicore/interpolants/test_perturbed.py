"""Data perturbation: a path to blurred data, whose denoiser gives the clean ones."""

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch

from sicore.backbones import MLP
from sicore.config import Component
from sicore.errors import ConversionError, InputError
from sicore.evaluation import sliced_wasserstein
from sicore.exact import ExactPath, ExactPoints, GaussianMixture
from sicore.hub.plan import Plan
from sicore.interpolants import (
    EDM,
    PFGMPP,
    VP,
    Linear,
    Perturbed,
    Trigonometric,
    TwoSidedLinear,
    choose_perturbation,
)
from sicore.likelihood import log_likelihood, normal_prior
from sicore.objectives import LikelihoodWeight, LogitNormal, Objective
from sicore.predictions import (
    DATA,
    NOISE,
    SCORE,
    VELOCITY,
    EDMPreconditioning,
    NetworkPrediction,
    V,
    convert,
)
from sicore.solvers import Heun, UniformGrid
from sicore.states import Noise, TensorSpace
from sicore.testing import check_interpolant

INSIDE = torch.linspace(0.01, 0.99, 30, dtype=torch.float64)
ONE = torch.ones((), dtype=torch.float64)
SIGMA = 0.3


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("path", [Linear(), VP()], ids=["linear", "vp"])
def test_it_is_a_path_like_any_other(path):
    check_interpolant(Perturbed(path, 0.2))


def test_the_noise_ends_at_sigma(one_sided):
    path = Perturbed(one_sided, SIGMA)
    alpha, beta, gamma = path.coefficients(ONE)
    assert (alpha, beta) == (0, 1)
    close(gamma, torch.hypot(one_sided.coefficients(ONE)[2], SIGMA * ONE), 1e-15)
    inner, outer = one_sided.at(INSIDE), path.at(INSIDE)
    close(outer.gamma**2, inner.gamma**2 + (SIGMA * inner.beta) ** 2)
    close(path.noise_level(INSIDE), outer.gamma / outer.beta)


def test_times_of_noise_levels():
    for path in (Linear(), VP(), EDM()):
        outer = Perturbed(path, SIGMA)
        early = INSIDE[INSIDE < 0.8]
        close(outer.time_at(outer.noise_level(early)), early, 1e-9)
        assert outer.time_at(outer.noise_level(ONE)) == 1
    with pytest.raises(InputError, match=r"perturbed: noise levels end at 0\.3, got 0\.2"):
        Perturbed(Linear(), SIGMA).time_at(torch.tensor([0.5, 0.2]))


def blurred(mixture, sigma):
    eye = torch.eye(mixture.dimension, dtype=torch.float64)
    return GaussianMixture(mixture.weights, mixture.means, mixture.covariances + sigma**2 * eye)


def test_it_is_the_path_inside_on_blurred_data(one_sided, mixture):
    """The law and the velocity at every time: blur counted as noise, or as part of the data."""
    data = mixture(2)
    ours = ExactPath(Perturbed(one_sided, SIGMA), data)
    theirs = ExactPath(one_sided, blurred(data, SIGMA))
    x = 2 * Noise.of(0, 30).normal((2,), torch.float64)
    close(ours.log_prob(INSIDE, x), theirs.log_prob(INSIDE, x), 1e-9)
    close(ours.score(INSIDE, x), theirs.score(INSIDE, x), 1e-8)
    scale = theirs.velocity(INSIDE, x).abs().max()
    close(ours.velocity(INSIDE, x) / scale, theirs.velocity(INSIDE, x) / scale, 1e-9)


def test_the_data_prediction_is_of_the_clean_data(mixture):
    """At t = 1 it is Tweedie's formula on the density of the blurred data."""
    data, path = mixture(2), Perturbed(Linear(), SIGMA)
    x = Noise.of(0, 30).normal((2,), torch.float64).requires_grad_()
    (score,) = torch.autograd.grad(blurred(data, SIGMA).log_prob(x).sum(), x)
    close(ExactPath(path, data).denoiser(1.0, x.detach()), x.detach() + SIGMA**2 * score, 1e-9)


@pytest.mark.parametrize("kind", [DATA, NOISE, SCORE, V])
def test_the_denoiser_at_the_end_follows_from_every_kind_but_one(kind, mixture):
    law = ExactPath(Perturbed(Linear(), SIGMA), mixture(2))
    x = Noise.of(0, 5).normal((2,), torch.float64)
    made = convert(law.interpolant, 1.0, x, law.value(kind, 1.0, x), kind, DATA)
    close(made, law.denoiser(1.0, x), 1e-9)


def test_a_velocity_gives_the_denoiser_only_where_the_path_inside_still_diffuses(mixture):
    """``γγ̇ = σ²`` and β̇ = β at the end of a straight line: the velocity is the state itself."""
    x = Noise.of(0, 5).normal((2,), torch.float64)
    law = ExactPath(Perturbed(Linear(), SIGMA), mixture(2))
    close(law.velocity(1.0, x), x, 1e-9)
    with pytest.raises(ConversionError, match="the data is not determined by a velocity"):
        convert(law.interpolant, 1.0, x, law.velocity(1.0, x), VELOCITY, DATA)
    law = ExactPath(Perturbed(VP(), SIGMA), mixture(2))
    made = convert(law.interpolant, 1.0, x, law.velocity(1.0, x), VELOCITY, DATA)
    close(made, law.denoiser(1.0, x), 1e-9)


def circle(n, dimension=6, purpose="data"):
    """Points of the unit circle in the first two axes."""
    angle = 2 * math.pi * Noise.of(0, n).named(purpose).uniform()
    x = torch.zeros(n, dimension, dtype=torch.float64)
    x[:, 0], x[:, 1] = angle.cos(), angle.sin()
    return x


def normal_spread(x):
    """Root mean square deviation from the circle in one normal direction."""
    radius = x[:, :2].norm(dim=1) - 1
    return ((radius**2 + x[:, 2:].square().sum(1)).mean() / (x.shape[1] - 1)).sqrt()


def sample(prediction, n, steps=40):
    times = UniformGrid().times(steps, prediction.interpolant)
    like, space = torch.zeros(1, dtype=torch.float64), TensorSpace((6,))
    plan = Plan(Heun(), times, None, {})
    with torch.no_grad():
        return plan.run(prediction, None, Noise.of(1, n), like, space)


@pytest.mark.parametrize("path", [Linear(), Trigonometric()], ids=["linear", "trigonometric"])
def test_samples_end_on_the_thin_set(path):
    """The last call of the denoiser takes the blur away: to about σ²/2, not σ."""
    sigma = 0.1
    prediction = ExactPoints(Perturbed(path, sigma), circle(500)).prediction
    made = sample(prediction, 400)
    assert made.nfe == 2 * 40 + 1
    assert normal_spread(made.x) < 0.1 * sigma
    p = prediction.interpolant.at(1.0)
    noisy = circle(400) + p.gamma * Noise.of(2, 400).normal((6,), torch.float64)
    assert 0.95 * sigma < normal_spread(noisy) < 1.05 * sigma


def test_the_likelihood_grows_without_bound_as_the_blur_vanishes():
    """By D − 1 = 5 nats for each factor e of σ: the number of normal directions of the circle."""
    z, fine = Noise.of(3, 200).normal((6,), torch.float64), _angles(20_000)

    def mean_log_density(sigma):
        x = circle(200) + sigma * z
        square = torch.cdist(x[:, :2], fine).square()
        kernel = torch.logsumexp(-square / (2 * sigma**2), 1) - math.log(len(fine))
        outside = x[:, 2:].square().sum(1) / (2 * sigma**2)
        return float((kernel - outside).mean() - 3 * math.log(2 * math.pi * sigma**2))

    values = [mean_log_density(s) for s in (0.1, 0.01, 0.001)]
    for wide, narrow in pairwise(values):
        assert abs((narrow - wide) / math.log(10) - 5) < 0.03


def _angles(n):
    angle = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return torch.stack((angle.cos(), angle.sin()), 1)


def test_the_likelihood_of_the_model_is_that_of_the_blurred_data():
    """Data on a line in the plane have no density; those of the path's end have one."""
    line = torch.tensor([[[1.0, 1.0], [1.0, 1.0]]], dtype=torch.float64)
    data = GaussianMixture(torch.ones(1).double(), torch.zeros(1, 2).double(), line)
    path = Perturbed(Linear(), SIGMA)
    x = blurred(data, SIGMA).sample(Noise.of(0, 10))
    made = log_likelihood(ExactPath(path, data).prediction(DATA), x, normal_prior(path))
    close(made.log_prob, blurred(data, SIGMA).log_prob(x), 1e-4)


def trained(sigma, steps=300):
    """A tiny network, trained on 200 points of the circle by likelihood weighting."""
    path, data = Perturbed(Linear(), sigma), circle(200)
    torch.manual_seed(0)
    domain = SimpleNamespace(space=TensorSpace((6,)), conditions={})
    network = MLP(domain, width=48, depth=2).double()
    prediction = NetworkPrediction(network, path, DATA, EDMPreconditioning(0.4))
    objective = Objective(path, LogitNormal(0.0, 2.0), LikelihoodWeight())
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for step in range(steps):
        noise = Noise.of(0, 128, 128 * step)
        chosen = (noise.named("data").uniform() * len(data)).long()
        optimizer.param_groups[0]["lr"] = 5e-3 * (1 - step / steps)
        objective.loss(prediction, data[chosen], None, noise).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return prediction


def test_the_error_of_a_trained_model_has_a_minimum_inside():
    """Too little blur and the likelihood is about normal directions alone; too much, a bias."""
    truth = circle(2000, purpose="truth")
    made = [sample(trained(sigma), 500, 20).x for sigma in (1e-3, 0.2, 0.9)]
    little, middle, much = (sliced_wasserstein(x, truth, order=1) for x in made)
    assert middle < 0.8 * min(little, much)


@pytest.mark.parametrize("n", [50, 400])
def test_the_chosen_sigma_is_half_the_mean_of_resolution_and_size(n):
    points = torch.cat((_angles(n), torch.zeros(n, 3, dtype=torch.float64)), 1)
    expected = 0.5 * (2 * math.sin(math.pi / n)) ** 0.5
    assert choose_perturbation(points) == pytest.approx(expected, rel=1e-6)
    moved = 7 * points[torch.randperm(n)] + 3  # a length: it scales, and knows no origin
    assert choose_perturbation(moved) == pytest.approx(7 * expected, rel=1e-6)
    tree = {"a": points[:, :1].float(), "b": points[:, 1:].reshape(n, 2, 2)}
    assert choose_perturbation(tree) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n", [1, 5])
def test_a_sigma_needs_points_that_differ(n):
    with pytest.raises(InputError, match=f"choose_perturbation: expected points that .*, got {n}"):
        choose_perturbation(torch.ones(n, 2))


@pytest.mark.parametrize(("path", "name"), [(TwoSidedLinear(), "TwoSided"), (PFGMPP(), "PFGMPP")])
def test_other_paths_are_refused(path, name):
    with pytest.raises(InputError, match=f"perturbed: needs a path from normal noise, not {name}"):
        Perturbed(path, 0.1)


def test_sigma_is_positive():
    with pytest.raises(InputError, match="perturbed: expected sigma > 0, got 0"):
        Perturbed(Linear(), 0)


def test_it_is_configured():
    entry = {"name": "perturbed", "interpolant": {"name": "vp", "beta_max": 10.0}, "sigma": 0.1}
    assert Component.parse("interpolant", entry).build() == Perturbed(VP(0.1, 10.0), 0.1)
