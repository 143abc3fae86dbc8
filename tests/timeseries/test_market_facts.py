"""Stylised facts of processes that have them, and of those that have not."""

import numpy as np
import pytest

from sicore.errors import InputError
from sicore_timeseries.market.facts import stylised_facts
from sicore_timeseries.market.figures import (
    acf,
    aggregated,
    decay_exponent,
    excess_kurtosis,
    leverage,
    skewness,
    tail_index,
    time_asymmetry,
)


def garch(n, lever, seed=0):
    """GJR-GARCH(1, 1) with t noise: heavy tails, clustering, and leverage if ``lever`` > 0."""
    random = np.random.default_rng(seed)
    z = random.standard_t(6, n) / np.sqrt(1.5)
    r, h = np.empty(n), 1.0
    for t in range(n):
        r[t] = np.sqrt(h) * z[t]
        h = 0.02 + (0.9 - lever / 2) * h + (0.07 + lever * (r[t] < 0)) * r[t] ** 2
    return r


def holding(facts):
    return {fact.name for fact in facts if fact.holds}


def test_a_market_like_series_has_its_facts():
    r = garch(6000, 0.12)
    volumes = np.exp(np.abs(r) * 0.3 + np.random.default_rng(1).standard_normal(6000))
    facts = stylised_facts(r, volumes)
    assert len(facts) == 12
    assert {
        "absence of autocorrelations",
        "heavy tails",
        "heavy tails: index",
        "intermittency",
        "volatility clustering",
        "conditional heavy tails",
        "slow decay of autocorrelation",
        "leverage effect",
        "volume/volatility correlation",
    } <= holding(facts)
    assert facts == stylised_facts(r, volumes)


def test_gaussian_noise_has_hardly_any():
    r = np.random.default_rng(2).standard_normal(4000)
    assert holding(stylised_facts(r)) <= {"absence of autocorrelations"}


def test_shuffling_leaves_the_tails_and_takes_the_clusters():
    r = np.random.default_rng(3).permutation(garch(6000, 0.12))
    held = holding(stylised_facts(r))
    assert {"heavy tails", "heavy tails: index", "aggregational Gaussianity"} <= held
    dependent = {"intermittency", "volatility clustering", "leverage effect"}
    assert not dependent & held and "slow decay of autocorrelation" not in held


def test_a_trend_following_series_is_no_market():
    random = np.random.default_rng(4)
    r = np.convolve(random.standard_normal(3003), np.ones(4), "valid")
    assert "absence of autocorrelations" not in holding(stylised_facts(r))


def test_losses_that_are_larger_than_gains():
    r = 1 - np.random.default_rng(5).exponential(size=2000)
    facts = {fact.name: fact for fact in stylised_facts(r)}
    assert facts["gain/loss asymmetry"].holds
    assert facts["gain/loss asymmetry"].figure == pytest.approx(-2, abs=0.5)
    assert not {f.name: f for f in stylised_facts(-r)}["gain/loss asymmetry"].holds


def test_figures_against_closed_forms():
    random = np.random.default_rng(6)
    n = 200_000
    ar = np.empty(n)
    ar[0], noise = 0.0, random.standard_normal(n)
    for t in range(1, n):
        ar[t] = 0.6 * ar[t - 1] + noise[t]
    assert acf(ar, 3) == pytest.approx([0.6, 0.36, 0.216], abs=0.012)  # 4 standard errors
    laplace = random.laplace(size=n)
    assert excess_kurtosis(laplace) == pytest.approx(3, abs=0.4)
    assert excess_kurtosis(aggregated(laplace, 10)) == pytest.approx(0.3, abs=0.2)
    assert skewness(random.exponential(size=n)) == pytest.approx(2, abs=0.15)
    assert tail_index(random.pareto(3.0, n) + 1) == pytest.approx(3, abs=0.12)


def test_the_exponent_of_a_known_power_law(monkeypatch):
    monkeypatch.setattr(
        "sicore_timeseries.market.figures.acf", lambda x, lags: np.arange(1.0, lags + 1) ** -0.3
    )
    assert decay_exponent(np.zeros(1)) == pytest.approx(0.3, abs=1e-12)


def test_time_runs_one_way():
    """Returns that raise or lower what comes after them: leverage, and none in reversed time."""
    z = np.random.default_rng(7).standard_normal(20_000)
    r = z.copy()
    r[1:] *= np.exp(-0.3 * z[:-1])
    assert leverage(r) < -0.02
    assert abs(leverage(r[::-1])) < 0.01
    assert time_asymmetry(r[::-1]) == pytest.approx(-time_asymmetry(r), abs=1e-12)


@pytest.mark.parametrize(
    ("returns", "volumes", "message"),
    [
        (np.zeros(100), None, "expected at least 500"),
        (np.zeros(600), None, "all are the same number"),
        (np.r_[np.arange(600.0), np.nan], None, "number 601 is nan"),
        (np.arange(600.0), np.arange(5.0), "volumes: expected 600 finite numbers"),
    ],
)
def test_wrong_input(returns, volumes, message):
    with pytest.raises(InputError, match=message):
        stylised_facts(returns, volumes)
