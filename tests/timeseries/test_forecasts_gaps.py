"""Filled gaps against Gaussian conditioning with dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from sicore.errors import InputError
from sicore_timeseries.forecasts.bridges import brownian_bridges
from sicore_timeseries.forecasts.kalman import KalmanSmoother, NoisyOU, fit_noisy_ou

S = 20_000
TIMES = np.array([0.0, 0.4, 1.0, 1.1, 2.5, 3.0, 4.2, 4.5, 6.0, 6.1])
VALUES = np.array([np.nan, 1.0, np.nan, np.nan, 0.2, -0.4, np.nan, 0.9, np.nan, np.nan])
KNOWN = np.isfinite(VALUES)


def conditioned(covariance, mean):
    """Mean and covariance of what is not known, given what is."""
    inverse = np.linalg.inv(covariance[np.ix_(KNOWN, KNOWN)])
    cross = covariance[np.ix_(~KNOWN, KNOWN)]
    centre = mean + cross @ inverse @ (VALUES[KNOWN] - mean)
    return centre, covariance[np.ix_(~KNOWN, ~KNOWN)] - cross @ inverse @ cross.T


def agrees(drawn, mean, covariance):
    deviation = np.sqrt(np.diag(covariance))
    assert (abs(drawn.mean(0) - mean) < 4.5 * deviation / np.sqrt(len(drawn))).all()
    errors = abs(np.cov(drawn.T) - covariance) / np.outer(deviation, deviation)
    assert errors.max() < 5 * np.sqrt(2 / len(drawn))


def test_bridges_are_a_conditioned_brownian_motion():
    paths = brownian_bridges(VALUES[:, None], TIMES, S, 0)[..., 0]
    assert np.array_equal(paths[:, KNOWN], np.tile(VALUES[KNOWN], (S, 1)))
    rate = np.mean(np.diff(VALUES[KNOWN]) ** 2 / np.diff(TIMES[KNOWN]))
    # a Brownian motion whose first value has a nearly flat prior
    covariance = rate * np.minimum.outer(TIMES, TIMES) + 1e6
    mean, spread = conditioned(covariance, 0.0)
    assert np.allclose(mean, np.interp(TIMES, TIMES[KNOWN], VALUES[KNOWN])[~KNOWN], atol=1e-4)
    agrees(paths[:, ~KNOWN], mean, spread)


def test_the_filter_gives_the_likelihood():
    model = NoisyOU(0.3, 1.7, 2.0, 0.2)
    covariance = 1.7 * np.exp(-abs(np.subtract.outer(TIMES, TIMES)) / 2.0) + 0.2 * np.eye(10)
    dense = multivariate_normal(np.full(KNOWN.sum(), 0.3), covariance[np.ix_(KNOWN, KNOWN)])
    assert np.isclose(model.filter(VALUES, TIMES)[0], dense.logpdf(VALUES[KNOWN]), atol=1e-10)


@pytest.mark.parametrize("noise", [0.2, 0.0])
def test_smoothed_paths_are_the_posterior(noise):
    model = NoisyOU(0.3, 1.7, 2.0, noise)
    covariance = 1.7 * np.exp(-abs(np.subtract.outer(TIMES, TIMES)) / 2.0) + noise * np.eye(10)
    paths = model.paths(VALUES, TIMES, S, np.random.default_rng(0))
    assert np.array_equal(paths[:, KNOWN], np.tile(VALUES[KNOWN], (S, 1)))
    agrees(paths[:, ~KNOWN], *conditioned(covariance, 0.3))


def simulated(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.5, 1.5, n))
    x, path = rng.normal(), []
    for a in np.exp(-np.diff(times, prepend=times[0]) / 8.0):
        x = a * x + np.sqrt(1 - a * a) * rng.normal()
        path.append(x)
    return 100 + 3 * (np.array(path) + 0.3 * rng.normal(size=n)), times


def test_the_fit_is_the_most_likely():
    values, times = simulated()
    fit = fit_noisy_ou(values, times)
    truth = NoisyOU(100.0, 9.0, 8.0, 0.81)
    gain = fit.filter(values, times)[0] - truth.filter(values, times)[0]
    assert -0.01 < gain < 9  # a likelihood ratio of four parameters: χ²₄/2 < 9 with 99.9 %
    assert abs(np.log(fit.length / 8.0)) < 0.6 and abs(np.log(fit.noise / 0.81)) < 0.6


def test_the_smoother_is_calibrated_and_beats_bridges():
    values, times = simulated(seed=1)
    rng = np.random.default_rng(2)
    hidden = np.zeros(len(values), bool)
    for start in rng.integers(5, 1480, 60):
        hidden[start : start + 8] = True
    seen = np.where(hidden, np.nan, values)[:, None]
    smooth = KalmanSmoother()(seen, times, 200, 0)[:, hidden, 0]
    bridged = brownian_bridges(seen, times, 200, 0)[:, hidden, 0]
    inside = (smooth < values[hidden]).mean(0)
    cover = ((inside > 0.1) & (inside < 0.9)).mean()
    assert abs(cover - 0.8) < 4 * np.sqrt(0.16 / (hidden.sum() / 4))  # neighbours are correlated
    error = [np.mean((p.mean(0) - values[hidden]) ** 2) for p in (smooth, bridged)]
    assert error[0] < 0.97 * error[1]


@pytest.mark.parametrize("method", [brownian_bridges, KalmanSmoother()])
def test_gaps_units_and_errors(method):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 2)).cumsum(0)
    values[20:30, 0] = values[50:, 1] = np.nan
    times = np.arange(60.0)
    paths = method(values, times, 30, 0)
    assert paths.shape == (30, 60, 2) and np.isfinite(paths).all()
    assert np.array_equal(paths, method(values, times, 30, 0))
    scaled = method(1e-5 * values + 7, 3600 * times + 1e9, 30, 0)
    assert np.allclose((scaled - 7) * 1e5, paths, atol=0.02)
    with pytest.raises(InputError, match="do not increase"):
        method(values, times[::-1], 3, 0)
    with pytest.raises(InputError, match="expected"):
        method(values, times[1:], 3, 0)
    with pytest.raises(InputError, match="channel 0 has 0 known"):
        method(np.full((60, 1), np.nan), times, 3, 0)


@pytest.mark.parametrize("method", [brownian_bridges, KalmanSmoother()])
def test_a_constant_with_gaps_stays(method):
    values = np.full((20, 1), 4.0)
    values[5:9] = np.nan
    assert np.allclose(method(values, np.arange(20.0), 5, 0), 4.0, atol=0.02)
