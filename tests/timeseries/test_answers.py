"""Forecasts and filled gaps of exact models: the answers are the Gaussian conditional laws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sicore.config import parse_config
from sicore.errors import InputError
from sicore.hub import Model
from sicore.hub.build import build_parts
from sicore_timeseries.answers.drawing import domain_of, fill, rows_of
from sicore_timeseries.answers.plans import forecast_plan, imputation_plan
from sicore_timeseries.data.table import Series

T, MEMORY = 12, 0.8
PATHS = 4000


class ExactNetwork(nn.Module):
    """E[x_1 | x_t, observed] of AR(1) windows on the linear path, all hidden in the same way."""

    def __init__(self):
        super().__init__()
        rows = torch.arange(T, dtype=torch.float64)
        self.cov = nn.Parameter(MEMORY ** (rows[:, None] - rows).abs(), requires_grad=False)

    def forward(self, x, t, condition):
        raw = condition["observed"].double().squeeze(-1)
        precision = torch.where(raw[0].isnan(), 0.0, 1e6)  # of what is observed
        weight = float(t[0] / (1 - t[0]).clamp_min(1e-6)) ** 2  # of x_t / t
        joint = self.cov.inverse() + torch.diag(precision + weight)
        pull = raw.nan_to_num(0.0) * precision
        if weight:
            pull = pull + x.double().squeeze(-1) / float(t[0]) * weight
        return torch.linalg.solve(joint, pull.T).T.unsqueeze(-1).to(x)


@pytest.fixture(scope="module")
def model():
    config = parse_config(
        {
            "domain": {"name": "timeseries", "length": T, "channels": ["y"]},
            "data": {"name": "timeseries/sines", "window": T, "channels": 1, "horizon": 6},
            "network": {"name": "timeseries/mlp", "width": 8, "depth": 1},
            "interpolant": {"name": "linear"},
            "prediction": "data",
            "training": {"steps": 1},
            "sampling": {"solver": {"name": "heun"}, "steps": 40},
        }
    )
    return Model(config, replace(build_parts(config), network=ExactNetwork()), {})


def series_of(values):
    index = pd.Index(np.arange(len(values), dtype=np.float64))
    return Series("", index, np.asarray(values, np.float64).reshape(-1, 1))


def law(values):
    """The conditional mean and covariance of an AR(1) process where values are NaN."""
    rows = np.arange(len(values))
    cov = MEMORY ** np.abs(rows[:, None] - rows)
    hidden = np.isnan(values)
    gain = cov[np.ix_(hidden, ~hidden)] @ np.linalg.inv(cov[np.ix_(~hidden, ~hidden)])
    mean = gain @ values[~hidden]
    return mean, cov[np.ix_(hidden, hidden)] - gain @ cov[np.ix_(~hidden, hidden)]


def check_law(paths, values):
    """Means within 5 standard errors; covariances too (their standard error is below √2/√n)."""
    hidden = np.isnan(values)
    assert (paths[:, ~hidden] == values[~hidden]).all()  # what is known stays bit by bit
    mean, cov = law(values)
    drawn = paths[:, hidden]
    error = np.abs(drawn.mean(0) - mean) / np.sqrt(np.diag(cov) / len(drawn))
    assert error.max() < 5
    assert np.abs(np.cov(drawn.T) - cov).max() < 5 * np.sqrt(2 / len(drawn)) * cov.max() + 0.01


def test_a_forecast_in_pieces_has_the_law_of_the_process(model):
    past = np.array([0.3, -0.5, 0.2, 1.0, 1.5, 0.7, 0.9, 1.4])
    longer, _ = series_of(past).ahead(15)
    plan = forecast_plan(len(past), 15, T, 6)
    paths = fill(model, rows_of(longer, 1), plan, samples=PATHS, batch_size=PATHS)
    check_law(paths[..., 0], longer.values[:, 0])


@pytest.mark.parametrize("gap", [[20, 21, 22, 23], [0, 1], [38, 39], [5, 7, 9, 30]])
def test_filled_gaps_have_the_conditional_law(model, gap):
    values = np.sin(np.arange(40.0))
    values[gap] = np.nan
    plan = imputation_plan(np.isnan(values), T)
    series = series_of(values)
    paths = fill(model, rows_of(series, 1), plan, samples=PATHS, batch_size=PATHS)
    check_law(paths[..., 0], values)


def test_paths_of_a_seed_repeat_and_paths_of_two_differ(model):
    longer, _ = series_of(np.zeros(8)).ahead(4)
    plan = forecast_plan(8, 4, T, 6)
    draw = lambda seed, size: fill(  # noqa: E731
        model, rows_of(longer, 1), plan, samples=6, seed=seed, batch_size=size
    )
    np.testing.assert_allclose(draw(1, 6), draw(1, 2), atol=1e-5)
    assert not np.allclose(draw(1, 6)[:, 8:], draw(2, 6)[:, 8:])
    assert len(np.unique(draw(1, 6)[:, 8])) == 6


def test_a_model_of_other_columns_is_refused(model):
    with pytest.raises(InputError, match="the table has 2"):
        domain_of(model, 2)
