import json

import numpy as np
import pytest
import torch

from sicore.errors import InputError, UnknownName
from sicore_timeseries.data.scaling import SCALINGS, fit_scaling, read_scaling

COLUMNWISE = [name for name, kind in SCALINGS.items() if not kind.of_windows]


@pytest.fixture(scope="module")
def values():
    """Heavy tails, an offset, a constant, many equal values, all above 0; with gaps."""
    rng = np.random.default_rng(0)
    columns = (
        rng.lognormal(1, 1.5, 4000),
        1e5 + rng.normal(size=4000),
        np.full(4000, 0.1),
        np.where(rng.random(4000) < 0.6, 1.0, 1 + rng.exponential(3, 4000)),
    )
    x = np.stack(columns, 1)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


@pytest.mark.parametrize("name", COLUMNWISE)
def test_there_and_back_through_plain_numbers(values, name):
    fitted = fit_scaling(name, values)
    plain = json.loads(json.dumps(fitted.config))
    assert plain == fitted.config  # and holds no NaN
    scaling = read_scaling(plain)
    x = torch.from_numpy(values)
    y = scaling.encode(x)
    torch.testing.assert_close(y, fitted.encode(x), equal_nan=True)
    assert torch.equal(y.isnan(), x.isnan())
    torch.testing.assert_close(scaling.decode(y), x, equal_nan=True, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", COLUMNWISE)
def test_order_is_kept_also_outside_the_data(values, name):
    scaling = fit_scaling(name, values)
    x = torch.linspace(0.01, 300, 5000, dtype=torch.float64).unsqueeze(1).repeat(1, 4)
    assert bool((scaling.encode(x).diff(dim=0) > 0).all())


@pytest.mark.parametrize("name", ["standard", "log", "asinh"])
def test_scaled_data_have_mean_0_and_variance_1(values, name):
    y = fit_scaling(name, values).encode(torch.from_numpy(values)).numpy()
    changing = [0, 1, 3]
    np.testing.assert_allclose(np.nanmean(y, 0)[changing], 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(y, 0)[changing], 1, atol=1e-6)


@pytest.mark.parametrize("name", COLUMNWISE)
def test_a_constant_column_stays_small(values, name):
    y = fit_scaling(name, values).encode(torch.from_numpy(values))[:, 2]
    assert float(y[~y.isnan()].abs().max()) < 1e-6


def test_quantiles_make_tails_normal(values):
    y = fit_scaling("quantile", values).encode(torch.from_numpy(values)).numpy()
    for column in (0, 1):
        seen = y[~np.isnan(y[:, column]), column]
        assert abs((seen**4).mean() / (seen**2).mean() ** 2 - 3) < 0.5  # 4000 values: ± 0.1
    heavy = values[~np.isnan(values[:, 0]), 0]
    heavy = (heavy - heavy.mean()) / heavy.std()
    assert (heavy**4).mean() > 30


def test_min_max_is_the_one_of_the_published_protocol(values):
    y = fit_scaling("min-max", values).encode(torch.from_numpy(values)).numpy()
    least, most = np.nanmin(values, 0), np.nanmax(values, 0)
    np.testing.assert_allclose(y, (values - least) / (most - least + 1e-7), rtol=1e-12)


def test_float32_is_scaled_in_float64(values):
    scaling = fit_scaling("standard", values)
    x = torch.tensor([[1.0, 1e5 + 1, 0.1, 2.0]])
    assert scaling.encode(x).dtype == torch.float32
    torch.testing.assert_close(
        scaling.encode(x).double(), scaling.encode(x.double()), rtol=1e-6, atol=1e-6
    )


def test_what_does_not_fit(values):
    with pytest.raises(InputError, match="column number 2"):
        fit_scaling("log", values - np.array([0, 1e6, 0, 0]))
    with pytest.raises(UnknownName, match="did you mean 'asinh'"):
        fit_scaling("asin", values)
    with pytest.raises(InputError, match="column number 3 has no values"):
        fit_scaling("standard", values * np.array([1, 1, np.nan, 1]))
