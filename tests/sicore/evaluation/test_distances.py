import math

import pytest
import torch

from sicore.errors import InputError
from sicore.evaluation import energy_distance, sliced_wasserstein, wasserstein_1d


def test_wasserstein_of_shifted_and_scaled_points():
    a = torch.randn(50, 1).double()
    assert wasserstein_1d(a, a + 3, order=1).item() == pytest.approx(3)
    assert wasserstein_1d(a, -2 * a.flip(0), order=2).item() == pytest.approx(
        (a.sort(0).values - (-2 * a).sort(0).values).square().mean().item()
    )


def test_wasserstein_of_unequal_numbers():
    a = torch.tensor([[0.0], [1.0]])
    b = torch.tensor([[0.0], [0.0], [3.0]])
    # quantile functions: 0 | 1 split at 1/2, 0 | 3 split at 2/3: |1−0|/6 + |1−3|/3
    assert wasserstein_1d(a, b, order=1).item() == pytest.approx(1 / 6 + 2 / 3)
    # repeating every point changes nothing
    assert wasserstein_1d(a.repeat(5, 1), b, order=1).item() == pytest.approx(1 / 6 + 2 / 3)


def test_sliced_wasserstein_of_a_shift_is_its_length_over_root_d():
    a = torch.randn(40, 16)
    shift = torch.zeros(16)
    shift[0] = 8.0
    # E (θ·s)² = |s|²/d
    got = sliced_wasserstein(a, a + shift, directions=20_000)
    assert got == pytest.approx(8 / math.sqrt(16), rel=0.03)
    assert sliced_wasserstein(a, a) == pytest.approx(0, abs=1e-12)
    assert sliced_wasserstein(a, a + 1, seed=1) == sliced_wasserstein(a, a + 1, seed=1)
    assert sliced_wasserstein(a, a + 1, seed=1) != sliced_wasserstein(a, a + 1, seed=2)


def test_energy_distance_by_hand():
    a, b = torch.tensor([0.0, 1.0]).reshape(2, 1), torch.tensor([2.0, 5.0]).reshape(2, 1)
    # cross mean (2+5+1+4)/4 = 3, within 1 and 3
    assert energy_distance(a, b) == pytest.approx(2 * 3 - 1 - 3)


def test_energy_distance_is_unbiased_and_finds_a_difference():
    torch.manual_seed(0)
    same = [energy_distance(torch.randn(60, 3), torch.randn(60, 3)) for _ in range(100)]
    mean = sum(same) / 100
    spread = math.sqrt(sum((s - mean) ** 2 for s in same) / 99 / 100)
    assert abs(mean) < 4 * spread
    assert min(same) < 0  # a biased estimate never is
    assert energy_distance(torch.randn(300, 3), 1.5 * torch.randn(300, 3)) > 0.02


@pytest.mark.parametrize("distance", [energy_distance, sliced_wasserstein])
def test_wrong_shapes(distance):
    with pytest.raises(InputError, match="same inner shape"):
        distance(torch.zeros(5, 3), torch.zeros(5, 4))
