import pytest
import torch

from sicore.errors import InputError
from sicore.evaluation import bootstrap_interval, coverage, psnr, rank_histogram, rank_interval


def posterior_draws(width, n=20_000, m=16):
    """Truths and samples of N(μ, 1), the samples wider or narrower by ``width``."""
    torch.manual_seed(0)
    centre = 5 * torch.randn(n)
    return centre + torch.randn(n), centre + width * torch.randn(m, n)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.97])
def test_coverage_of_the_true_posterior_is_the_level(level):
    truth, samples = posterior_draws(1.0)
    assert coverage(truth, samples, level) == pytest.approx(level, abs=0.01)


def test_coverage_tells_too_narrow_from_too_wide():
    assert coverage(*posterior_draws(0.5), 0.9) < 0.7
    assert coverage(*posterior_draws(2.0), 0.9) > 0.95


def test_coverage_of_pixels_that_never_vary_is_the_level():
    assert coverage(torch.zeros(100), torch.zeros(7, 100), 0.9) == pytest.approx(0.9)


def test_rank_interval_by_hand():
    low, high = rank_interval(
        torch.tensor([2.5, 1.0]), torch.tensor([[1.0, 1.0], [2.0, 1.0], [3.0, 5.0]])
    )
    assert low.tolist() == [0.5, 0.0]
    assert high.tolist() == [0.75, 0.75]


def test_rank_histogram_is_flat_for_the_truth_and_hollow_for_overconfidence():
    flat = rank_histogram(*posterior_draws(1.0))
    assert flat.sum().item() == pytest.approx(1)
    assert (flat - 0.1).abs().max() < 0.01
    hollow = rank_histogram(*posterior_draws(0.5))
    assert hollow[0] > 0.15
    assert hollow[4] < 0.09


def test_psnr():
    truth = torch.zeros(2, 1, 4, 4)
    assert psnr(truth, truth + 0.1).tolist() == pytest.approx([20, 20])
    assert psnr(truth, truth + 25.5, peak=255).tolist() == pytest.approx([20, 20])
    assert psnr(truth, truth).isinf().all()


def test_bootstrap_of_a_mean():
    torch.manual_seed(0)
    x = torch.randn(400)
    got = bootstrap_interval(lambda s: s.mean().item(), x, draws=400)
    assert got.value == x.mean().item()
    error = x.std().item() / 20
    assert got.low == pytest.approx(got.value - 1.96 * error, abs=0.5 * error)
    assert got.high == pytest.approx(got.value + 1.96 * error, abs=0.5 * error)
    assert got == bootstrap_interval(lambda s: s.mean().item(), x, draws=400)


def test_bootstrap_resamples_each_sample_on_its_own():
    x = torch.randn(100)
    got = bootstrap_interval(lambda a, b: (a - b).abs().max().item(), x, x, draws=50)
    assert got.value == 0
    assert got.low > 0


def test_wrong_shapes():
    with pytest.raises(InputError, match="expected shape"):
        coverage(torch.zeros(3), torch.zeros(5, 4))
