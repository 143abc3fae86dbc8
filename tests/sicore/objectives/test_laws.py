"""Time laws by Kolmogorov and Smirnov's test, and the formulas of the weights."""

import math

import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore.interpolants import EDM, VP, Linear, TwoSidedLinear
from sicore.objectives import (
    EDMLogNormal,
    EDMWeight,
    LogitNormal,
    SNRWeight,
    Uniform,
    UniformWeight,
)
from sicore.states import Noise

N = 20_000


def times(law, path=None):
    t = law.sample(Noise.of(0, N), path or Linear())
    assert t.shape == (N,) and t.dtype == torch.float64
    assert t.min() >= 0 and t.max() <= 1
    return t


def test_uniform():
    assert stats.kstest(times(Uniform()).numpy(), "uniform").pvalue > 1e-3


def test_logit_normal():
    t = times(LogitNormal(0.5, 2.0))
    assert stats.kstest(torch.logit(t).numpy(), stats.norm(0.5, 2.0).cdf).pvalue > 1e-3


@pytest.mark.parametrize("path", [Linear(), VP(), EDM(), EDM(sigma_max=0.5)])
def test_edm_noise_levels_are_log_normal_up_to_the_largest(path):
    t = times(EDMLogNormal(-1.2, 1.2), path)
    sigma = path.noise_level(t)
    largest = float(path.noise_level(torch.zeros(())))
    assert sigma.max() <= largest * (1 + 1e-9)
    law = stats.norm(-1.2, 1.2)
    below = law.cdf(math.log(largest)) if math.isfinite(largest) else 1.0
    assert stats.kstest(sigma.log().numpy(), lambda s: law.cdf(s) / below).pvalue > 1e-3


def test_edm_law_is_for_paths_with_a_noise_level():
    with pytest.raises(InputError, match="edm-log-normal: a two-sided path has no noise level"):
        EDMLogNormal().sample(Noise.of(0, 3), TwoSidedLinear())


@pytest.mark.parametrize("law", [LogitNormal, EDMLogNormal])
def test_deviations_are_positive(law):
    with pytest.raises(InputError, match="expected std > 0, got 0"):
        law(std=0.0)


@pytest.mark.parametrize("law", [Uniform(), LogitNormal(), EDMLogNormal()])
def test_a_time_does_not_depend_on_the_batch(law):
    noise = Noise.of(0, 20)
    whole = law.sample(noise, Linear())
    torch.testing.assert_close(law.sample(noise.take(slice(7, 9)), Linear()), whole[7:9])


def test_weights():
    p = VP().at(torch.tensor([0.0, 0.3, 0.9]))
    sigma = p.gamma / p.beta
    assert UniformWeight()(p).tolist() == [1, 1, 1]
    torch.testing.assert_close(SNRWeight()(p), sigma**-2)
    expected = (sigma**2 + 0.25) / (0.5 * sigma) ** 2
    torch.testing.assert_close(EDMWeight(0.5)(p), expected)


def test_the_edm_weight_is_finite_at_pure_noise():
    assert EDMWeight(0.5)(Linear().at(0.0)) == 4
