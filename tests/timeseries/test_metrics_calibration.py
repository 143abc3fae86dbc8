"""PIT and coverage: right for perfect forecasts of any number of draws, wrong for others."""

import numpy as np
import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore_timeseries.metrics import coverage, pit_histogram, pit_values

N = 8000


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("count", [1, 7, 50])
def test_pit_of_a_perfect_forecast_is_uniform(count):
    values = pit_values(normal(count, N), normal(N, seed=1))
    assert stats.kstest(values, "uniform").pvalue > 0.001
    found = pit_histogram(values)
    assert found.n == N and found.shares.sum() == pytest.approx(1)
    assert found.p_value > 0.001


def test_pit_with_ties_is_uniform():
    # Counts: most draws and truths are equal.
    rng = np.random.default_rng(0)
    values = pit_values(rng.poisson(1.0, (9, N)).astype(float), rng.poisson(1.0, N).astype(float))
    assert stats.kstest(values, "uniform").pvalue > 0.001


def test_shapes_of_wrong_forecasts():
    y = normal(N, seed=1)
    narrow, wide, low = (
        pit_histogram(pit_values(draws, y), 10).shares
        for draws in (0.5 * normal(50, N), 2 * normal(50, N), normal(50, N) - 1)
    )
    assert narrow[0] > 0.15 and narrow[-1] > 0.15 and narrow[4] < 0.08
    assert wide[0] < 0.05 and wide[-1] < 0.05 and wide[4] > 0.13
    assert low[-1] > 0.3 and low[0] < 0.03
    assert pit_histogram(pit_values(0.9 * normal(50, N), y)).p_value < 1e-3


def test_the_p_value_is_that_of_the_chi_square_test():
    values = np.repeat([0.1, 0.6], [60, 40])
    # (10² + 10²)/50 = 4 with one degree of freedom
    assert pit_histogram(values, bins=2).p_value == pytest.approx(stats.chi2.sf(4, 1))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_coverage_is_its_level(level):
    y = normal(N, seed=1)
    y[::10] = torch.nan
    n = N * 0.9
    for count in (9, 100):
        found = coverage(normal(count, N), y, level)
        assert found == pytest.approx(level, abs=4 * (level * (1 - level) / n) ** 0.5)
    narrow = coverage(0.5 * normal(400, N), y, level)
    exact = 2 * stats.norm.cdf(0.5 * stats.norm.ppf((1 + level) / 2)) - 1
    assert narrow == pytest.approx(exact, abs=0.03)


def test_missing_truths_are_left_out():
    y = normal(10)
    y[3] = torch.nan
    assert len(pit_values(normal(4, 10, seed=1), y)) == 9


def test_errors():
    with pytest.raises(InputError, match="level"):
        coverage(normal(3, 4), normal(4), 1.0)
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        pit_histogram(np.array([0.2, 1.2]))
    with pytest.raises(InputError, match="at least one"):
        pit_histogram(np.zeros(0))
