"""Signatures: straight lines, Chen's identity, clocks; the distance of laws that they give."""

import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.metrics import (
    flat,
    from_zero,
    lead_lag,
    product,
    signature,
    signature_mmd,
    with_time,
)

D, DEPTH = 3, 4


def walk(n=4, t=7, d=D, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, t, d, generator=generator, dtype=torch.float64).cumsum(1)


def close(a, b, atol=1e-9):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert torch.allclose(x, y, atol=atol)


def test_a_straight_line_is_the_tensor_exponential():
    v = walk(t=1).squeeze(1)
    line = torch.linspace(0, 1, 6, dtype=torch.float64).view(1, -1, 1) * v.unsqueeze(1) + 5
    found = signature(line, DEPTH)
    expected = [
        v,
        torch.einsum("bi,bj->bij", v, v) / 2,
        torch.einsum("bi,bj,bk->bijk", v, v, v) / 6,
        torch.einsum("bi,bj,bk,bl->bijkl", v, v, v, v) / 24,
    ]
    close(found, expected)


def test_iterated_integrals_by_their_definition():
    # Of a fine polygon, level 2 is a sum over i < j of increments, plus half of i = j.
    path = walk(t=30)
    steps = path.diff(dim=1)
    before = steps.cumsum(1) - steps
    level2 = torch.einsum("bti,btj->bij", before + steps / 2, steps)
    inner = torch.einsum("bti,btj->btij", before + steps / 2, steps)
    sofar = inner.cumsum(1) - inner
    # ∫ of level 2 along a line: S² + S¹ ⊗ v/2 + v ⊗ v/6
    along = (
        sofar
        + torch.einsum("bti,btj->btij", before, steps) / 2
        + torch.einsum("bti,btj->btij", steps, steps) / 6
    )
    level3 = torch.einsum("btij,btk->bijk", along, steps)
    found = signature(path, 3)
    close(found, [path[:, -1] - path[:, 0], level2, level3])


def test_chens_identity():
    path = walk(t=9)
    whole = signature(path, DEPTH)
    close(whole, product(signature(path[:, :5], DEPTH), signature(path[:, 4:], DEPTH)))


def test_the_way_back_undoes_the_way():
    path = walk()
    there_and_back = torch.cat((path, path.flip(1)), 1)
    close(
        signature(there_and_back, DEPTH), [torch.zeros(4, *[D] * k).double() for k in (1, 2, 3, 4)]
    )


def test_the_clock_and_the_start_do_not_matter():
    path = walk()
    slow = torch.lerp(path[:, :-1], path[:, 1:], torch.tensor(0.3, dtype=torch.float64))
    slower = torch.stack((path[:, :-1], slow), 2).flatten(1, 2)
    again = torch.cat((slower, path[:, -1:], path[:, -1:]), 1)
    close(signature(again + 3, DEPTH), signature(path, DEPTH))


def test_shuffle_of_two_letters():
    # S^i S^j = S^ij + S^ji
    one, two = signature(walk(), 2)
    assert torch.allclose(torch.einsum("bi,bj->bij", one, one), two + two.transpose(1, 2))


def test_time_and_the_start_make_speed_and_level_count():
    path = walk()
    assert torch.allclose(with_time(path)[..., 0], torch.linspace(0, 1, 7).double())
    late, early = torch.cat((path[:, :1], path), 1), torch.cat((path, path[:, -1:]), 1)
    close(signature(late, 2), signature(early, 2))
    a, b = (flat(signature(with_time(x), 2)) for x in (late, early))
    assert not torch.allclose(a, b)
    assert not torch.allclose(
        flat(signature(from_zero(path), 1)), flat(signature(from_zero(path + 1), 1))
    )
    stamps = torch.rand(4, 7, generator=torch.Generator().manual_seed(1)).sort(1).values
    assert torch.equal(with_time(path, stamps)[..., 0], stamps.double())


def test_lead_and_lag_enclose_the_quadratic_variation():
    path = walk(d=1, t=20)
    found = lead_lag(path)
    assert found.shape == (4, 39, 2)
    assert torch.equal(found[:, 1], torch.cat((path[:, 1], path[:, 0]), 1))
    assert torch.equal(found[:, -1, 0], found[:, -1, 1])
    two = signature(found, 2)[1]
    area = two[:, 1, 0] - two[:, 0, 1]  # lag before lead, twice Lévy's area
    assert torch.allclose(area.abs(), path.diff(dim=1).square().sum((1, 2)))


def test_equal_laws_have_no_distance_and_it_is_unbiased():
    values = torch.tensor(
        [signature_mmd(walk(60, seed=2 * k), walk(60, seed=2 * k + 1)) for k in range(40)]
    )
    assert abs(float(values.mean())) < 4 * float(values.std()) / 40**0.5
    assert float(values.min()) < 0


def test_the_distance_is_that_of_the_expected_signatures():
    # Constant windows a and b of one column: from zero in the first step, then nothing but time.
    level = torch.tensor([1.0, -1.0]).repeat(50).view(-1, 1, 1).double()
    real = level.expand(100, 3, 1)  # of 300 values, so the variance is 300/299
    samples = torch.full((10, 3, 1), 2.0).double()
    found = signature_mmd(samples, real, depth=1)
    # E S¹ = (1, 2/σ) against (1, 0). Without the products of a window with itself, the square of
    # the mean of the real ones is −1/99 of their second moment.
    assert found == pytest.approx((4 - 1 / 99) * 299 / 300, rel=1e-9)


@pytest.mark.parametrize("lagged", [False, True])
def test_volatility_and_order_are_seen(lagged):
    real, wild = walk(300, d=2), 1.5 * walk(300, d=2, seed=1)
    floor = signature_mmd(walk(300, d=2, seed=2), real, lagged=lagged)
    assert signature_mmd(wild, real, lagged=lagged) > 5 * abs(floor)
    reversed_in_time = walk(300, d=2, seed=3).flip(1)
    assert signature_mmd(reversed_in_time, real, lagged=lagged) > 5 * abs(floor)


def test_errors():
    with pytest.raises(InputError, match="depth"):
        signature(walk(), 0)
    with pytest.raises(InputError, match="two rows"):
        signature(walk(t=1), 2)
