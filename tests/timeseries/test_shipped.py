"""The model that comes with the plugin, on series that it has never seen."""

import numpy as np
import pandas as pd
import pytest
import torch

import sicore
from sicore.hub.model import model_folder
from sicore_timeseries.answers.drawing import fill, rows_of
from sicore_timeseries.answers.plans import forecast_plan, imputation_plan
from sicore_timeseries.data.table import Series

LIMIT = 12e6  # bytes
H, S = 12, 100


@pytest.fixture(scope="module")
def model():
    return sicore.load("timeseries/any", device="cpu")


def series_of(values):
    index = pd.Index(np.arange(len(values), dtype=np.float64))
    return Series("", index, np.asarray(values, np.float64))


def forecast(model, values, season):
    """Paths ``(S, H, C)`` after the rows ``(n, C)``."""
    longer, _ = series_of(values).ahead(H)
    length = model.domain.space.shape[0]
    plan = forecast_plan(len(values), H, length, length // 2)
    return fill(model, rows_of(longer, season), plan, samples=S, batch_size=500)[:, -H:]


def test_a_season_goes_on(model):
    rows = np.arange(200 + H)
    season = np.stack((np.sin(2 * np.pi * rows / 12), (rows % 12 < 4) * 1.0), 1)
    paths = forecast(model, season[:200], 12)
    last = np.abs(season[200:] - season[199]).mean(0)
    error = np.abs(np.median(paths, 0) - season[200:]).mean(0)
    assert (error < 0.4 * last).all()


def test_random_walks_spread_as_they_do(model):
    """The level is kept, and deviations are √h: within a fourth, but for the first rows.

    As its card says, these are too wide; never narrower than nine tenths, as a mean of 40 walks.
    """
    walks = np.random.default_rng(0).standard_normal((200, 40)).cumsum(0)
    paths = forecast(model, walks, 7)
    ratio = paths.std(0).mean(1) / np.sqrt(np.arange(1, H + 1))
    assert (ratio > 0.9).all() and ratio[0] < 2
    assert (ratio[H // 2 :] < 1.25).all()
    drift = paths.mean(0) - walks[-1]
    assert np.abs(drift.mean()) < 0.5


def test_units_and_levels_do_not_matter(model):
    values = np.random.default_rng(1).standard_normal((120, 1)).cumsum(0)
    plain, moved = forecast(model, values, 7), forecast(model, 500 - 0.1 * -values, 7)
    np.testing.assert_allclose(moved, 500 + 0.1 * plain, atol=2e-3)


def test_a_single_gap_is_close_to_its_neighbours(model):
    rows = np.arange(300.0)
    smooth = np.sin(rows / 15)[:, None] + 0.01 * rows[:, None]
    values = smooth.copy()
    gaps = [50, 51, 120, 200]
    values[gaps] = np.nan
    series = series_of(values)
    plan = imputation_plan(np.isnan(values[:, 0]), model.domain.space.shape[0])
    paths = fill(model, rows_of(series, 7), plan, samples=S, batch_size=500)
    middle = np.median(paths, 0)[gaps]
    assert np.abs(middle - smooth[gaps]).max() < 0.03  # of steps of .07
    known = np.setdiff1d(np.arange(300), gaps)
    assert (paths[:, known] == values[known]).all()


def test_what_ships_is_small_and_says_where_it_is_from(model):
    files = [path for path in model_folder("timeseries/any").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LIMIT
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md", ".yaml"}
    for word in ("Licence", "CRPS", "Limits", "sicore train timeseries/any"):
        assert word in model.card
    assert not model.config.training.start_from  # no folder of the machine that made it
    weights = model.network.state_dict().values()
    assert all(bool(tensor.isfinite().all()) for tensor in weights)
    assert all(tensor.dtype == torch.float32 for tensor in weights)
