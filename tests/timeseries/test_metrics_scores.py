"""Scores of forecasts against closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from sicore.errors import InputError
from sicore_timeseries.metrics import (
    NINETEEN,
    crps,
    crps_sum,
    energy_score,
    gaussian_crps,
    gaussian_log_score,
    joint_gaussian_log_score,
    mase,
    mean_quantile_loss,
    mean_weighted_quantile_loss,
    variogram_score,
)

NAN = float("nan")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_gaussian_crps_is_its_integral():
    mean, std, y = 0.7, 1.6, -0.4

    def integrand(x):
        return (stats.norm.cdf(x, mean, std) - (x >= y)) ** 2

    exact = sum(integrate.quad(integrand, a, b)[0] for a, b in ((-15, y), (y, 15)))
    assert gaussian_crps([mean], [std], [y]) == pytest.approx(exact, rel=1e-6)
    # Of a perfect forecast it is σ/√π in the mean.
    y = normal(20_000)
    perfect = gaussian_crps(torch.zeros(()), torch.ones(()), y)
    assert perfect == pytest.approx(math.pi**-0.5, abs=4 * 0.4 / 20_000**0.5)


def test_ensemble_crps_is_the_integral_over_its_steps():
    draws, y = np.array([0.3, -1.0, 2.0, 0.4]), 0.9
    knots = np.sort(np.append(draws, y))
    middle = (knots[1:] + knots[:-1]) / 2
    below = (draws[:, None] <= middle).mean(0)
    exact = (np.diff(knots) * (below - (middle >= y)) ** 2).sum()
    assert crps(draws[:, None], np.array([y])) == pytest.approx(exact, rel=1e-12)


def test_fair_crps_of_few_draws_is_that_of_the_law():
    draws, y = normal(3, 40_000), normal(40_000, seed=1)
    exact = gaussian_crps(torch.zeros(()), torch.ones(()), y)
    # The deviation of an entry is below 1.
    assert crps(draws, y, fair=True) == pytest.approx(exact, abs=4 / 40_000**0.5)
    # Draws of the law as a law cost 1/S of E|X − X'|/2 = 1/√π more.
    assert crps(draws, y) - crps(draws, y, fair=True) == pytest.approx(
        math.pi**-0.5 / 3, abs=4 / 40_000**0.5
    )


def test_quantile_losses_read_nine_per_cent_more():
    n = 4000
    draws = torch.from_numpy(stats.norm.ppf((np.arange(1001) + 0.5) / 1001)).unsqueeze(1)
    wide, y = draws.expand(-1, n), normal(n, seed=1)
    # E of the pinball loss at the true quantile z_p is φ(z_p); the deviation is below 1.
    exact = 2 * stats.norm.pdf(stats.norm.ppf(np.arange(1, 10) / 10)).mean()
    assert exact * math.pi**0.5 == pytest.approx(1.09, abs=0.005)
    loss = mean_quantile_loss(wide, y)
    assert loss == pytest.approx(exact, abs=4 / n**0.5)
    assert loss / gaussian_crps(torch.zeros(()), torch.ones(()), y) == pytest.approx(1.09, abs=0.01)
    fine = tuple((k + 0.5) / 100 for k in range(100))
    assert mean_quantile_loss(wide[:, :500], y[:500], levels=fine) == pytest.approx(
        gaussian_crps(torch.zeros(()), torch.ones(()), y[:500]), rel=0.01
    )
    assert mean_weighted_quantile_loss(wide, y) == pytest.approx(loss / float(y.abs().mean()))


def test_pinball_of_one_draw():
    # All quantiles are the draw: 2 mean_p |y − x| |p − 1{y < x}| = |y − x|
    assert mean_quantile_loss([[1.0]], [3.5]) == pytest.approx(2.5)
    assert mean_quantile_loss([[3.5]], [1.0], levels=NINETEEN) == pytest.approx(2.5)
    assert mean_quantile_loss([[1.0]], [3.5], levels=(0.9,)) == pytest.approx(4.5)


def test_missing_truths_do_not_count():
    draws, y = normal(5, 6, 4, 2), normal(6, 4, 2, seed=1)
    holes = y.clone()
    holes[:, 2] = NAN
    kept = [0, 1, 3]
    for score in (
        crps,
        mean_quantile_loss,
        mean_weighted_quantile_loss,
        crps_sum,
        energy_score,
        variogram_score,
    ):
        assert score(draws, holes) == pytest.approx(score(draws[:, :, kept], y[:, kept]))
    mean, std = torch.zeros(()), torch.ones(())
    for exact in (gaussian_crps, gaussian_log_score):
        assert exact(mean, std, holes) == pytest.approx(exact(mean, std, y[:, kept]))
    holes[1] = NAN
    assert energy_score(draws, holes) == pytest.approx(
        energy_score(draws[:, [0, 2, 3, 4, 5]][:, :, kept], y[[0, 2, 3, 4, 5]][:, kept])
    )


def test_the_sum_over_channels():
    draws, y = normal(50, 300, 2), normal(300, 2, seed=1)
    assert crps_sum(draws, y) == pytest.approx(crps(draws.sum(-1), y.sum(-1)))
    shuffled = draws.clone()
    shuffled[..., 1] = draws[..., 0]  # each channel as good as before, the sum too wide
    assert crps(shuffled, y) == pytest.approx(crps(draws, y), rel=0.05)
    assert crps_sum(shuffled, y) > 1.02 * crps_sum(draws, y)


def test_the_energy_score_of_one_number_is_crps():
    draws, y = normal(7, 20, 1), normal(20, 1, seed=1)
    for fair in (False, True):
        assert energy_score(draws, y, fair=fair) == pytest.approx(crps(draws, y, fair=fair))


def test_the_energy_score_by_its_definition():
    draws, y = normal(4, 1, 3), normal(1, 3, seed=1)
    x = draws[:, 0]
    pairs = sum((x[i] - x[j]).norm() for i in range(4) for j in range(4))
    exact = (x - y[0]).norm(dim=1).mean() - pairs / 32
    assert energy_score(draws, y) == pytest.approx(float(exact))


def test_joint_scores_see_correlation_that_crps_does_not():
    def pairs(n, rho, seed):
        z = normal(n, 2, seed=seed)
        return torch.stack((z[:, 0], rho * z[:, 0] + (1 - rho**2) ** 0.5 * z[:, 1]), 1)

    y = pairs(800, 0.9, 0)
    right, wrong = (pairs(100, rho, 1).unsqueeze(1).expand(-1, 800, -1) for rho in (0.9, -0.9))
    assert crps(wrong, y) == pytest.approx(crps(right, y), rel=0.03)
    assert energy_score(wrong, y) > 1.05 * energy_score(right, y)
    assert variogram_score(wrong, y) > 1.5 * variogram_score(right, y)


def test_the_variogram_score_by_its_definition():
    draws, y = normal(5, 1, 3), normal(1, 3, seed=1)
    total = 0.0
    for i in range(3):
        for j in range(3):
            expected = (draws[:, 0, i] - draws[:, 0, j]).abs().pow(0.5).mean()
            total += ((y[0, i] - y[0, j]).abs() ** 0.5 - expected) ** 2 * (i != j)
    assert variogram_score(draws, y) == pytest.approx(float(total) / 6)
    assert variogram_score(draws + 7, y) == pytest.approx(variogram_score(draws, y))


def test_log_scores_are_those_of_scipy():
    mean, y = normal(5, 3).numpy(), normal(5, 3, seed=1).numpy()
    root = normal(5, 3, 3, seed=2)
    cov = (root @ root.transpose(1, 2) + torch.eye(3)).numpy()
    exact = [-stats.multivariate_normal.logpdf(y[b], mean[b], cov[b]) for b in range(5)]
    assert joint_gaussian_log_score(mean, cov, y) == pytest.approx(np.mean(exact))
    std = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))
    single = -stats.norm.logpdf(y, mean, std)
    assert gaussian_log_score(mean, std, y) == pytest.approx(single.mean())
    y[:, 1] = np.nan
    part = np.ix_([0, 2], [0, 2])
    exact = [
        -stats.multivariate_normal.logpdf(y[b, [0, 2]], mean[b, [0, 2]], cov[b][part])
        for b in range(5)
    ]
    assert joint_gaussian_log_score(mean, cov, y) == pytest.approx(np.mean(exact))


def test_mase_of_the_naive_forecast_of_a_walk_is_one_step_ahead():
    past = torch.tensor([0.0, 1.0, 3.0, 2.0, NAN, 7.0]).view(1, 6, 1)  # steps 1, 2, 1: mean 4/3
    truth, draws = torch.tensor([[[9.0], [8.0]]]), torch.tensor([7.0, 7.0, 6.0]).view(3, 1, 1, 1)
    found = mase(draws.expand(3, 1, 2, 1), truth, past)
    assert found == pytest.approx(1.5 / (4 / 3))  # medians 7: errors 2 and 1
    seasons = torch.tensor([0.0, 5.0, 1.0, 6.0]).view(1, 4, 1)
    assert mase(draws.expand(3, 1, 2, 1), truth, seasons, season=2) == pytest.approx(1.5)
    with pytest.raises(InputError, match="changes"):
        mase(draws.expand(3, 1, 2, 1), truth, torch.ones(1, 5, 1))
    with pytest.raises(InputError, match="season"):
        mase(draws.expand(3, 1, 2, 1), truth, seasons, season=4)


def test_errors():
    y = normal(4)
    with pytest.raises(InputError, match=r"\(S, ...\)"):
        crps(normal(3, 5), y)
    with pytest.raises(InputError, match="fair"):
        crps(normal(1, 4), y, fair=True)
    with pytest.raises(InputError, match="all are missing"):
        crps(normal(2, 4), torch.full((4,), NAN))
    with pytest.raises(InputError, match="draws are missing"):
        crps(torch.full((2, 4), NAN), y)
    with pytest.raises(InputError, match="above 0"):
        gaussian_crps(0.0, 0.0, y)
    with pytest.raises(InputError, match="weight"):
        mean_weighted_quantile_loss(normal(2, 4), torch.zeros(4))
    with pytest.raises(InputError, match="order"):
        variogram_score(normal(2, 4, 2), normal(4, 2), order=0)
