"""Windows as frequencies: there and back, white, and exact where values often come."""

import json

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.data.scaling import fit_scaling, read_scaling

LENGTH = 12


@pytest.fixture(scope="module")
def windows():
    """Windows of a walk, one tied to it, its copy, a lamp, and a column that never changes."""
    rng = np.random.default_rng(0)
    walk = 50 + rng.standard_t(4, size=(4000, LENGTH, 1)).cumsum(1) / 4
    tied = 1.5 * walk + 0.01 * rng.normal(size=walk.shape)
    lamp = np.where(rng.random(walk.shape) < 0.7, 10.0, 10 * rng.integers(2, 5, walk.shape))
    parts = (walk, tied, tied, lamp, np.full_like(walk, 3.0))
    return np.concatenate(parts, -1).astype(np.float32).astype(np.float64)


@pytest.fixture(scope="module")
def scaling(windows):
    return fit_scaling("spectrum", windows.reshape(-1, windows.shape[-1]), windows)


def test_there_and_back_through_plain_numbers(windows, scaling):
    plain = json.loads(json.dumps(scaling.config))
    x = torch.from_numpy(windows)
    y = read_scaling(plain).encode(x)
    assert torch.equal(y, scaling.encode(x))
    torch.testing.assert_close(scaling.decode(y), x, rtol=1e-6, atol=1e-6)


def test_numbers_are_white_and_the_slow_ones_are_large(windows, scaling):
    y = scaling.encode(torch.from_numpy(windows))[..., [0, 1, 3]].flatten(1).numpy()
    size = np.maximum(LENGTH**0.5 / np.arange(1, LENGTH + 1), 1).repeat(3)
    usual = np.median(np.abs(y), 0) / 0.6745
    np.testing.assert_allclose(usual, size, rtol=1e-3)
    np.testing.assert_allclose(np.quantile(np.abs(y), 0.999, 0) / 3.29, size, rtol=0.2)
    assert np.abs(np.median(y, 0) / size).max() < 0.1
    within = np.corrcoef(y.T).reshape(LENGTH, 3, LENGTH, 3).diagonal(0, 0, 2)  # of one frequency
    off = within - np.eye(3)[..., None]
    assert float(scaling.encode(torch.from_numpy(windows))[..., 2].abs().max()) < 1e-3  # a copy
    assert np.abs(off).max() < 0.1  # 5/√4000, and what asinh makes of it


def test_a_model_that_is_a_little_off_is_off_by_that_everywhere(windows, scaling):
    x = torch.from_numpy(windows)
    y = scaling.encode(x)
    noise = torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(0))
    made = scaling.decode(y + 0.02 * noise)
    error = (made - x).std(0) / x.std((0, 1))
    assert float(error[:, 0].max()) < 0.04
    assert float(error[-1, 0] / error[0, 0]) < 1.5  # of steps: √12
    assert set(made[..., 3].flatten().tolist()) == {10.0, 20.0, 30.0, 40.0}
    torch.testing.assert_close(made[..., 1], made[..., 2], atol=1e-3, rtol=0)
    assert bool((scaling.decode(y + noise)[..., 4] == 3).all())  # whatever the model says


def test_beyond_the_data_numbers_go_on_as_they_are(windows, scaling):
    y = scaling.encode(torch.from_numpy(windows))
    most = y.abs().amax(0)
    walk = torch.zeros_like(y[:2])
    walk[0, 7, 0], walk[1, 7, 0] = most[7, 0] + 1, most[7, 0] + 3
    torch.testing.assert_close(scaling.encode(scaling.decode(walk))[..., 0], walk[..., 0])
    steps = scaling.scores.encode(scaling.decode(walk))[..., 0]
    apart = (steps[1] - steps[0]).norm()
    assert float(apart) == pytest.approx(2 * float(scaling.roots[7, 0, 0]), rel=1e-6)


def test_only_whole_windows_or_none(windows, scaling):
    x = torch.from_numpy(windows[:3]).clone()
    assert bool(scaling.encode(x * torch.nan).isnan().all())
    x[0, 5, 1] = torch.nan
    with pytest.raises(InputError, match="missing values; fill them"):
        scaling.encode(x)
    gone = windows.copy()
    gone[:, 3] = np.nan
    with pytest.raises(InputError, match="whole windows, and found none"):
        fit_scaling("spectrum", gone.reshape(-1, 5), gone)
