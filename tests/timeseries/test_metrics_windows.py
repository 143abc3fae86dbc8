"""Figures of sets of windows against laws that are known."""

import math

import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore_timeseries.metrics import (
    autocorrelation,
    autocorrelation_distance,
    bures_wasserstein,
    bures_wasserstein_to,
    convolution_features,
    convolution_frechet,
    correlational_score,
    hill_exponent,
    kurtosis,
    marginal_wasserstein,
    neighbour_ratio,
    prediction_error,
    quantile_error,
    window_energy_distance,
)
from sicore_timeseries.metrics.convolutions import _responses
from sicore_timeseries.metrics.inputs import standardised

DISTANCES = (
    convolution_frechet,
    marginal_wasserstein,
    window_energy_distance,
    quantile_error,
    autocorrelation_distance,
    correlational_score,
)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def autoregression(n, t=12, a=0.8, c=1, seed=0):
    """Stationary ``x_t = a x_{t−1} + √(1 − a²) z_t``: variance 1, autocorrelation aᵏ."""
    z = normal(n, t, c, seed=seed)
    rows = [z[:, 0]]
    for step in range(1, t):
        rows.append(a * rows[-1] + (1 - a**2) ** 0.5 * z[:, step])
    return torch.stack(rows, 1)


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_are_nothing_for_the_same_windows_and_more_for_others(distance):
    a, b = autoregression(400, c=2), autoregression(400, c=2, seed=1)
    if distance is not window_energy_distance:  # that one is unbiased, and knows no pairs
        assert distance(a, a) == pytest.approx(0, abs=1e-5)
    floor = distance(a, b)
    wrong = torch.stack((2 * b[..., 0], (b[..., 0] + normal(400, 12, seed=2)).exp()), -1)
    assert distance(wrong, b) > 2 * abs(floor)


@pytest.mark.parametrize(
    "distance", [convolution_frechet, marginal_wasserstein, quantile_error, prediction_error]
)
def test_units_of_the_data_do_not_matter(distance):
    a, b = autoregression(200, c=2), autoregression(150, c=2, seed=1)
    scale, shift = torch.tensor([1e-3, 50.0]), torch.tensor([7.0, -1e3])
    assert distance(a * scale + shift, b * scale + shift) == pytest.approx(distance(a, b), rel=1e-6)
    unit = autoregression(150, seed=2, c=2) * 3
    assert distance(a, b, unit=unit) != pytest.approx(distance(a, b), rel=1e-2)


def test_the_unit_is_that_of_the_real_windows_and_columns_may_be_constant():
    real = torch.stack((3 * normal(50, 4, seed=1) + 2, torch.full((50, 4), 9.0)), -1)
    a, b = standardised(real + 1, real)
    assert torch.allclose(b.std((0, 1)), torch.tensor([1.0, 0.0]).double())
    assert torch.allclose((a - b)[..., 0] * real[..., 0].std(), torch.ones(()).double())
    assert torch.equal(b[..., 1], torch.zeros(50, 4).double())
    assert correlational_score(real, real) == 0


def test_correlational_score_of_known_correlations():
    x = normal(5000, 6, 3)
    y = normal(5000, 6, 3, seed=1)
    y[..., 1] = 0.6 * y[..., 0] + 0.8 * y[..., 1]
    # one pair differs by .6, the two others by noise of 1/√30000 each
    assert correlational_score(x, y) == pytest.approx(0.06, abs=4 * 3 * 0.006 * 1.5 / 10)


def test_autocorrelation_of_an_autoregression():
    found = autocorrelation(autoregression(8000, 12, 0.8), 6)
    exact = 0.8 ** torch.arange(1, 7).double()
    assert torch.allclose(found[:, 0], exact, atol=4 * 3 / 8000**0.5 / 2)
    distance = autocorrelation_distance(
        autoregression(8000, 12, 0.8), autoregression(8000, 12, 0.5, seed=1), lags=3
    )
    gap = 0.8 ** torch.arange(1, 4).double() - 0.5 ** torch.arange(1, 4).double()
    assert distance == pytest.approx(float(gap.square().mean().sqrt()), abs=0.03)


def test_bures_wasserstein_of_one_number():
    a, b = normal(500, 1, 1), 3 * normal(400, 1, 1, seed=1) + 1
    exact = ((a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2) ** 0.5
    assert bures_wasserstein(a, b) == pytest.approx(float(exact))
    mean, covariance = torch.tensor([1.0]).double(), torch.tensor([[9.0]]).double()
    exact = ((a.mean() - 1) ** 2 + (a.std() - 3) ** 2) ** 0.5
    assert bures_wasserstein_to(a, mean, covariance) == pytest.approx(float(exact))


def test_bures_wasserstein_of_rotated_axes():
    # Σ = diag(4, 1) against diag(1, 4): W² = 2 (2 − 1)², since they commute.
    x = normal(100_000, 2)
    a, b = x * torch.tensor([2.0, 1.0]), x.flip(1) * torch.tensor([1.0, 2.0])
    assert bures_wasserstein(a, b) == pytest.approx(2**0.5, abs=0.02)


def test_marginal_wasserstein_of_a_shift():
    a = normal(300, 5, 2)
    moved = a + torch.tensor([0.0, 3.0])
    assert marginal_wasserstein(moved, a) == pytest.approx(1.5 / float(a[..., 1].std()), rel=1e-9)


def test_prediction_error_of_an_autoregression():
    a, b = autoregression(4000), autoregression(4000, seed=1)
    # The best rule leaves √(1 − a²) z: E|·| = √(1 − a²) √(2/π)
    exact = 0.6 * (2 / math.pi) ** 0.5
    assert prediction_error(a, b) == pytest.approx(exact, rel=0.02)
    assert prediction_error(autoregression(4000, a=-0.5), b) > 2 * exact
    # learnt from noise: the prediction is 0
    assert prediction_error(normal(4000, 12, 1), b) == pytest.approx((2 / math.pi) ** 0.5, rel=0.03)
    with pytest.raises(InputError, match="rows"):
        prediction_error(a, b, rows=12)


def test_convolution_features_are_the_same_for_everybody_and_see_order():
    x = autoregression(300, 24, c=3)
    features = convolution_features(x)
    assert features.shape == (300, 256)
    assert torch.equal(features, convolution_features(x))
    assert torch.allclose(features[7], convolution_features(x[5:9])[2])
    shuffled = x[:, torch.randperm(24, generator=torch.Generator().manual_seed(0))]
    fresh = autoregression(300, 24, c=3, seed=1)
    assert convolution_frechet(shuffled, fresh) > 3 * convolution_frechet(x, fresh)
    assert convolution_features(x[:, :3]).shape == (300, 256)
    with pytest.raises(InputError, match="three rows"):
        convolution_features(x[:, :2])


def test_what_a_kernel_tells():
    x = normal(3, 9, 2)
    kernel = torch.zeros(1, 2, 3, dtype=torch.float64)
    kernel[0, 1] = torch.tensor([1.0, 0.0, -1.0])
    out = x[:, :5, 1] - x[:, 4:, 1] + 0.1  # dilation 2: four rows apart
    expected = torch.stack((out.amax(1), (out > 0).double().mean(1)), 1)
    found = _responses(x, kernel, torch.tensor([0.1], dtype=torch.float64), 2)
    assert torch.allclose(found, expected)


def test_kurtosis_of_known_laws():
    n = 40_000
    u = torch.rand(n, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.stack((normal(n, 5), u, torch.ones(n, 5)), -1)
    found = kurtosis(x)
    assert float(found[0]) == pytest.approx(3, abs=4 * (24 / (5 * n)) ** 0.5)
    assert float(found[1]) == pytest.approx(1.8, abs=0.02)
    assert found[2].isnan()


def test_hill_exponent_of_pareto_and_student():
    u = torch.rand(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # k = 10,000 of the largest: the deviation of α is α/√k
    assert hill_exponent(u ** (-1 / 3)) == pytest.approx(3, abs=4 * 3 / 100)
    student = torch.from_numpy(stats.t.rvs(4, size=200_000, random_state=0))
    assert 3 < hill_exponent(student, 0.01) < 4.2
    with pytest.raises(InputError, match="share"):
        hill_exponent(u[:10])
    with pytest.raises(InputError, match="not 0"):
        hill_exponent(torch.zeros(100))


def test_quantile_error_of_a_scale():
    real = normal(20_000, 3, 1)
    levels = (0.1, 0.5, 0.9)
    exact = 2 * 1.2816 * 0.5 / 3  # the quantiles of 1.5 x are 1.5 as large
    assert quantile_error(1.5 * real, real, levels=levels) == pytest.approx(exact, abs=0.02)
    ramp = real + 10 * torch.arange(3).view(1, 3, 1)
    assert quantile_error(1.5 * real, real, differences=True, levels=levels) == pytest.approx(
        exact, abs=0.02
    )
    assert quantile_error(ramp - ramp.mean(), real) > 1


def test_copies_and_new_windows():
    train, held_out, new = (normal(500, 4, 1, seed=k) for k in range(3))
    assert neighbour_ratio(new, train, held_out) == pytest.approx(1, abs=0.1)
    assert neighbour_ratio(train[:100], train, held_out) == pytest.approx(0, abs=1e-5)
    near = train[:100] + 0.01 * normal(100, 4, 1, seed=5)
    assert neighbour_ratio(near, train, held_out) < 0.1
    assert neighbour_ratio(new * 100, train * 100, held_out * 100) == pytest.approx(
        neighbour_ratio(new, train, held_out)
    )


@pytest.mark.parametrize("metric", [*DISTANCES, prediction_error])
def test_bad_windows(metric):
    x = normal(20, 6, 2)
    for bad in (x[0], x[:, :5], x[:1]):
        with pytest.raises(InputError, match=r"\(n, T, C\)"):
            metric(bad, x)
    with pytest.raises(InputError, match="samples: 1 of 20 windows"):
        holes = x.clone()
        holes[3, 2] = torch.nan
        metric(holes, x)
