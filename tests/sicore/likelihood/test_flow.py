"""Log-densities along the flow, beside exact ones."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch

from sicore.errors import ConversionError, InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import (
    EDM,
    VE,
    VP,
    Linear,
    Perturbed,
    Product,
    QuadraticGamma,
    SubVP,
    Trigonometric,
    TwoSidedLinear,
    TwoSidedTrigonometric,
    VPCosine,
)
from sicore.likelihood import (
    ExactDivergence,
    HutchinsonDivergence,
    Rademacher,
    log_likelihood,
    noise_level_times,
    normal_prior,
    sample_with_log_prob,
)
from sicore.predictions import DATA, VELOCITY, FunctionPrediction
from sicore.solvers import DDIM, UniformGrid
from sicore.states import Noise, SymmetricSpace, take

FAMILIES = {
    "linear": Linear(),
    "trigonometric": Trigonometric(),
    "vp": VP(),
    "vp-cosine": VPCosine(),
    "sub-vp": SubVP(),
    "ve": VE(),
    "edm": EDM(),
    "perturbed": Perturbed(Linear(), 0.1),
    "two-sided linear": TwoSidedLinear(),
    "two-sided trigonometric": TwoSidedTrigonometric(QuadraticGamma()),
}
ROUND_TRIP = {name: FAMILIES[name] for name in ("linear", "vp", "edm", "two-sided linear")}
N = 32


def grid(steps, end=1.0):
    return UniformGrid().times(steps, Linear(), 0.0, end)


@pytest.fixture(autouse=True)
def without_gradients():
    """As sampling code does it."""
    with torch.no_grad():
        yield


@pytest.mark.parametrize("path", FAMILIES.values(), ids=FAMILIES.keys())
def test_the_density_of_a_mixture_within_a_thousandth_of_a_nat(exact, path):
    law = exact(path)
    x1 = law.target.sample(Noise.of(1, N))
    found = log_likelihood(law.prediction(VELOCITY), x1, partial(law.log_prob, 0.0))
    assert (found.log_prob - law.log_prob(1.0, x1)).abs().max() < 1e-3
    assert found.nfe == 200
    assert found.standard_error is None
    assert found.status.tolist() == [0] * N


def test_the_normal_prior_is_exact_where_the_path_starts_in_pure_noise(exact):
    law = exact(Linear())
    x1 = law.target.sample(Noise.of(1, N))
    found = log_likelihood(law.prediction(VELOCITY), x1, normal_prior(Linear()), times=grid(20))
    assert (found.log_prob - law.target.log_prob(x1)).abs().max() < 1e-4


@pytest.mark.parametrize("path", ROUND_TRIP.values(), ids=ROUND_TRIP.keys())
def test_forward_agrees_with_backward_and_with_the_exact_density(exact, path):
    law = exact(path)
    start, prediction = law.marginal(0.0), law.prediction(VELOCITY)
    x = start.sample(Noise.of(2, N))
    settings = {"times": grid(50), "divergence": HutchinsonDivergence(2), "noise": Noise.of(3, N)}
    there = sample_with_log_prob(prediction, x, start.log_prob, **settings)
    back = log_likelihood(prediction, there.x, start.log_prob, **settings)
    assert (back.x - x).abs().max() < 1e-4 * x.abs().max()
    assert (back.log_prob - there.log_prob).abs().max() < 1e-3
    assert torch.allclose(back.standard_error, there.standard_error, atol=1e-3)
    sure = sample_with_log_prob(prediction, x, start.log_prob, times=grid(50))
    assert torch.equal(sure.x, there.x)
    assert (sure.log_prob - law.target.log_prob(sure.x)).abs().max() < 1e-3


def test_many_probes_agree_with_the_exact_divergence_and_their_error_is_honest(mixture):
    """Student's t of 11 degrees of freedom lies within 2.201 in 95 of 100 cases."""
    law, probes, n = ExactPath(Linear(), mixture(6)), 12, 600
    x1 = law.target.sample(Noise.of(4, 1)).expand(n, -1)
    prediction, prior = law.prediction(VELOCITY), normal_prior(Linear())
    settings = {"times": grid(10), "noise": Noise.of(5, n)}
    divergence = HutchinsonDivergence(probes)
    found = log_likelihood(prediction, x1, prior, divergence=divergence, **settings)
    sure = log_likelihood(prediction, x1[:1], prior, times=grid(10)).log_prob
    off = found.log_prob - sure
    assert off.mean().abs() < 4 * off.std() / n**0.5
    assert (off.abs() < 2.201 * found.standard_error).double().mean() == pytest.approx(
        0.95, abs=0.03
    )
    assert found.standard_error.min() > 0


def test_a_sample_alone_is_as_in_a_batch(exact):
    law, noise = exact(Linear()), Noise.of(6, 5, first=40)
    x1, prediction = law.target.sample(noise), law.prediction(VELOCITY)
    for divergence in (ExactDivergence(), HutchinsonDivergence(3)):
        settings = {"times": grid(8), "divergence": divergence}
        run = partial(log_likelihood, prediction, prior_log_prob=normal_prior(Linear()), **settings)
        batch = run(x1=x1, noise=noise)
        alone = run(x1=x1[2:3], noise=noise.take(slice(2, 3)))
        assert torch.allclose(alone.log_prob, batch.log_prob[2:3], rtol=1e-12)


def shaped(law, split, join):
    """The exact velocity of a law of vectors, on states of another form."""

    def velocity(t, x):
        return split(law.velocity(t, join(x)))

    return FunctionPrediction(velocity, law.interpolant, VELOCITY)


def test_pictures_and_trees_have_the_density_of_their_vector(mixture):
    law = ExactPath(Linear(), mixture(8))
    x1 = law.target.sample(Noise.of(7, 6))
    known = log_likelihood(law.prediction(VELOCITY), x1, normal_prior(Linear()), times=grid(12))

    def picture(x):
        return x.reshape(-1, 2, 2, 2)

    def tree(x):
        return {"nodes": x[:, :6].reshape(-1, 2, 3), "edges": x[:, 6:]}

    def vector(x):
        return torch.cat((x["nodes"].flatten(1), x["edges"]), 1)

    for split, join in ((picture, lambda x: x.flatten(1)), (tree, vector)):
        prediction = shaped(law, split, join)
        found = log_likelihood(prediction, split(x1), normal_prior(Linear()), times=grid(12))
        assert torch.allclose(found.log_prob, known.log_prob, atol=1e-10)
        assert torch.allclose(join(found.x), known.x, atol=1e-10)


def test_independent_leaves_on_paths_of_their_own(mixture):
    laws = {"a": ExactPath(VP(), mixture(2)), "b": ExactPath(Linear(), mixture(3, seed=1))}
    path = Product({name: law.interpolant for name, law in laws.items()})

    def velocity(t, x):
        return {name: law.velocity(t, x[name]) for name, law in laws.items()}

    x1 = {name: law.target.sample(Noise.of(8, N)) for name, law in laws.items()}
    found = log_likelihood(
        FunctionPrediction(velocity, path, VELOCITY),
        x1,
        lambda x: sum(law.log_prob(0.0, x[name]) for name, law in laws.items()),
        times=grid(30),
    )
    known = sum(law.target.log_prob(x1[name]) for name, law in laws.items())
    assert (found.log_prob - known).abs().max() < 1e-3


def test_tied_entries_count_once():
    """Symmetric edges of deviation 0.5, and a drift that says more off the space than on it."""
    space, spread = SymmetricSpace((4, 4, 1)), 0.5
    upper = torch.ones(4, 4).triu(1).bool()

    def velocity(t, x):
        p = Linear().at(t)
        rate = (p.beta * spread**2 - p.gamma) / (p.beta**2 * spread**2 + p.gamma**2)
        return rate.item() * x + 3 * (x - x.transpose(1, 2))

    def log_prob(x, std=1.0):
        return torch.distributions.Normal(0.0, std).log_prob(x[:, upper]).sum((1, 2))

    x1 = spread * space.shape_noise(Noise.of(9, 5).normal((4, 4, 1), torch.float64))
    prediction = FunctionPrediction(velocity, Linear(), VELOCITY)
    settings = {"times": grid(30), "space": space}
    found = log_likelihood(prediction, x1, log_prob, **settings)
    assert torch.allclose(found.log_prob, log_prob(x1, spread), atol=1e-4)
    signs, noise = HutchinsonDivergence(400), Noise.of(0, 5, space=space)
    estimate = log_likelihood(prediction, x1, log_prob, divergence=signs, noise=noise, **settings)
    off = (estimate.log_prob - found.log_prob).abs()
    assert (off < 4 * estimate.standard_error + 1e-9).all()


def test_a_grid_that_ends_short_gives_the_density_there(exact):
    law, end = exact(Linear()), 0.9
    x = law.marginal(end).sample(Noise.of(10, N))
    prediction = law.prediction(DATA)
    found = log_likelihood(prediction, x, normal_prior(Linear()), times=grid(20, end))
    assert (found.log_prob - law.log_prob(end, x)).abs().max() < 1e-3


def test_a_drift_that_is_not_determined_at_the_end_raises(exact):
    law = exact(VP())
    x1 = law.target.sample(Noise.of(0, 3))
    with pytest.raises(ConversionError, match="at t = 1 on the path VP: end the time grid short"):
        log_likelihood(law.prediction(DATA), x1, normal_prior(VP()))


def test_the_density_of_data_on_a_thin_set_grows_without_bound():
    """By ``log(1/σ)`` for each of the two directions across a line, as the noise level σ falls."""
    one, along = torch.ones(1).double(), torch.tensor([2.0, 1.0, 0.0]).double()
    line = GaussianMixture(one, torch.zeros(1, 3).double(), torch.outer(along, along)[None])
    x1 = line.sample(Noise.of(14, N))
    levels, found = (0.1, 0.01, 0.001), []
    for sigma in levels:
        times = noise_level_times(Linear(), 60, sigma)
        prediction, prior = ExactPath(Linear(), line).prediction(DATA), normal_prior(Linear())
        beta = float(times[-1])
        mean = log_likelihood(prediction, beta * x1, prior, times=times).log_prob.mean()
        found.append(mean + 3 * math.log(beta))  # of x_t/β: the data and noise of level σ
    for before, after in pairwise(found):
        assert (after - before).item() == pytest.approx(2 * math.log(10), abs=0.05)


def test_a_bridge_has_the_density_given_its_source(mixture):
    """On a path between samples: a data prediction that knows x0, with normal data given x0."""
    path, start, end = TwoSidedLinear(), 0.1, 0.9
    x0 = Noise.of(11, N).normal((2,), torch.float64)
    x1 = 0.5 * x0 + 0.3 * Noise.of(12, N).normal((2,), torch.float64)

    def moments(t):
        p = path.at(t)
        variance = (0.3 * p.beta) ** 2 + p.gamma**2
        return p, (p.alpha + 0.5 * p.beta) * x0, variance

    def denoiser(t, x):
        p, mean, variance = moments(t)
        return 0.5 * x0 + 0.09 * p.beta / variance * (x - mean)

    def log_prob(t, x):
        _, mean, variance = moments(t)
        return torch.distributions.Normal(mean, variance.sqrt()).log_prob(x).sum(1)

    p = path.at(end)
    x = p.alpha * x0 + p.beta * x1 + p.gamma * Noise.of(13, N).normal((2,), torch.float64)
    times = UniformGrid().times(40, path, start, end)
    prediction = FunctionPrediction(denoiser, path, DATA)
    found = log_likelihood(prediction, x, partial(log_prob, start), x0=x0, times=times)
    assert (found.log_prob - log_prob(end, x)).abs().max() < 1e-3


def test_every_call_of_the_network_is_counted(exact):
    law, calls = exact(Linear()), []

    def counted(t, x):
        calls.append(t)
        return law.velocity(t, x)

    prediction = FunctionPrediction(counted, Linear(), VELOCITY)
    x1 = law.target.sample(Noise.of(0, 3))
    for divergence in (ExactDivergence(chunk=1), HutchinsonDivergence(5)):
        calls.clear()
        settings = {"times": grid(6), "divergence": divergence}
        found = log_likelihood(prediction, x1, normal_prior(Linear()), **settings)
        assert found.nfe == len(calls) == 24


def test_probes_are_drawn_once_for_a_solve(exact):
    law, drawn = exact(Linear()), []

    def counted(noise, like):
        drawn.append(noise.draw)
        return Rademacher()(noise, like)

    x1 = law.target.sample(Noise.of(0, 3))
    settings = {"times": grid(5), "divergence": HutchinsonDivergence(3, counted)}
    log_likelihood(law.prediction(VELOCITY), x1, normal_prior(Linear()), **settings)
    assert drawn == [0, 1, 2]


def test_wrong_grids_and_solvers(exact):
    law = exact(Linear())
    x1, prediction = law.target.sample(Noise.of(0, 3)), law.prediction(VELOCITY)
    for run in (log_likelihood, sample_with_log_prob):
        with pytest.raises(InputError, match="rising grid, from the source"):
            run(prediction, x1, normal_prior(Linear()), times=grid(4).flip(0))
        with pytest.raises(InputError, match="integrates the drift, such as rk4"):
            run(prediction, x1, normal_prior(Linear()), solver=DDIM())


def test_a_prior_that_gives_a_number_for_each_entry(exact):
    law, entries = exact(Linear()), torch.distributions.Normal(0.0, 1.0)
    x1 = law.target.sample(Noise.of(0, 3))
    with pytest.raises(InputError, match=r"shape \(3,\), got \(3, 2\): sum over the entries"):
        log_likelihood(law.prediction(VELOCITY), x1, entries.log_prob, times=grid(2))


def test_states_that_are_not_finite_are_flagged(exact):
    law = exact(Linear())
    x1 = law.target.sample(Noise.of(0, 3))
    x1[1] = torch.nan
    found = log_likelihood(law.prediction(VELOCITY), x1, normal_prior(Linear()), times=grid(4))
    assert found.status.tolist() == [0, 1, 0]
    assert take(found.log_prob, slice(0, 1)).isfinite().all()
