"""Processes that are not Gaussian: their laws found in two ways."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.exact import (
    DoubleWell,
    GaussianProcess,
    GeometricBrownianMotion,
    Hawkes,
    OrnsteinUhlenbeck,
    SwitchingOrnsteinUhlenbeck,
)

F64 = torch.float64


def test_geometric_brownian_motion_has_its_law_and_price():
    process = GeometricBrownianMotion(2.0, 0.1, 0.4)
    t = torch.tensor([0.5, 1.0, 2.0], dtype=F64)
    x = process.sample(Noise.of(0, 40_000), t)[..., 0]
    for k in range(3):
        assert stats.kstest(process.cdf(t[k], x[:, k]).numpy(), "uniform").pvalue > 1e-3
        assert abs(float(x[:, k].mean() - process.mean(t[k]))) < 5 * float(x[:, k].std()) / 200
    levels = torch.tensor([0.1, 0.5, 0.9], dtype=F64)
    torch.testing.assert_close(process.cdf(t[1], process.quantile(t[1], levels)), levels)
    strike = torch.tensor(2.2, dtype=F64)
    paid = math.exp(-0.1) * (x[:, 1] - strike).clamp(min=0)
    error = float(paid.std()) / 200
    assert abs(float(paid.mean() - process.call_price(t[1], strike))) < 5 * error
    with pytest.raises(InputError, match="volatility > 0"):
        GeometricBrownianMotion(0.0)


@pytest.fixture
def switching():
    return SwitchingOrnsteinUhlenbeck(
        torch.tensor([1.0, 3.0], dtype=F64),
        torch.tensor([-1.0, 2.0], dtype=F64),
        torch.tensor([0.5, 1.0], dtype=F64),
        torch.tensor([[0.8, 0.2], [0.3, 0.7]], dtype=F64),
        torch.tensor([0.4, 0.6], dtype=F64),
    )


def test_posterior_of_modes_is_calibrated_and_sums_over_sequences(switching):
    times = torch.tensor([0.0, 0.3, 0.5, 1.0, 1.2], dtype=F64)
    x, modes = switching.sample(Noise.of(0, 20_000), times)
    law = switching.mode_posterior(x, times)
    for j in range(4):  # the mean of what the posterior misses is 0
        missed = law[:, j, 1] - modes[:, j]
        assert abs(float(missed.mean())) < 5 * float(missed.std()) / 20_000**0.5
    likelihoods = []
    for number in range(16):  # by the sum over all sequences of modes
        path = [(number >> j) & 1 for j in range(4)]
        logp = -0.5 * x[:5, 0, 0] ** 2 - 0.5 * math.log(2 * math.pi)
        logp = logp + math.log(float(switching.initial[path[0]]))
        for j, m in enumerate(path):
            if j:
                logp = logp + math.log(float(switching.transition[path[j - 1], m]))
            theta, mu, sigma = (
                float(v[m]) for v in (switching.rates, switching.means, switching.diffusions)
            )
            decay = math.exp(-theta * float(times[j + 1] - times[j]))
            var = sigma**2 * (1 - decay**2) / (2 * theta)
            gone = x[:5, j + 1, 0] - (mu + (x[:5, j, 0] - mu) * decay)
            logp = logp - gone**2 / (2 * var) - 0.5 * math.log(2 * math.pi * var)
        likelihoods.append(logp)
    whole = torch.logsumexp(torch.stack(likelihoods), 0)
    torch.testing.assert_close(switching.log_likelihood(x[:5], times), whole)
    first = torch.logsumexp(torch.stack(likelihoods[1::2]), 0) - whole
    torch.testing.assert_close(law[:5, 0, 1], first.exp())


def test_forecasts_of_modes_have_the_moments_of_samples(switching):
    times = torch.tensor([0.0, 0.5, 1.0], dtype=F64)
    x, _ = switching.sample(Noise.of(0, 40_000), times)
    mixture = switching.forecast(x[:, :1], times[:1], times[1:])
    assert mixture.modes.shape == (4, 2)
    torch.testing.assert_close(mixture.weights.sum(1), torch.ones(40_000, dtype=F64))
    mean = torch.einsum("bj,bjh->bh", mixture.weights, mixture.means)
    second = torch.einsum("bj,bjh,bjk->bhk", mixture.weights, mixture.means, mixture.means)
    second = second + torch.einsum("bj,jhk->bhk", mixture.weights, mixture.covariances)
    left = x[:, 1:, 0] - mean
    assert bool((left.mean(0).abs() < 5 * left.std(0) / 200).all())
    own = x[:, 1:, 0].unsqueeze(-1) * x[:, 1:, 0].unsqueeze(1) - second
    assert bool((own.mean(0).abs() < 5 * own.std(0) / 200).all())


def test_the_double_well_at_rest():
    well = DoubleWell(barrier=1.0, tilt=0.2, noise=0.9)
    x = torch.linspace(-4, 4, 8001, dtype=F64)
    density = well.density(x)
    assert abs(float(torch.trapezoid(density, x)) - 1) < 1e-6
    middle = well.drift(x) * density - well.noise**2 / 2 * torch.gradient(density, spacing=(x,))[0]
    assert float(middle.abs().max()) < 1e-4  # no current
    drawn = well.sample(Noise.of(0, 4000), torch.tensor([0.0, 0.5], dtype=F64), 0.01)[..., 0]
    share = (drawn > well.top).double().mean(0)
    assert bool(((share - well.right).abs() < 5 * 0.5 / 4000**0.5).all())
    assert well.right < 0.5
    cdf = torch.cat((torch.zeros(1, dtype=F64), torch.cumulative_trapezoid(density, x)))
    for values in drawn.unbind(1):
        assert stats.kstest(np.interp(values, x, cdf), "uniform").pvalue > 1e-3
    with pytest.raises(InputError, match="only one well"):
        DoubleWell(tilt=5.0)


def test_passages_of_the_double_well():
    well = DoubleWell(barrier=1.0, noise=0.5)
    left, right = well.wells
    assert abs(well.kramers_rate() * well.passage_time(left, right) - 1) < 0.15
    grid = torch.linspace(-2.5, 2.5, 251, dtype=F64)
    moved = well.transition(grid, 0.4)
    torch.testing.assert_close(moved.sum(1), torch.ones(251, dtype=F64))
    rest = well.density(grid) / well.density(grid).sum()
    torch.testing.assert_close(rest @ moved, rest, atol=1e-9, rtol=1e-6)


def test_hawkes_counts_and_rescaled_times():
    process = Hawkes(1.0, 0.6, 1.5)
    events = process.sample(Noise.of(0, 300), 30.0)
    counts = torch.tensor([len(e) for e in events], dtype=F64)
    assert abs(float(counts.mean()) - process.expected_count(30.0)) < 5 * float(counts.std()) / 17.3
    gaps = torch.cat([process.rescaled(e) for e in events]).numpy()
    assert abs(gaps.mean() - 1) < 0.05  # the last, unfinished gap of each is left out
    long = process.sample(Noise.of(1, 1), 3000.0)[0]
    assert stats.kstest(process.rescaled(long).numpy(), "expon").pvalue > 1e-3
    assert abs(len(long) / 3000 - process.rate) < 0.2


def test_the_likelihood_of_hawkes_is_its_integral():
    process = Hawkes(1.0, 0.6, 1.5)
    events = process.sample(Noise.of(2, 1), 10.0)[0]
    t = torch.linspace(0, 10, 400_001, dtype=F64)
    past = t.unsqueeze(1) - events
    rate = 1 + 0.6 * torch.where(past > 0, (-1.5 * past).exp(), 0.0).sum(1)
    before = events.unsqueeze(1) - events
    at = 1 + 0.6 * torch.where(before > 0, (-1.5 * before).exp(), 0.0).sum(1)
    expected = at.log().sum() - torch.trapezoid(rate, t)
    torch.testing.assert_close(process.intensity(events), at)
    torch.testing.assert_close(process.log_likelihood(events, 10.0), expected, atol=1e-3, rtol=0)
    total = torch.trapezoid(rate[t <= events[-1]], t[t <= events[-1]])
    torch.testing.assert_close(process.rescaled(events).sum(), total, atol=1e-3, rtol=0)


def test_one_mode_is_an_ornstein_uhlenbeck_process():
    one = torch.ones(1, dtype=F64)
    single = SwitchingOrnsteinUhlenbeck(2 * one, 0 * one, 2 * one, one.reshape(1, 1), one)
    times = torch.tensor([0.0, 0.3, 0.5, 1.0], dtype=F64)
    x = torch.tensor([[[0.7]]], dtype=F64)
    found = single.forecast(x, times[:1], times[1:])
    law = GaussianProcess(OrnsteinUhlenbeck(length=0.5, variance=1.0)).law(times)
    ahead = torch.full((1, 3, 1), torch.nan, dtype=F64)
    means, covariances = law.conditional(torch.cat((x, ahead), 1))
    torch.testing.assert_close(found.means[0], means[:, 1:, 0])
    torch.testing.assert_close(found.covariances[0], covariances[0, 1:, 1:])
