"""The published protocol: its judges, its two scores and their floors."""

import math

import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.metrics import (
    constant_prediction,
    discriminative_floor,
    discriminative_score,
    predictive_score,
)
from sicore_timeseries.metrics.judges import Judges, draw, train

T, C = 8, 4


def waves(n, seed, noise=0.05):
    """Windows in [0, 1] whose last column follows the first."""
    generator = torch.Generator().manual_seed(seed)
    phase = 6.28 * torch.rand(n, 1, C, generator=generator)
    x = (0.5 * torch.arange(T).view(1, -1, 1) + phase).sin()
    x[..., -1] = x[..., 0].roll(1, dims=1)
    x[:, 0, -1] = 0
    return 0.5 + 0.4 * x + noise * torch.rand(x.shape, generator=generator)


def test_judges_are_gated_recurrent_units_with_the_reset_before_the_product():
    network = Judges(2, 3, 5, torch.Generator().manual_seed(0))
    x = torch.randn(2, 4, 6, 3, generator=torch.Generator().manual_seed(1))
    for j in range(2):
        h = torch.zeros(4, 5)
        for t in range(6):
            gates = torch.cat((x[j, :, t], h), -1) @ network.gates[j] + network.gates_bias[j]
            r, u = gates.sigmoid().split(5, -1)
            joined = torch.cat((x[j, :, t], r * h), -1)
            new = (joined @ network.candidate[j] + network.candidate_bias[j]).tanh()
            h = u * h + (1 - u) * new
            expected = (h @ network.readout[j]).squeeze(-1) + network.readout_bias[j].squeeze()
            assert torch.allclose(network.every(x)[j, :, t], expected, atol=1e-6)
        assert torch.allclose(network.last(x)[j], expected, atol=1e-6)


def test_each_judge_learns_as_if_it_were_alone():
    def trained(inputs, targets, judges):
        network = Judges(2, 3, 2, torch.Generator().manual_seed(0))
        if judges == 1:
            for parameter in network.parameters():
                parameter.data = parameter.data[:1].clone()
        train(network, lambda: (network.last(inputs) - targets).square().mean(1), 20)
        return network.readout.detach()[0]

    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 9, 4, 3, generator=generator), torch.randn(2, 9, generator=generator)
    assert torch.allclose(trained(x, y, 2), trained(x[:1], y[:1], 1), atol=1e-6)


def test_a_batch_has_no_window_twice():
    places = draw(3, 200, torch.Generator().manual_seed(0))
    assert places.shape == (3, 128) and int(places.max()) < 200
    assert all(len(row.unique()) == 128 for row in places)
    assert draw(2, 10, torch.Generator().manual_seed(0)).shape == (2, 10)


def test_equal_laws_score_the_floor_and_different_ones_a_half():
    real = waves(600, 0)
    equal = discriminative_score(waves(600, 1), real, judges=10, iterations=60)
    # |K/240 − ½| of ten judges: mean .026, its deviation .006, more since judges share windows.
    assert equal.shape == (10,) and equal.mean() < 2.5 * discriminative_floor(600)
    constant = torch.full_like(real, 0.5)
    far = discriminative_score(constant, real, judges=3, iterations=1000)
    assert far.min() > 0.4


def test_the_same_seed_gives_the_same_score():
    a, b = waves(60, 0), waves(60, 1)
    first = discriminative_score(a, b, judges=2, iterations=5, seed=3)
    assert (first == discriminative_score(a, b, judges=2, iterations=5, seed=3)).all()


def test_the_floor_is_that_of_a_coin():
    # Of 20 + 20 windows: E|K − 20|/40 = C(40, 20)/2⁴¹
    exact = math.comb(40, 20) / 2**41
    assert discriminative_floor(100) == pytest.approx(exact, rel=1e-9)
    assert discriminative_floor(3661) == pytest.approx(0.0104, abs=5e-5)


def test_the_predictive_score_sees_what_can_be_predicted():
    real, good = waves(400, 0), waves(400, 1)
    constant = constant_prediction(real)
    learnt = predictive_score(good, real, judges=4, iterations=1000)
    assert sorted(learnt)[1] < 0.75 * constant
    broken = good.clone()
    broken[..., -1] = broken[torch.randperm(400, generator=torch.Generator().manual_seed(2)), :, -1]
    assert predictive_score(broken, real, judges=3, iterations=400).min() > 0.9 * constant


def test_a_last_column_without_pattern_is_predicted_by_a_constant():
    real = waves(500, 0)
    real[..., -1] = torch.rand(500, T, generator=torch.Generator().manual_seed(5))
    assert constant_prediction(real) == pytest.approx(0.25, abs=0.01)
    noise = real.clone()
    noise[..., :-1] = torch.rand(500, T, C - 1, generator=torch.Generator().manual_seed(6))
    vacuous = predictive_score(noise, real, judges=2, iterations=100)
    assert vacuous.mean() == pytest.approx(constant_prediction(real), abs=0.01)


def test_errors():
    x = waves(20, 0)
    with pytest.raises(InputError, match="two columns"):
        predictive_score(x[..., :1], x[..., :1])
    with pytest.raises(InputError, match="five windows"):
        discriminative_score(x[:4], x)
    with pytest.raises(InputError, match="iteration"):
        discriminative_score(x, x, judges=1, iterations=0)
    with pytest.raises(InputError, match="missing"):
        discriminative_score(x.where(x > 0.2, torch.nan), x)
