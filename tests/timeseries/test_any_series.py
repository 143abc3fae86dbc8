import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.data.any_series import MASKS, AnySeries
from sicore_timeseries.data.made_up import SEASONS, made_up
from sicore_timeseries.data.surroundings import LAGS


@pytest.fixture(scope="module")
def data():
    return AnySeries(size=1200)


def test_made_up_series_are_finite_and_their_season_shows():
    rng = np.random.default_rng(0)
    for season in (7, 24):
        rows = made_up(400, 40 * season, season, rng)
        assert np.isfinite(rows).all() and (rows.std(1) > 0).all()
        unit = (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)
        at = (unit[:, season:] * unit[:, :-season]).mean()
        beside = (unit[:, season + season // 2 :] * unit[:, : -season - season // 2]).mean()
        assert at > beside + 0.1  # autocorrelation at a season, and one and a half


def test_a_batch_is_the_same_whatever_is_beside_it(data):
    indices = torch.tensor([3, 700, 1199, 1200 + 3])
    values, given = data.batch(indices)
    again, alone = data.batch(indices[1:2])
    assert torch.equal(values[1:2], again)
    for name in given:
        torch.testing.assert_close(given[name][1:2], alone[name], equal_nan=True)
    assert not torch.equal(values[0], values[3])  # another way to hide the same series
    assert len(data) == 1200 * MASKS


def test_known_values_are_on_the_line_and_nothing_hidden_shows(data):
    values, given = data.batch(torch.arange(600))
    known = ~given["observed"].isnan()
    assert (values[known] == 0).all() and values[~known].abs().nanmean() > 0.1
    assert given["calendar"].isfinite().all()
    # a lag that lies in the window is known only where the window is
    checked = 0
    for number in range(0, 600, 50):
        season = int(data.seasons[number])
        for place, lag in enumerate(LAGS):
            for row in range(data.window):
                at = row - lag * season
                if 0 <= at < data.window and not known[number, at, 0]:
                    assert given["calendar"][number, row, len(LAGS) + 1 + place] == 0
                    checked += 1
    assert checked > 100


def test_hidden_values_have_about_unit_size(data):
    values, given = data.batch(torch.arange(1200))
    hidden = values[given["observed"].isnan()]
    there = hidden[~hidden.isnan()]
    assert 0.85 < there.std() < 1.25 and len(there) > 0.99 * len(hidden)


def test_half_of_the_windows_are_forecasts(data):
    known = ~data.batch(torch.arange(1200))[1]["observed"].squeeze(-1).isnan()
    rows = torch.arange(data.window)
    ends = (known * (rows + 1)).amax(1)  # rows before the hidden end
    whole = (known == ((rows < ends[:, None]) & (rows >= (known * 1).argmax(1)[:, None]))).all(1)
    forecasts = whole & (ends < data.window)
    # 0.5, and blocks at the end by chance: 5 standard errors are 0.07
    assert 0.43 < forecasts.float().mean() < 0.62
    assert (ends[forecasts] >= data.window // 2 - 1).float().mean() > 0.9


def test_splits_differ_and_a_seed_repeats(data):
    some = torch.arange(5)
    assert torch.equal(AnySeries(size=1200).batch(some)[0], data.batch(some)[0])
    assert not torch.equal(AnySeries("test", size=500).values[:99], data.values[:99])
    with pytest.raises(InputError, match="unknown split 'tset'"):
        AnySeries("tset")
    with pytest.raises(InputError, match="size >= 1"):
        AnySeries(size=0)
    assert max(SEASONS) * max(LAGS) < data._rows
