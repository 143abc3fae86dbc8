import json

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.data.normal_scores import NormalScores
from sicore_timeseries.data.scaling import fit_scaling, read_scaling
from sicore_timeseries.domain import TimeSeries

NAMES = ("innovations", "increments", ("log", "innovations"), ("quantile", "innovations"))


@pytest.fixture(scope="module")
def windows():
    """Windows of a walk, a column tied to it, its copy, and a light that is mostly off."""
    rng = np.random.default_rng(0)
    walk = 50 + rng.standard_t(4, size=(600, 12, 1)).cumsum(1) / 4
    tied = 1.5 * walk + 0.01 * rng.normal(size=walk.shape)
    light = np.where(rng.random(walk.shape) < 0.7, 10.0, 10 * rng.integers(2, 5, walk.shape))
    return np.concatenate((walk, tied, tied, light), -1).astype(np.float32).astype(np.float64)


def fitted(names, windows):
    return fit_scaling(names, windows.reshape(-1, windows.shape[-1]), windows)


@pytest.mark.parametrize("names", NAMES)
def test_there_and_back_through_plain_numbers(windows, names):
    scaling = fitted(names, windows)
    plain = json.loads(json.dumps(scaling.config))
    assert plain == scaling.config
    x = torch.from_numpy(windows)
    y = read_scaling(plain).encode(x)
    assert torch.equal(y, scaling.encode(x))
    torch.testing.assert_close(scaling.decode(y), x, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("whole_rows", [False, True])
def test_missing_values_stay_missing_and_the_others_come_back(windows, names, whole_rows):
    scaling = fitted(names, windows)
    rng = np.random.default_rng(1)
    size = (len(windows), 12, 1) if whole_rows else windows.shape
    missing = torch.from_numpy(np.broadcast_to(rng.random(size) < 0.4, windows.shape).copy())
    x = torch.from_numpy(windows)
    y = scaling.encode(x.masked_fill(missing, torch.nan))
    assert torch.equal(y.isnan(), missing)
    back = scaling.decode(y.nan_to_num(0.0))
    torch.testing.assert_close(back[~missing], x[~missing], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("names", NAMES)
def test_later_rows_do_not_matter(windows, names):
    scaling, x = fitted(names, windows), torch.from_numpy(windows)
    hidden = x.clone()
    hidden[:, 8:] = torch.nan
    torch.testing.assert_close(scaling.encode(hidden)[:, :8], scaling.encode(x)[:, :8])


@pytest.mark.parametrize("names", NAMES)
def test_jacobian_is_triangular_with_a_diagonal_above_0(windows, names):
    scaling = fitted(names, windows[..., [0, 1, 3]])
    y = torch.randn(1, 12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    jacobian = torch.autograd.functional.jacobian(lambda v: scaling.decode(v.view(1, 12, 3)), y)
    square = jacobian.reshape(36, 36)
    assert float(square.triu(1).abs().max()) == 0
    assert bool((square.diag() >= 0).all())
    assert bool((square.diag()[0::3] > 0).all())  # the walk has no atoms


def test_innovations_are_white(windows):
    y = fitted("innovations", windows).encode(torch.from_numpy(windows))
    flat = y[..., [0, 1]].flatten(1).numpy()
    correlation = np.corrcoef(flat.T) - np.eye(flat.shape[1])
    assert np.abs(correlation).max() < 5 / np.sqrt(len(flat))
    first = np.isin(np.arange(24), (0, 1))  # which counts as much as the eleven others
    np.testing.assert_allclose(flat.std(0), np.where(first, 11**0.5, 1), rtol=0.15)
    assert float(y[..., 2].abs().max()) < 1e-6  # the copy has none


def test_the_transition_of_an_autoregression_is_found():
    rng = np.random.default_rng(0)
    a = np.array([[0.7, 0.2], [-0.3, 0.5]])
    rows = [rng.normal(size=(4000, 2))]
    for _ in range(20):
        rows.append(rows[-1] @ a.T + rng.normal(size=(4000, 2)) @ np.array([[1, 0.5], [0, 1]]))
    later = fitted("innovations", np.stack(rows, 1)).steps[-1]
    np.testing.assert_allclose(later.lags[0], a, atol=5 / np.sqrt(80_000))
    np.testing.assert_allclose(later.mixing, [[1, 0], [0.5, 1]], atol=5 / np.sqrt(80_000))


def test_increments_of_what_wanders(windows):
    lag = fitted("increments", windows).steps[-1].lags[0]
    np.testing.assert_array_equal(lag, np.diag([1.0, 1.0, 1.0, 0.0]))


def test_what_glides_along_lines_is_given_by_its_kinks():
    rng = np.random.default_rng(0)
    hours = rng.normal(size=(500, 5)).cumsum(1)
    lines = np.stack([np.interp(np.arange(24) / 6, np.arange(5), row) for row in hours])
    still = np.where(rng.random(lines.shape) < 0.2, rng.normal(size=lines.shape), 0).cumsum(1)
    windows = np.stack((700 + lines, 50 + still), -1).astype(np.float32).astype(np.float64)
    scaling, x = fitted("increments", windows), torch.from_numpy(windows)
    assert scaling.steps[-1].lags[:, 0, 0].tolist() == [2.0, -1.0]
    assert scaling.steps[-1].lags[:, 1, 1].tolist() == [1.0, 0.0]
    kinks = scaling.encode(x)[:, 2:, 0].abs() > 0.5
    assert torch.equal(kinks.any(0).nonzero()[:, 0] + 2, torch.tensor([7, 13, 19]))
    noise = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    made = scaling.decode(scaling.encode(x) + 0.1 * noise)
    changes = made[:, 2:, 0] - 2 * made[:, 1:-1, 0] + made[:, :-2, 0]
    assert bool((changes.abs() < 1e-4)[:, ~kinks.any(0)].all())


def test_a_value_that_often_comes_is_exact_although_the_model_is_not(windows):
    scaling, x = fitted("increments", windows), torch.from_numpy(windows)
    noise = torch.randn(x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    back = scaling.decode(scaling.encode(x) + 0.03 * noise)
    assert set(back[..., 3].flatten().tolist()) == {10.0, 20.0, 30.0, 40.0}
    assert torch.equal(back[..., 1], back[..., 2])


def test_normal_scores_are_normal():
    rng = np.random.default_rng(0)
    values = np.stack((rng.standard_t(2, 20_000), rng.normal(size=20_000)), 1)
    values[:, 1] = np.where(rng.random(20_000) < 0.3, 0.5, values[:, 1])
    scores = NormalScores.fit(values, np.abs(values).max(0))
    y = scores.encode(torch.from_numpy(values)).numpy()
    heavy = np.sort(y[:, 0])
    assert abs((heavy**4).mean() - 3) < 0.3  # 20,000 values: ± 0.07
    drawn = scores.decode(torch.from_numpy(rng.normal(size=(20_000, 2))))[:, 1].numpy()
    assert abs((drawn == 0.5).mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20_000)
    assert abs((drawn < 0.5).mean() - (values[:, 1] < 0.5).mean()) < 5 / np.sqrt(20_000)


def test_between_two_atoms_the_nearer_one_is_meant():
    values = np.repeat((0.0, 10.0, 20.0, 70.0), (770, 120, 100, 10))[:, None]
    scores = NormalScores.fit(values, np.array([70.0]))
    y = scores.encode(torch.tensor([[0.0], [10.0], [20.0], [70.0]]).double())[:, 0]
    share = torch.tensor([0.385, 0.83, 0.94, 0.995]).double()  # up to the middle of each
    torch.testing.assert_close(y, torch.special.ndtri(share), atol=1e-6, rtol=0)
    between = (y[1:] + y[:-1]) / 2
    made = scores.decode(torch.cat((between - 1e-3, between + 1e-3)).unsqueeze(1))[:, 0]
    assert made.tolist() == [0, 10, 20, 10, 20, 70]


def test_scores_of_all_numbers(windows):
    scores = NormalScores.fit(windows.reshape(-1, 4), np.full(4, 100.0))
    x = torch.linspace(-300, 300, 50, dtype=torch.float64).unsqueeze(1).repeat(1, 4)
    y = scores.encode(x)
    assert bool(y.isfinite().all())
    assert bool((y.diff(dim=0) >= 0).all())
    outside = (x < 8) | (x > 200)
    torch.testing.assert_close(scores.decode(y)[outside], x[outside])


def test_a_domain_keeps_what_is_missing(windows):
    scaling = fitted("innovations", windows)
    domain = TimeSeries(12, ["a", "b", "c", "d"], scaling=scaling.config)
    x = torch.from_numpy(windows[:20]).float()
    x[:, 5] = torch.nan
    state = domain.encode(x)
    assert torch.equal(state == 0, x.isnan())


def test_what_does_not_fit(windows):
    with pytest.raises(InputError, match="one of windows"):
        fit_scaling("increments", windows[:, 0])
    with pytest.raises(InputError, match="complete rows"):
        gaps = windows.copy()
        gaps[:, :, 0] = np.where(np.arange(12) % 2, np.nan, gaps[:, :, 0])
        fitted("increments", gaps)
    with pytest.raises(InputError, match="got none"):
        fitted((), windows)
