"""Simple forecasts against what theory says of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sicore.errors import InputError
from sicore_timeseries.forecasts.autoregression import AutoRegression, fit_autoregression
from sicore_timeseries.forecasts.ets import ETS, FittedETS, fit_ets
from sicore_timeseries.forecasts.histories import innovations
from sicore_timeseries.forecasts.naive import Drift, SeasonalNaive
from sicore_timeseries.forecasts.quantiles import quantile_table
from sicore_timeseries.forecasts.rolling import rolling
from sicore_timeseries.forecasts.seasons import season_of_step, season_of_values

S = 4000
METHODS = [SeasonalNaive(), SeasonalNaive(7), Drift(), AutoRegression(), ETS(7), ETS()]


def walk(n=300, c=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, c)).cumsum(0)


def close(variance, expected, samples=S):
    """Within 5 standard errors of a variance, for tails up to a kurtosis of about 4."""
    return np.allclose(variance, expected, rtol=5 * np.sqrt(3 / samples))


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_shapes_seeds_gaps_and_units(method):
    history = walk(140)
    paths = method(history, 9, 20, 1)
    assert paths.shape == (20, 9, 2) and np.isfinite(paths).all()
    assert np.array_equal(paths, method(history, 9, 20, 1))
    assert not np.allclose(paths, method(history, 9, 20, 2))
    moved = method(1e-4 * history + 5, 9, 20, 1)
    assert np.allclose(moved, 1e-4 * paths + 5, atol=2e-6)
    gaps = history.copy()
    gaps[10:14, 0] = gaps[-2:, 1] = np.nan
    assert np.isfinite(method(gaps, 9, 20, 1)).all()


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_constant_stays(method):
    assert np.allclose(method(np.full((60, 1), 3e8), 5, 4, 0), 3e8)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_what_has_no_history_is_refused(method):
    with pytest.raises(InputError, match="at least"):
        method(np.zeros((1, 1)), 3, 5, 0)
    with pytest.raises(InputError, match="channel 1 has no value"):
        method(np.array([[0.0, np.nan]] * 30), 3, 5, 0)


def test_naive_is_a_random_walk():
    history = walk()
    paths = SeasonalNaive()(history, 8, S, 0)
    change = np.diff(history, axis=0).std(0)
    ahead = np.arange(1, 9)[:, None]
    assert close(paths.var(0), ahead * change**2)
    error = np.sqrt(ahead * change**2 / S)
    assert (abs(paths.mean(0) - history[-1]) < 4.5 * error).all()


def test_seasonal_naive_adds_a_change_for_each_season():
    rng = np.random.default_rng(0)
    history = np.sin(np.arange(400) * 2 * np.pi / 8)[:, None] + rng.normal(size=(400, 1))
    paths = SeasonalNaive(8)(history, 24, S, 0)
    change = (history[8:] - history[:-8]).var()
    assert close(paths.var(0).reshape(3, 8), change * np.arange(1, 4)[:, None] * np.ones(8))
    exact = np.tile(np.arange(8.0), 5)[:, None]
    assert np.array_equal(SeasonalNaive(8)(exact, 12, 3, 0)[0], exact[:12])


def test_channels_that_move_together_are_forecast_together():
    history = walk(200, 1)
    both = np.concatenate([history, 2 * history + 1], axis=1)
    for method in METHODS:
        paths = method(both, 5, 50, 0)
        assert np.allclose(paths[..., 1], 2 * paths[..., 0] + 1, atol=1e-3), method


def test_drift_goes_on_along_its_line():
    line = np.arange(20.0)[:, None] * 0.5
    assert np.allclose(Drift()(line, 6, 3, 0), 9.5 + 0.5 * np.arange(1, 7)[:, None])
    history = walk(30)
    paths = Drift()(history, 12, S, 0)
    ahead = np.arange(1, 13)[:, None]
    expected = np.diff(history, axis=0).var(0) * ahead * (1 + ahead / 29)
    assert close(paths.var(0), expected)


def test_autoregression_finds_the_coefficients():
    n, phi = 5000, np.array([1.2, -0.5])
    eps = np.random.default_rng(1).normal(size=n)
    y = np.zeros(n)
    for t in range(2, n):
        y[t] = 3 + phi @ y[[t - 1, t - 2]] + eps[t]
    weights, residuals = fit_autoregression(y[500:], 6)
    error = np.sqrt(1 - 0.5**2) / np.sqrt(4500)  # of both coefficients of an AR(2)
    assert 3 <= len(weights) <= 7 and abs(weights[1:3] - phi).max() < 5 * error
    assert np.isclose(residuals.std(), 1, atol=4 / np.sqrt(2 * 4500))


def test_autoregressive_paths_have_the_moments_of_the_model():
    y = walk(400, 1) * 0.2 + np.random.default_rng(3).normal(size=(400, 1))
    weights, residuals = fit_autoregression(y[:, 0], 5)
    method = AutoRegression(5)
    paths = method(y, 7, S, 0)[..., 0]
    psi, mean = [1.0], list(y[:, 0])
    for h in range(7):
        mean.append(weights[0] + sum(w * mean[-k] for k, w in enumerate(weights[1:], 1)))
        psi.append(sum(w * psi[h - k] for k, w in enumerate(weights[1:], 0) if h - k >= 0))
    expected = (residuals**2).mean() * np.cumsum(np.square(psi))[:7]
    assert close(paths.var(0), expected)
    assert (abs(paths.mean(0) - mean[-7:]) < 4.5 * np.sqrt(expected / S)).all()


def test_a_sine_is_an_autoregression():
    wave = 5 + np.sin(np.arange(200) * 0.3)[:, None]
    truth = 5 + np.sin(np.arange(200, 210) * 0.3)[:, None]
    assert np.allclose(AutoRegression()(wave, 10, 2, 0), truth, atol=1e-6)


def test_ets_paths_answer_an_innovation_as_theory_says():
    alpha, beta, gamma, m = 0.4, 0.1, 0.3, 4
    fit = FittedETS((alpha, beta, gamma, 1.0), 10.0, 0.5, np.arange(4.0), np.zeros(1), 0.0)
    quiet = fit.paths(np.zeros((1, 10)))[0]
    h = np.arange(1, 11)
    assert np.allclose(quiet, 10 + 0.5 * h + (h - 1) % 4)
    pulse = fit.paths(np.eye(1, 10))[0] - quiet
    j = np.arange(1, 10)
    assert np.allclose(pulse, [1, *(alpha + beta * j + gamma * (j % m == 0))])


def test_ets_damps_the_trend():
    fit = FittedETS((0.5, 0.1, 0.0, 0.9), 0.0, 1.0, np.zeros(1), np.zeros(1), 0.0)
    assert np.allclose(fit.paths(np.zeros((1, 5)))[0], np.cumsum(0.9 ** np.arange(1, 6)))


def test_ets_finds_the_rate_of_a_local_level():
    rng, n = np.random.default_rng(0), 2000
    eps, level, y = rng.normal(size=n), 5.0, []
    for e in eps:
        y.append(level + e)
        level += 0.4 * e
    fit = fit_ets(np.array(y), 1)
    assert abs(fit.rates[0] - 0.4) < 5 * np.sqrt((1 - 0.6**2) / n)  # of an MA(1) with −0.6
    assert np.isclose(fit.residuals.std(), 1, atol=4 / np.sqrt(2 * n))
    assert fit.rates[1] < 0.02


def test_ets_follows_trend_and_season():
    t = np.arange(150)
    noise = np.random.default_rng(0).normal(size=162) * 0.1
    y = 0.3 * np.arange(162) + 2 * np.cos(np.arange(162) * 2 * np.pi / 12) + noise
    fit = fit_ets(y[t], 12)
    assert len(fit.cycle) == 12
    paths = ETS(12)(y[t, None], 12, 500, 0)[..., 0]
    assert abs(np.median(paths, 0) - y[150:]).max() < 0.5
    # the next place of the season comes first wherever the history ends
    earlier = ETS(12)(y[:145, None], 12, 500, 0)[..., 0]
    assert abs(np.median(earlier, 0) - y[145:157]).max() < 0.5


def test_innovations_have_the_moments_of_the_residuals():
    residuals = np.random.default_rng(0).normal(size=(50, 3)) @ [
        [1, 0.8, 0],
        [0, 0.6, 0],
        [0, 0, 2],
    ]
    noise = innovations(residuals, 4000, 5, np.random.default_rng(0)).reshape(-1, 3)
    second = residuals.T @ residuals / 50
    scale = np.sqrt(np.outer(np.diag(second), np.diag(second)))
    assert (abs(noise.T @ noise / len(noise) - second) / scale).max() < 5 * np.sqrt(2 / 20_000)


# ------------------------------------------------------------------ tables, seasons, back-tests


def test_a_table_of_quantiles():
    ensemble = np.random.default_rng(0).normal(size=(31, 4, 2))
    times = pd.date_range("2024-01-01", periods=4, freq="h")
    frame = quantile_table(ensemble, times, ["a", "b"], series="x", levels=(0.05, 0.5, 0.975))
    assert list(frame) == ["time", "series", "column", "mean", "q05", "q50", "q97.5"]
    assert len(frame) == 8 and set(frame["series"]) == {"x"}
    row = frame[(frame["column"] == "b") & (frame["time"] == times[2])].iloc[0]
    assert np.isclose(row["mean"], ensemble[:, 2, 1].mean())
    assert np.isclose(row["q97.5"], np.quantile(ensemble[:, 2, 1], 0.975))
    with pytest.raises(InputError, match="expected"):
        quantile_table(ensemble, times[:3], ["a", "b"])
    with pytest.raises(InputError, match="between 0 and 1"):
        quantile_table(ensemble, times, ["a", "b"], levels=(1.0,))


@pytest.mark.parametrize(
    "step,season",
    [
        (1, 60),
        (60, 1440),
        (600, 144),
        (3600, 24),
        (86400, 7),
        (7 * 86400, 52),
        (30 * 86400, 12),
        (31 * 86400, 12),
        (91 * 86400, 4),
        (365 * 86400, 1),
        (4 * 365 * 86400, 1),
    ],
)
def test_the_season_of_a_step(step, season):
    assert season_of_step(step) == season


def test_the_season_of_values():
    rng, t = np.random.default_rng(0), np.arange(400)
    for season in (5, 12, 24):
        wave = np.sin(2 * np.pi * t / season) + 0.01 * t + rng.normal(size=400) * 0.2
        assert season_of_values(wave[:, None]) == season
    assert season_of_values(rng.normal(size=(400, 1))) == 1
    assert season_of_values(walk(400)) == 1
    assert season_of_values(np.ones((50, 2))) == season_of_values(np.zeros((3, 1))) == 1


def test_a_back_test_shows_methods_only_the_past():
    values = np.arange(40.0).reshape(20, 2)
    seen = []

    def method(history, horizon, samples, seed):
        seen.append((history.copy(), seed))
        return np.zeros((samples, horizon, 2))

    result = rolling(values, {"a": method}, (5, 17), 3, samples=4, seed=7, history=6)
    assert np.array_equal(result.truths, [values[5:8], values[17:20]])
    assert result.ensembles["a"].shape == (2, 4, 3, 2)
    assert np.array_equal(seen[0][0], values[:5]) and np.array_equal(seen[1][0], values[11:17])
    assert [seed for _, seed in seen] == [7, 8]


@pytest.mark.parametrize("origin", [0, 18])
def test_windows_outside_the_table_are_refused(origin):
    with pytest.raises(InputError, match="origins from 1 to 17"):
        rolling(np.zeros((20, 1)), {"a": SeasonalNaive()}, [origin], 3)


def test_a_method_with_the_wrong_shape_is_named():
    with pytest.raises(InputError, match="bad gave"):
        rolling(np.zeros((20, 1)), {"bad": lambda *_: np.zeros((1, 1, 1))}, [10], 3, samples=2)
