"""Boosted trees that tell samples from real windows."""

import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.metrics import classifier_test
from sicore_timeseries.metrics.inputs import overlap
from sicore_timeseries.metrics.two_sample import TooFewWindows, _blocks

pytest.importorskip("sklearn")


def noise(n, seed, t=6, c=2):
    return torch.randn(n, t, c, generator=torch.Generator().manual_seed(seed))


def cut(n, length, stride, seed=0):
    rows = torch.randn(n * stride + length, 2, generator=torch.Generator().manual_seed(seed))
    return rows.unfold(0, length, stride).transpose(1, 2)[:n]


def test_equal_laws_are_not_told_apart():
    found = classifier_test(noise(1000, 0), noise(1000, 1))
    assert found.n == 1000
    assert abs(found.accuracy - 0.5) < 4 * 0.5 / 1000**0.5
    assert abs(found.auc - 0.5) < 4 * (1 / 12 * 2 / 500) ** 0.5
    assert found.low < 0.5 < found.high
    # Wilson's interval is nearly ±1.96 √(p(1 − p)/n).
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / 1000**0.5, rel=0.02)


def test_a_shift_is_told_as_well_as_it_can_be():
    # One number, shifted by 2 deviations: no rule is right more often than Φ(1) = .8413.
    a, b = noise(3000, 0, 2, 1), noise(3000, 1, 2, 1)
    b[:, 1], a[:, 1] = 0, 0
    found = classifier_test(a + torch.tensor([[2.0], [0.0]]), b)
    assert found.accuracy == pytest.approx(0.8413, abs=0.03)
    assert found.auc == pytest.approx(0.9214, abs=0.03)  # Φ(2/√2)


def test_differences_are_seen():
    # Levels differ far more than what is around them: single values say next to nothing.
    level = 20 * noise(600, 0, 1, 1)
    rough = level[:300] + noise(300, 1, 12, 1)
    smooth = level[300:] + 0.3 * noise(300, 2, 12, 1).cumsum(1)
    assert classifier_test(rough, smooth).accuracy > 0.95


def test_overlap_counts_the_windows_that_share_rows():
    assert overlap(cut(50, 6, 1)) == 5
    assert overlap(cut(50, 6, 2)) == 2
    assert overlap(cut(50, 6, 4)) == 1
    assert overlap(cut(50, 6, 6)) == 0
    assert overlap(noise(50, 0)) == 0


def test_no_row_is_on_both_sides():
    learnt, judged = _blocks(cut(200, 6, 1), 4)
    rows = [set(part.flatten(0, 1)[:, 0].tolist()) for part in (learnt, judged)]
    assert len(learnt) > 80 and len(judged) > 80
    assert not rows[0] & rows[1]


def test_memory_of_the_path_is_no_difference():
    # A judge that met near copies of the real windows it is judged by would tell these apart.
    path = cut(1500, 12, 1)
    drawn = noise(1500, 3, 12, 2)
    assert classifier_test(drawn, path).accuracy < 0.56


def test_too_few_windows():
    with pytest.raises(TooFewWindows, match="share"):
        classifier_test(noise(30, 0, 24), cut(30, 24, 1))
    with pytest.raises(InputError, match="blocks"):
        classifier_test(noise(30, 0), noise(30, 1), blocks=1)
    with pytest.raises(InputError, match=r"\(n, T, C\)"):
        classifier_test(noise(30, 0), noise(30, 1, 7))
