import numpy as np
import pytest
import torch

from sicore_timeseries.data.surroundings import FEATURES, LAGS, lines, surroundings

SEASON, FIRST, LENGTH = 3, 21, 6
COUNT = len(LAGS)


@pytest.fixture
def known():
    """Four series; rows 2 and 3 of their windows are hidden."""
    torch.manual_seed(0)
    rows = torch.randn(4, FIRST + LENGTH + SEASON, dtype=torch.float64)
    rows[:, FIRST + 2 : FIRST + 4] = torch.nan
    return rows


def test_lines_are_those_of_numpy():
    torch.manual_seed(0)
    values = torch.randn(7, 5, 30, dtype=torch.float64)
    values[torch.rand(values.shape) < 0.7] = torch.nan
    values[0, 0] = torch.nan
    made = lines(values)
    assert made[0, 0].isnan().all()
    for row, line in zip(values.flatten(0, 1)[1:], made.flatten(0, 1)[1:], strict=True):
        there = np.flatnonzero(~row.isnan())
        expected = np.interp(np.arange(30), there, row[there])
        np.testing.assert_allclose(line, expected, atol=1e-12)


def test_surroundings_are_distances_from_lines_some_seasons_away(known):
    made = surroundings(known, FIRST, LENGTH, SEASON)
    assert made.features.shape == (4, LENGTH, FEATURES)
    for number, lag in enumerate(LAGS):
        start = FIRST + 1 - lag * SEASON  # of the known row before the gap
        part = known[:, start : start + 4]
        line = part[:, :1] + (part[:, 3:] - part[:, :1]) * torch.arange(4) / 3
        away = (part - line)[:, 1:3]
        if lag in (1, -1):  # hidden rows are in the surroundings of others
            continue
        value = made.spread * made.features[:, 2:4, number]
        torch.testing.assert_close(value, away)
        assert (made.features[:, 2:4, COUNT + 1 + number] == 1).all()


def test_the_line_is_kept_at_known_values_and_answers_start_from_it(known):
    made = surroundings(known, FIRST, LENGTH, SEASON)
    window = known[:, FIRST : FIRST + LENGTH]
    there = ~window.isnan()
    assert torch.equal(made.line[there], window[there])
    torch.testing.assert_close(made.line[:, 2], window[:, 1] + (window[:, 4] - window[:, 1]) / 3)
    assert torch.equal(made.observed.isnan(), window.isnan())


def test_neither_level_nor_unit_nor_trend_matters(known):
    plain = surroundings(known, FIRST, LENGTH, SEASON)
    moved = surroundings(1000 + 0.01 * known, FIRST, LENGTH, SEASON)
    torch.testing.assert_close(plain.observed, moved.observed, rtol=1e-7, atol=1e-7, equal_nan=True)
    torch.testing.assert_close(plain.features, moved.features, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(0.01 * plain.spread, moved.spread, rtol=1e-7, atol=1e-9)
    trend = surroundings(known + torch.arange(known.shape[1]), FIRST, LENGTH, SEASON)
    ratio = trend.features[:, 2:4, :COUNT] * trend.spread.unsqueeze(-1)
    torch.testing.assert_close(ratio, plain.features[:, 2:4, :COUNT] * plain.spread.unsqueeze(-1))


def test_the_unit_of_a_random_walk_grows_with_the_gap():
    torch.manual_seed(0)
    walks = torch.randn(3000, 100, dtype=torch.float64).cumsum(1)
    for gap in (4, 16):
        known = walks.clone()
        known[:, 100 - gap :] = torch.nan
        made = surroundings(known, 0, 100, 200)  # no season in reach
        mean = (1 + gap) / 2  # rows from a hidden one to the last known one
        # of 3,000 paths; the thirtieth of the deviation adds less than 2 %
        assert made.spread.square().mean() == pytest.approx(round(mean), rel=0.05)


def test_what_is_hidden_changes_nothing(known):
    made = surroundings(known, FIRST, LENGTH, SEASON)
    longer = torch.cat((known, torch.full((4, 9), torch.nan, dtype=known.dtype)), 1)
    again = surroundings(longer, FIRST, LENGTH, SEASON)
    for one, other in zip(made, again, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_and_an_unknown_series_stay_finite(dtype):
    rows = torch.stack((torch.full((30,), 333.3), torch.full((30,), torch.nan), torch.zeros(30)))
    rows[:, FIRST + 3] = torch.nan
    made = surroundings(rows.to(dtype), FIRST, LENGTH, SEASON)
    torch.testing.assert_close(made.spread[:, 0], torch.tensor([333.3, 1.0, 1.0], dtype=dtype))
    assert made.line[0].tolist() == pytest.approx([333.3] * LENGTH) and (made.line[1] == 0).all()
    assert (made.observed[0].nan_to_num(0.0).abs() < 1e-6).all() and made.observed[1].isnan().all()
    assert made.features.isfinite().all()


def test_each_series_may_have_its_own_season(known):
    both = surroundings(known[:2], FIRST, LENGTH, torch.tensor([2, 3]))
    for number, season in enumerate((2, 3)):
        alone = surroundings(known[number : number + 1], FIRST, LENGTH, season)
        torch.testing.assert_close(both.features[number], alone.features[0])
