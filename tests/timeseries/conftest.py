"""Tables written as files, and windows that fit a domain."""

import pytest
import torch

from sicore_timeseries.data.table import read_table
from sicore_timeseries.domain import TimeSeries


@pytest.fixture
def table_of(tmp_path):
    """The table of a text: the file's name in messages is data.csv."""

    def read(text, **options):
        path = tmp_path / "data.csv"
        path.write_text(text, encoding="utf-8")
        return read_table(path, **options)

    return read


@pytest.fixture
def domain():
    """Windows of 12 moments and 3 channels, with two features of the calendar."""
    mean, std = [1.0, -2.0, 100.0], [0.5, 3.0, 20.0]
    scaling = {"name": "standard", "mean": mean, "std": std}
    return TimeSeries(12, ["a", "b", "c"], scaling=scaling, calendar=2)


@pytest.fixture
def windows(domain):
    """A batch of 128 windows in the units of the data."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(128, 12, 3, generator=generator)
    return domain.scaling.decode(x.double())
