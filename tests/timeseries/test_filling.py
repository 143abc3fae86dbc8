import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.data.filling import filled, gaussian_law, interpolated
from sicore_timeseries.data.sines import Sines

SIZE, LENGTH = 2000, 6


@pytest.fixture(scope="module")
def walks():
    """Two columns, one of them a walk, the other tied to it: a law that is normal."""
    rng = np.random.default_rng(0)
    walk = rng.normal(size=(SIZE, LENGTH)).cumsum(1)
    other = -walk + 0.3 * rng.normal(size=walk.shape)
    return np.stack((walk, other), -1)


@pytest.fixture(scope="module")
def gappy(walks):
    rng = np.random.default_rng(1)
    return np.where(rng.random((SIZE, LENGTH, 1)) < 0.4, np.nan, walks)


def test_mean_and_covariance_are_found_in_spite_of_gaps(walks, gappy):
    law = gaussian_law(torch.from_numpy(gappy), rounds=60)
    truth = np.cov(walks.reshape(SIZE, -1).T)
    found = law.covariance.numpy()
    scale = np.sqrt(np.outer(truth.diagonal(), truth.diagonal()))
    assert np.abs((found - truth) / scale).max() < 5 / np.sqrt(0.4 * SIZE)
    assert np.abs(law.mean.numpy()).max() < 5 * np.sqrt(truth.max() / (0.4 * SIZE))


def test_draws_have_the_law_of_what_is_missing(walks, gappy):
    whole = filled(gappy, rounds=60)
    there = ~np.isnan(gappy)
    np.testing.assert_array_equal(whole[there], gappy[there])
    steps, true_steps = np.diff(whole, axis=1), np.diff(walks, axis=1)
    assert abs(steps.var() / true_steps.var() - 1) < 0.06  # of interpolated windows: 0.7 less
    smooth = np.diff(interpolated(torch.from_numpy(gappy)).numpy(), axis=1)
    assert smooth.var() / true_steps.var() < 0.8
    tied, truth = (np.corrcoef(x.reshape(-1, 2).T)[0, 1] for x in (steps, true_steps))
    assert abs(tied - truth) < 0.03


def test_draws_are_those_of_the_seed(gappy):
    first, again, other = (filled(gappy[:200], seed, rounds=2) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_smooth_windows_are_filled_with_what_was_there():
    dropped = Sines(size=150, channels=2, dropped=0.5, fill="standard")
    whole, places = Sines(size=150, channels=2), torch.arange(150)
    made, truth = dropped.batch(places)[0], whole.batch(places)[0]
    assert not bool(made.isnan().any())
    assert float((made - truth).abs().mean()) < 0.02 * float(truth.std())


def test_what_cannot_be_filled(gappy):
    gone = gappy.copy()
    gone[:, :, 1] = np.nan
    with pytest.raises(InputError, match="values in each column"):
        filled(gone)
