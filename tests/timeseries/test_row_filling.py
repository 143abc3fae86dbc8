"""Rows drawn given those that are there, beside the dense Gaussian law."""

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.data import row_filling
from sicore_timeseries.data.filling import filled_windows
from sicore_timeseries.data.row_filling import Autoregression, filled_rows
from sicore_timeseries.data.windows import Windows

MODEL = Autoregression(
    np.array([[[0.9, 0.2], [-0.3, 0.6]], [[-0.2, 0.1], [0.0, 0.2]]]),
    np.array([[1.0, 0.4], [0.4, 0.5]]),
    np.array([[3.0, 0.2], [0.2, 2.0]]),
)
DEPTH = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5])  # two stretches


def precision():
    """Of all rows, dense, ``(22, 22)``."""
    n = len(DEPTH)
    g, r = np.zeros((n, 2, n, 2)), np.zeros((n, 2, n, 2))
    for t, depth in enumerate(DEPTH):
        g[t, :, t] = np.eye(2)
        r[t, :, t] = np.linalg.inv(MODEL.new if depth >= 2 else MODEL.whole)
        for k in (1, 2) if depth >= 2 else ():
            g[t, :, t - k] = -MODEL.lags[k - 1]
    g, r = g.reshape(2 * n, -1), r.reshape(2 * n, -1)
    return g.T @ r @ g


def test_paths_have_the_covariance_of_the_model():
    rng, n = np.random.default_rng(0), 20_000
    drawn = np.stack([MODEL.path(DEPTH, rng).reshape(-1) for _ in range(n)])
    exact = np.linalg.inv(precision())
    scale = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
    assert np.abs((np.cov(drawn.T) - exact) / scale).max() < 5 * (2 / n) ** 0.5


def test_draws_have_the_law_of_what_is_missing():
    rng, n = np.random.default_rng(0), 20_000
    x = rng.normal(size=(len(DEPTH), 2))
    x[[1, 2, 6, 8, 9]] = np.nan
    x[3, 0] = np.nan
    gone, dense = np.isnan(x).reshape(-1), precision()
    covariance = np.linalg.inv(dense[np.ix_(gone, gone)])
    mean = -covariance @ dense[np.ix_(gone, ~gone)] @ x.reshape(-1)[~gone]
    drawn = np.stack([MODEL.drawn(x, DEPTH, rng) for _ in range(n)]).reshape(n, -1)
    np.testing.assert_array_equal(drawn[0, ~gone], x.reshape(-1)[~gone])
    error = (drawn[:, gone].mean(0) - mean) / np.sqrt(covariance.diagonal() / n)
    assert np.abs(error).max() < 4.5
    scale = np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    assert np.abs((np.cov(drawn[:, gone].T) - covariance) / scale).max() < 5 * (2 / n) ** 0.5


@pytest.fixture(scope="module")
def long():
    """A path of 6,000 rows, half of which are missing, and whether a row follows another."""
    rng = np.random.default_rng(3)
    depth = np.minimum(np.arange(6000), 2)
    x = MODEL.path(depth, rng)
    holed = np.where(rng.random((6000, 1)) < 0.5, np.nan, x)
    return x, holed, np.arange(6000) > 0


def test_the_autoregression_is_found_in_spite_of_gaps(long):
    x, holed, linked = long
    made = filled_rows(holed, linked)
    there = ~np.isnan(holed)
    np.testing.assert_allclose(made[there], x[there], atol=1e-12)
    depth = np.minimum(np.arange(6000), 2)
    found = Autoregression.fit(made, depth, 2)
    np.testing.assert_allclose(found.lags, MODEL.lags, atol=0.1)
    np.testing.assert_allclose(found.new, MODEL.new, atol=0.1)


def test_pieces_are_joined_without_a_seam(long, monkeypatch):
    _, holed, linked = long
    whole = filled_rows(holed, linked, rounds=3)
    monkeypatch.setattr(row_filling, "PIECE", 50)
    monkeypatch.setattr(row_filling, "AHEAD", 20)
    pieces = filled_rows(holed, linked, rounds=3)
    seams = np.arange(50, 6000, 50)
    steps, usual = (np.diff(v, axis=0) for v in (pieces, whole))
    assert abs(steps[seams - 1].std() / usual.std() - 1) < 5 / (4 * len(seams)) ** 0.5
    np.testing.assert_array_equal(filled_rows(holed, linked, rounds=3), pieces)


def test_windows_that_share_rows_share_what_is_drawn(long):
    _, holed, _ = long
    values = np.concatenate((holed, holed[:, :1]), 1)  # a column and its copy
    starts = np.concatenate((np.arange(0, 900), np.arange(1000, 1900)))
    windows = Windows(values, np.arange(6000.0), starts, 24, np.zeros((6000, 0), np.float32))
    assert np.flatnonzero(~windows.linked[:1923]).tolist() == [0, *range(923, 1001)]
    made = filled_windows(windows, "standard")
    taken, truth = made.all_values(), windows.all_values()
    assert bool(taken.isfinite().all())
    assert torch.equal(taken[1:900, :-1], taken[:899, 1:])
    assert torch.equal(taken[~truth.isnan()], truth[~truth.isnan()])
    assert torch.equal(taken[..., 0], taken[..., 2])


def test_what_cannot_be_filled(long):
    _, holed, linked = long
    with pytest.raises(InputError, match="values in each column"):
        filled_rows(holed * np.array([1, np.nan]), linked)
    with pytest.raises(InputError, match="three rows in a row"):
        filled_rows(holed, np.arange(6000) % 2 == 1)
