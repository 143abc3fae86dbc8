"""All figures together: of windows beside their floor, of forecasts, through a domain."""

import json
import math

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.metrics.evaluation import (
    _complete,
    _halves,
    evaluate_forecasts,
    evaluate_windows,
    published_protocol,
)

pytest.importorskip("sklearn")


class Walk:
    """Windows of an autoregression, cut at every row, with repeats as masks make them."""

    def __init__(self, n, seed, masks=1, missing=(), level=0.0):
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(n + 11, 2, generator=generator)
        rows = [z[0]]
        for row in z[1:]:
            rows.append(0.6 * rows[-1] + 0.8 * row)
        values = torch.stack(rows) + level
        values[list(missing)] = torch.nan
        self.windows, self.masks = values.unfold(0, 12, 1).transpose(1, 2), masks

    def __len__(self):
        return len(self.windows) * self.masks

    def batch(self, indices):
        return self.windows[indices % len(self.windows)], {}


@pytest.fixture(scope="module")
def sets():
    return Walk(2000, 0), Walk(600, 1)


@pytest.fixture(scope="module")
def good():
    return torch.cat([Walk(1, k).windows for k in range(100, 500)])


@pytest.fixture(scope="module")
def found(sets, good):
    return evaluate_windows(good, sets[1], sets[0])


def test_a_perfect_model_is_at_its_floor(found):
    model, floor = found["model"], found["floor"]
    assert (found["n"], found["n_test"], found["n_train"]) == (400, 600, 2000)
    assert model.keys() == floor.keys() and model["n"] == floor["n"] == 400
    assert model["c2st"] < 0.6 and abs(model["c2st_auc"] - 0.5) < 0.15
    assert model["c2st_low"] < model["c2st"] < model["c2st_high"]
    for name in ("convolution_frechet", "marginal_w1", "quantile_error", "prediction_error"):
        assert model[name] < 1.7 * floor[name], name
    assert found["memorisation"] == pytest.approx(1, abs=0.1)
    assert found["kurtosis"]["model"] == pytest.approx(3, abs=0.3)
    assert found["training"]["model"]["c2st"] < 0.6
    json.dumps(found)


def test_a_poor_model_and_a_copy_are_told(sets, good, found):
    poor = evaluate_windows(1.5 * good + 0.5, sets[1], sets[0])
    for name in ("c2st", "convolution_frechet", "signature_mmd", "marginal_w1", "quantile_error"):
        assert poor["model"][name] > 1.3 * found["model"][name], name
    copy = evaluate_windows(sets[0].windows[::5], sets[1], sets[0])
    assert copy["memorisation"] < 0.01


def test_repeats_and_missing_windows_do_not_count(sets, good):
    test = Walk(600, 1, masks=3, missing=(50,))
    found = evaluate_windows(good, test, Walk(2000, 0, masks=2))
    assert found["n_test"] == 600 - 12
    assert found["n_train"] == 2000
    in_order = _complete(Walk(600, 1, masks=3), "test", 5000)
    assert torch.equal(in_order, Walk(600, 1).windows.double())
    assert len(_complete(Walk(600, 1), "test", 100)) == 100
    with pytest.raises(InputError, match="complete data"):
        evaluate_windows(good, Walk(20, 1, missing=range(5, 31, 5)), sets[0])


def test_a_series_that_moves_on_shows_in_the_floor(sets, good):
    later = Walk(600, 1, level=4.0)
    found = evaluate_windows(good, later, sets[0])
    assert found["floor"]["c2st"] > 0.9
    assert found["training"]["floor"]["c2st"] < 0.65


def test_halves_alternate():
    half, other = _halves(torch.arange(100))
    assert half.tolist()[:7] == [0, 1, 2, 3, 4, 10, 11] and other.tolist()[:2] == [5, 6]
    assert len(half) == len(other) == 50


def test_too_few_windows_have_no_two_sample_test():
    samples = Walk(20, 3).windows[::2]
    found = evaluate_windows(samples, Walk(12, 1), Walk(13, 0))
    assert "c2st" not in found["model"] and "marginal_w1" in found["model"]


def test_the_published_protocol(sets, good):
    found = published_protocol(good, sets[0].windows, judges=2, iterations=(5, 5))
    assert found["n"] == 400
    assert found["discriminative"]["mean"] <= 0.5
    assert found.keys() >= {"predictive", "predictive_real", "predictive_constant"}
    alone = published_protocol(good[..., :1], sets[0].windows[..., :1], judges=1, iterations=(2, 2))
    assert "predictive" not in alone


def test_forecasts():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(40, 300, 5, 2, generator=generator, dtype=torch.float64)
    truth = torch.randn(300, 5, 2, generator=generator, dtype=torch.float64)
    truth[3, 1, 0] = torch.nan
    past = torch.randn(300, 300, 2, generator=generator, dtype=torch.float64)
    found = evaluate_forecasts(draws, truth, past)
    assert (found["n"], found["draws"]) == (2999, 40)
    # A normal law: σ/√π; of the sum of two √2 as much; the deviation of an entry is below 1.
    exact = math.pi**-0.5
    assert found["crps_fair"] == pytest.approx(exact, abs=4 * 0.5 / 3000**0.5)
    assert found["crps_sum"] == pytest.approx(2**0.5 * exact * (1 + 1 / 40), abs=0.06)
    assert found["quantile_loss"] == pytest.approx(1.09 * found["crps_fair"], rel=0.04)
    assert found["coverage"]["0.9"] == pytest.approx(0.9, abs=4 * 0.3 / 3000**0.5)
    assert found["pit"]["p_value"] > 1e-3 and len(found["pit"]["shares"]) == 20
    # E|y − median|/E|z − z'|, the variance of a median of 40 is π/80
    assert found["mase"] == pytest.approx((0.5 * (1 + math.pi / 80)) ** 0.5, abs=0.03)
    json.dumps(found)
    assert found["energy_score"] < evaluate_forecasts(2 * draws, truth)["energy_score"]


def test_units_of_channels_do_not_change_joint_scores():
    rng = np.random.default_rng(0)
    draws, truth = rng.normal(size=(9, 20, 4, 2)), rng.normal(size=(20, 4, 2))
    scale = np.array([1e4, 1e-2])
    a, b = evaluate_forecasts(draws, truth), evaluate_forecasts(draws * scale, truth * scale)
    for name in ("energy_score", "variogram_score"):
        assert a[name] == pytest.approx(b[name])


def test_a_single_draw_of_a_single_value():
    found = evaluate_forecasts(np.ones((1, 2, 1, 1)), np.array([1.5, np.nan]).reshape(2, 1, 1))
    assert found["crps"] == pytest.approx(0.5)
    assert "crps_fair" not in found and "variogram_score" not in found
    with pytest.raises(InputError, match=r"\(B, T, C\)"):
        evaluate_forecasts(np.ones((3, 2)), np.ones(2))
