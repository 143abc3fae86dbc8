"""Time laws by Kolmogorov and Smirnov's test, and the even spread of low discrepancy."""

import math

import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore.interpolants import EDM, VP, Linear, Perturbed, TwoSidedLinear
from sicore.objectives import (
    EDMLogNormal,
    LogitNormal,
    LowDiscrepancy,
    Objective,
    Uniform,
)
from sicore.predictions import NOISE, FunctionPrediction
from sicore.states import Noise

N = 20_000
PHI = (1 + 5**0.5) / 2


def times(law, path=None):
    t = law.sample(Noise.of(0, N), path or Linear())
    assert t.shape == (N,) and t.dtype == torch.float64
    assert t.min() >= 0 and t.max() <= 1
    return t


def test_uniform():
    assert stats.kstest(times(Uniform()).numpy(), "uniform").pvalue > 1e-3


def test_uniform_between_two_times():
    t = times(Uniform(0.2, 0.97))
    assert stats.kstest(t.numpy(), stats.uniform(0.2, 0.77).cdf).pvalue > 1e-3
    assert t.min() >= 0.2 and t.max() <= 0.97
    with pytest.raises(InputError, match=r"0 <= start < end <= 1, got 0\.5 and 0\.5"):
        Uniform(0.5, 0.5)


def test_logit_normal():
    t = times(LogitNormal(0.5, 2.0))
    assert stats.kstest(torch.logit(t).numpy(), stats.norm(0.5, 2.0).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    "path", [Linear(), VP(), EDM(), EDM(sigma_max=0.5), Perturbed(Linear(), 0.2)]
)
def test_edm_noise_levels_are_log_normal_between_those_of_the_path(path):
    t = times(EDMLogNormal(-1.2, 1.2), path)
    sigma = path.noise_level(t)
    low, high = path.noise_level(torch.tensor([1.0, 0.0])).tolist()
    assert sigma.max() <= high * (1 + 1e-9) and sigma.min() >= low * (1 - 1e-9)
    law = stats.norm(-1.2, 1.2)
    below = law.cdf(math.log(low)) if low else 0.0
    above = law.cdf(math.log(high)) if math.isfinite(high) else 1.0
    cdf = lambda s: (law.cdf(s) - below) / (above - below)  # noqa: E731
    assert stats.kstest(sigma.log().numpy(), cdf).pvalue > 1e-3


def test_edm_law_is_for_paths_with_a_noise_level():
    with pytest.raises(InputError, match="edm-log-normal: needs a path with one noise level"):
        EDMLogNormal().sample(Noise.of(0, 3), TwoSidedLinear())


@pytest.mark.parametrize("law", [LogitNormal, EDMLogNormal])
def test_deviations_are_positive(law):
    with pytest.raises(InputError, match="expected std > 0, got 0"):
        law(std=0.0)


LAWS = [Uniform(), LogitNormal(), EDMLogNormal(), LowDiscrepancy()]


@pytest.mark.parametrize("law", LAWS)
def test_a_time_does_not_depend_on_the_batch(law):
    noise = Noise.of(0, 20)
    whole = law.sample(noise, Linear())
    torch.testing.assert_close(law.sample(noise.take(slice(7, 9)), Linear()), whole[7:9])
    shuffled = torch.tensor([5, 0, 19, 3])
    assert torch.equal(law.sample(noise.take(shuffled), Linear()), whole[shuffled])


@pytest.mark.parametrize("law", LAWS)
def test_laws_that_learn_nothing_hold_and_correct_nothing(law):
    t = law.sample(Noise.of(0, 5), Linear())
    law.observe(t, t)
    assert law.state() == {} and law.correction(t).tolist() == [1.0] * 5


def test_low_discrepancy_steps_by_the_golden_ratio():
    t = LowDiscrepancy().sample(Noise.of(0, 1000), Linear())
    steps = (t.diff() - PHI) % 1
    assert torch.minimum(steps, 1 - steps).max() < 1e-15
    far = LowDiscrepancy().sample(Noise.of(0, 100, first=2**60), Linear())
    steps = (far.diff() - PHI) % 1  # no precision is lost at large numbers
    assert torch.minimum(steps, 1 - steps).max() < 1e-15


def discrepancy(u):
    """The largest gap between the share of points below a place and the place."""
    return stats.kstest(u.numpy(), "uniform").statistic


@pytest.mark.parametrize("size", [16, 128, 1024])
def test_any_window_of_low_discrepancy_is_even(size):
    """Below ``(1 + log(B)/3)/B``, where independent times have about ``0.87/√B``."""
    starts = [0, 7, 1000, 12345, 10**9, 2**40 + 3]
    law = LowDiscrepancy()
    worst = max(discrepancy(law.sample(Noise.of(0, size, s), Linear())) for s in starts)
    assert worst < (1 + math.log(size) / 3) / size
    independent = [discrepancy(Uniform().sample(Noise.of(0, size, s), Linear())) for s in starts]
    assert worst < sum(independent) / len(starts) / 1.5


def test_low_discrepancy_keeps_the_marginal_law_over_seeds():
    law = LowDiscrepancy(LogitNormal(0.5, 2.0))
    t = torch.cat([law.sample(Noise.of(seed, 1, first=17), Linear()) for seed in range(1000)])
    assert stats.kstest(torch.logit(t).numpy(), stats.norm(0.5, 2.0).cdf).pvalue > 1e-3


def test_streams_of_low_discrepancy_differ_in_their_start():
    noise, law = Noise.of(0, 4), LowDiscrepancy()
    starts = [noise, noise.named("other"), noise.at(1), Noise.of(1, 4)]
    assert len({law.sample(s, Linear())[0].item() for s in starts}) == 4


def batch_losses(law, size, batches):
    """Mean losses of batches, for a loss that depends on t alone: ``t² + sin(3t)``."""
    t = torch.stack([law.sample(Noise.of(0, size, size * i), Linear()) for i in range(batches)])
    return (t**2 + torch.sin(3 * t)).mean(1)


@pytest.mark.parametrize("size", [16, 128])
def test_low_discrepancy_lowers_the_variance_of_the_loss(size):
    """By a factor of at least B/4: its error is of order 1/B, that of chance 1/√B."""
    even, chance = (batch_losses(law, size, 400) for law in (LowDiscrepancy(), Uniform()))
    exact = 1 / 3 + (1 - math.cos(3)) / 3
    for made in (even, chance):
        assert abs(made.mean() - exact) < 4 * made.std() / 20
    assert even.var() < 4 / size * chance.var()


def test_low_discrepancy_in_an_objective():
    """Noise predicted as 0: the loss of each sample is |z|²/d, whatever the time."""
    silent = FunctionPrediction(lambda t, x: x * t[:, None], Linear(), NOISE)
    noise, x1 = Noise.of(0, 4096), torch.zeros(4096, 2, dtype=torch.float64)
    made = Objective(Linear(), LowDiscrepancy()).loss(silent, x1, None, noise)
    t = LowDiscrepancy().sample(noise.named("time"), Linear())
    z = noise.named("latent").normal((2,), torch.float64)
    torch.testing.assert_close(made, ((t * (1 - t) - 1)[:, None] * z).square().mean(1))
