import pytest
import torch

from sicore_timeseries.data.surroundings import FEATURES, LAGS, surroundings

SEASON, FIRST, LENGTH = 3, 21, 6


@pytest.fixture
def series():
    torch.manual_seed(0)
    return torch.randn(4, FIRST + LENGTH + SEASON, dtype=torch.float64)


def test_a_lag_is_a_season_away(series):
    made = surroundings(series, FIRST, LENGTH, SEASON)
    assert made.features.shape == (4, LENGTH, FEATURES)
    for number, lag in enumerate(LAGS):
        row = FIRST + 2 - lag * SEASON
        value = made.level + made.spread * made.features[:, 2, number, None]
        torch.testing.assert_close(value[:, 0], series[:, row])


def test_level_is_the_last_known_value_and_spread_the_distance_from_it(series):
    known = series.clone()
    known[:, FIRST + 4 :] = torch.nan
    made = surroundings(known, FIRST, LENGTH, SEASON)
    torch.testing.assert_close(made.level[:, 0], series[:, FIRST + 3])
    assert (made.observed[:, 3] == 0).all() and made.observed[:, 4:].isnan().all()
    values = torch.cat((made.observed, made.features[..., : len(LAGS)].flatten(1)), 1)
    there = torch.cat((~made.observed.isnan(), made.features[..., len(LAGS) :].flatten(1) > 0), 1)
    square = values.nan_to_num(0.0).square().sum(1) / there.sum(1)
    torch.testing.assert_close(square, torch.ones(4, dtype=torch.float64))


def test_units_do_not_matter(series):
    plain = surroundings(series, FIRST, LENGTH, SEASON)
    moved = surroundings(1000 + 0.01 * series, FIRST, LENGTH, SEASON)
    torch.testing.assert_close(plain.observed, moved.observed, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(plain.features, moved.features, rtol=1e-8, atol=1e-8)


def test_what_is_hidden_changes_nothing(series):
    known = series.clone()
    known[:, FIRST + 4 :] = torch.nan
    made = surroundings(known, FIRST, LENGTH, SEASON)
    longer = torch.cat((known, torch.full((4, 9), torch.nan, dtype=known.dtype)), 1)
    again = surroundings(longer, FIRST, LENGTH, SEASON)
    for one, other in zip(made, again, strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


def test_a_constant_and_an_unknown_series_stay_finite():
    rows = torch.stack((torch.full((30,), 5.0), torch.full((30,), torch.nan)))
    made = surroundings(rows, FIRST, LENGTH, SEASON)
    assert made.spread.tolist() == [[1.0], [1.0]] and made.level.tolist() == [[5.0], [0.0]]
    assert (made.observed[0] == 0).all() and made.observed[1].isnan().all()
    assert made.features.isfinite().all()


def test_each_series_may_have_its_own_season(series):
    both = surroundings(series[:2], FIRST, LENGTH, torch.tensor([2, 3]))
    for number, season in enumerate((2, 3)):
        alone = surroundings(series[number : number + 1], FIRST, LENGTH, season)
        torch.testing.assert_close(both.features[number], alone.features[0])
