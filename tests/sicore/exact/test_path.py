"""The exact path: its expectations against autograd of its density and against Monte Carlo."""

import pytest
import torch

from sicore.errors import InputError
from sicore.exact import ExactPath
from sicore.interpolants import Linear, TwoSidedLinear
from sicore.predictions import DATA, PAIR, VELOCITY
from sicore.states import Noise

TIMES = (0.05, 0.5, 0.9)


def points(law, t, n=6):
    return law.marginal(t).sample(Noise.of(11, n))


@pytest.mark.parametrize("t", [*TIMES, 1.0])
@pytest.mark.parametrize("dimension", [1, 2, 16])
def test_score_is_the_gradient_of_the_log_density(path, exact, dimension, t):
    law = exact(path, dimension)
    x = points(law, t).requires_grad_()
    (score,) = torch.autograd.grad(law.log_prob(t, x).sum(), x)
    torch.testing.assert_close(law.score(t, x.detach()), score, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize("dimension", [1, 2, 16])
def test_velocity_satisfies_the_continuity_equation(path, exact, dimension, t):
    """``∂_t log p + u · ∇ log p + ∇ · u = 0``, all by autograd."""
    law = exact(path, dimension)
    x = points(law, t)
    for point in x:

        def log_density(time, place):
            return law.log_prob(time, place.unsqueeze(0)).squeeze(0)

        time = torch.tensor(t, dtype=torch.float64)
        by_time, by_place = torch.func.grad(log_density, argnums=(0, 1))(time, point)
        velocity = law.velocity(time, point.unsqueeze(0)).squeeze(0)
        jacobian = torch.func.jacrev(lambda v: law.velocity(t, v.unsqueeze(0)).squeeze(0))(point)
        terms = torch.stack((by_time, velocity @ by_place, jacobian.trace()))
        assert abs(terms.sum()) < 1e-9 * (1 + terms.abs().sum())


@pytest.mark.parametrize("t", [0.3, 0.7])
def test_expectations_by_importance_sampling(path, exact, t):
    law, n = exact(path), 200_000
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
    law, n = exact(path), 20_000
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
