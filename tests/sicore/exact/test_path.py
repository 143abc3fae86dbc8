"""The exact path: its expectations against autograd of its density and against Monte Carlo."""

import pytest
import torch

from sicore.dynamics import PathDynamics, constant
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import OUVE, PFGMPP, SBVE, Linear, TwoSidedLinear
from sicore.predictions import DATA, NOISE, PAIR, SCORE, VELOCITY
from sicore.solvers import RK4, StochasticHeun, UniformGrid, solve
from sicore.states import Noise

TIMES = (0.05, 0.5, 0.9)


def points(law, t, n=6):
    return law.marginal(t).sample(Noise.of(11, n))


@pytest.mark.parametrize("t", [*TIMES, 1.0])
@pytest.mark.parametrize("dimension", [1, 16])
def test_score_is_the_gradient_of_the_log_density(path, exact, dimension, t):
    law = exact(path, dimension)
    x = points(law, t).requires_grad_()
    (score,) = torch.autograd.grad(law.log_prob(t, x).sum(), x)
    torch.testing.assert_close(law.score(t, x.detach()), score, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize("dimension", [1, 16])
def test_velocity_satisfies_the_continuity_equation(path, exact, dimension, t):
    """``∂_t log p + u · ∇ log p + ∇ · u = 0``, all by autograd."""
    law = exact(path, dimension)
    x = points(law, t).requires_grad_()
    time = torch.full((len(x),), t, dtype=torch.float64, requires_grad=True)
    by_time, by_place = torch.autograd.grad(law.log_prob(time, x).sum(), (time, x))
    velocity = law.velocity(t, x)
    rows = [
        torch.autograd.grad(velocity[:, i].sum(), x, retain_graph=True)[0][:, i]
        for i in range(dimension)
    ]
    terms = torch.stack((by_time, (velocity * by_place).sum(1), torch.stack(rows).sum(0)))
    assert bool((terms.sum(0).abs() < 1e-9 * (1 + terms.abs().sum(0))).all())


@pytest.mark.parametrize("t", [0.3, 0.7])
def test_expectations_by_importance_sampling(path, exact, t):
    law, n = exact(path), 50_000
    p = path.at(t)
    x1 = law.target.sample(Noise.of(0, n))
    x0 = law.source.sample(Noise.of(1, n)) if law.source else torch.zeros_like(x1)
    for x in points(law, t, 2):
        known = law.expectations(t, x.unsqueeze(0))
        if path.at(0.3).gamma > 0:
            z = (x - p.alpha * x0 - p.beta * x1) / p.gamma
            weight = torch.softmax(-0.5 * z.square().sum(1), 0)
            pairs = ((x0, known.x0), (x1, known.x1), (z, -p.gamma * known.score))
        else:  # x_t and x1 fix x0, whose density weighs
            start = (x - p.beta * x1) / p.alpha
            weight = torch.softmax(law.source.log_prob(start), 0)
            pairs = ((start, known.x0), (x1, known.x1))
        for values, expected in pairs:
            estimate = weight @ values
            error = (weight.unsqueeze(1) * (values - estimate)).square().sum(0).sqrt()
            assert bool(((estimate - expected[0]).abs() < 5 * error + 1e-9).all())


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_marginal_is_the_law_of_the_draws(path, exact, t):
    law, n = exact(path), 8_000
    noise = Noise.of(3, n)
    x1 = law.target.sample(noise)
    x0 = law.source.sample(noise.named("x0")) if law.source else None
    made = path.sample(x0, x1, torch.tensor(t), noise.named("z").normal((2,), torch.float64)).x_t
    marginal = law.marginal(t)
    error = (made.mean(0) - marginal.mean) / (marginal.covariance.diagonal() / n).sqrt()
    assert error.abs().max() < 4.5
    log_density = marginal.log_prob(marginal.sample(noise.named("m")))
    gap = marginal.log_prob(made).mean() - log_density.mean()
    assert abs(gap) < 4.5 * log_density.std() * (2 / n) ** 0.5
    torch.testing.assert_close(law.log_prob(t, made), marginal.log_prob(made))


def test_batches_of_times(path, exact):
    law = exact(path)
    t = torch.tensor([0.2, 0.5, 1.0], dtype=torch.float64)
    x = torch.cat([points(law, float(time), 1) for time in t])
    together = law.expectations(t, x)
    for i, time in enumerate(t):
        alone = law.expectations(time, x[i : i + 1])
        for whole, part in zip(together, alone, strict=True):
            torch.testing.assert_close(whole[i : i + 1], part, rtol=1e-12, atol=1e-12)


def test_predictions_wrap_the_values(exact):
    law = exact(TwoSidedLinear())
    x, t = points(law, 0.4), torch.tensor(0.4, dtype=torch.float64)
    for kind in (VELOCITY, DATA):
        prediction = law.prediction(kind)
        assert prediction.kind is kind and prediction.interpolant is law.interpolant
        assert torch.equal(prediction(t, x), law.value(kind, t, x))
    v, eta = law.prediction(PAIR)(t, x)
    velocity = v + law.interpolant.at(t).gamma_dot * eta
    torch.testing.assert_close(velocity, law.velocity(t, x))


def test_a_source_belongs_to_a_two_sided_path(mixture):
    with pytest.raises(InputError, match="a source belongs to a two-sided path"):
        ExactPath(TwoSidedLinear(), mixture(2))
    with pytest.raises(InputError, match="a source belongs to a two-sided path"):
        ExactPath(Linear(), mixture(2), mixture(2))


def test_other_noise_is_refused(mixture):
    with pytest.raises(
        InputError, match="needs normal noise; for other noise there is ExactPoints"
    ):
        ExactPath(PFGMPP(), mixture(2))


X0 = torch.tensor([0.7, -0.4], dtype=torch.float64)


@pytest.mark.parametrize("t", [0.3, 0.8])
def test_given_a_source_the_data_follow_bayes_rule(two_sided, exact, t):
    """``x_t − α x0`` is a measurement ``β x1 + γ z`` of x1, which x0 tells nothing about."""
    law, p = exact(two_sided), two_sided.at(t)
    given = law.given(X0)
    for x in points(given, t, 3):
        known = given.expectations(t, x.unsqueeze(0))
        matrix = p.beta * torch.eye(2, dtype=torch.float64)
        posterior = law.target.posterior(matrix, x - p.alpha * X0, float(p.gamma))
        torch.testing.assert_close(known.x1[0], posterior.mean)
        torch.testing.assert_close(known.x0[0], X0)


@pytest.mark.parametrize("t", [0.3, 0.8])
def test_the_drift_given_a_source_from_one_prediction(two_sided, exact, t):
    """The ODE's, and where there is noise the SDE's, from each kind on its own."""
    law = exact(two_sided).given(X0)
    x, time = points(law, t, 5), torch.tensor(t, dtype=torch.float64)
    noisy = bool(two_sided.at(t).gamma > 0)
    for kind in (DATA, SCORE, NOISE, VELOCITY):
        for epsilon in (None, constant(0.7)) if noisy else (None,):
            dynamics = PathDynamics(law.prediction(kind), epsilon, x0=X0.expand(5, 2))
            expected = law.velocity(t, x)
            if epsilon is not None:
                expected = expected + 0.7 * law.score(t, x)
            torch.testing.assert_close(dynamics.drift(time, x), expected, rtol=1e-9, atol=1e-9)


def moments_of_one(mean, variance):
    made = torch.tensor([[mean]]).double(), torch.tensor([[[variance]]]).double()
    return GaussianMixture(torch.ones(1).double(), *made)


def test_the_sde_of_a_bridge_follows_the_law_given_its_observation():
    """SB-VE with the data prediction and x0, between times at which the score exists."""
    law = ExactPath(SBVE(), moments_of_one(2.0, 0.25), moments_of_one(0.0, 1.0))
    y, noise = torch.tensor([-1.0]).double(), Noise.of(0, 4000)
    given = law.given(y)
    x, times = given.marginal(0.05).sample(noise), UniformGrid().times(60, SBVE(), 0.05, 0.95)
    dynamics = PathDynamics(given.prediction(DATA), constant(0.2), x0=y.expand(4000, 1))
    made, last = solve(dynamics, x, times, StochasticHeun(), noise).x, given.marginal(0.95)
    variance = float(last.covariance)
    assert abs(made.mean() - last.mean) < 4 * (variance / 4000) ** 0.5
    assert abs(made.var() - variance) < 4 * variance * (2 / 4000) ** 0.5


def test_what_ouve_loses_by_starting_at_the_observation():
    """Gaussian data: from the true start the ODE ends in their law; from ``y + γ z`` it is off.

    The start lacks ``e^{−θ} (x1 − y)``, mean and variance; the flow to Gaussian data is a straight
    line, which carries the gap along.
    """
    path, mean, variance, y = OUVE(), 0.8, 0.3, torch.tensor([-0.5]).double()
    law = ExactPath(path, moments_of_one(mean, variance), moments_of_one(0.0, 1.0)).given(y)
    first, p = law.marginal(0.0), path.at(0.0)
    spread = first.covariance[0, 0].sqrt()
    starts = torch.stack((first.mean, first.mean + spread, y, y + p.gamma))
    dynamics = PathDynamics(law.prediction(VELOCITY), x0=y.expand(4, 1))
    ends = solve(dynamics, starts, UniformGrid().times(200, path), RK4()).x.squeeze(1)
    torch.testing.assert_close(ends[0], torch.tensor(mean, dtype=torch.float64), rtol=0, atol=1e-7)
    torch.testing.assert_close(
        ends[1] - ends[0], torch.tensor(variance, dtype=torch.float64).sqrt(), rtol=0, atol=1e-7
    )
    slope = variance**0.5 / spread
    missing = -p.beta * (mean - y[0])
    torch.testing.assert_close(ends[2] - ends[0], slope * missing, rtol=0, atol=1e-7)
    torch.testing.assert_close(ends[3] - ends[2], slope * p.gamma, rtol=0, atol=1e-7)
    assert abs(p.beta - 0.2231) < 1e-4
