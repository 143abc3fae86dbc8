"""Values relative to what was seen last."""

import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.data.level import last_known
from sicore_timeseries.data.series_file import SeriesFile

NAN = float("nan")


def test_the_last_known_value_of_each_channel():
    observed = torch.tensor([[[1.0, 5.0, NAN], [2.0, NAN, NAN], [NAN, NAN, NAN]]])
    assert last_known(observed).tolist() == [[[2.0, 5.0, 0.0]]]


@pytest.fixture
def wandering(tmp_path):
    path = tmp_path / "walk.csv"
    steps = torch.randn(300, generator=torch.Generator().manual_seed(0)).cumsum(0)
    lines = [f"{k},{1000 + value}" for k, value in enumerate(steps.tolist())]
    path.write_text("time,price\n" + "\n".join(lines))
    return path


def test_a_forecast_starts_at_zero_whatever_the_level(wandering):
    data = SeriesFile(str(wandering), window=12, horizon=4, task={"forecast": 1}, relative=True)
    values, given = data.batch(torch.arange(len(data)))
    assert (values[:, 7] == 0).all() and (given["observed"][:, 7] == 0).all()
    assert given["observed"][:, 8:].isnan().all()
    assert torch.equal(given["observed"][:, :8], values[:, :8])
    assert values.abs().max() < 30
    plain = SeriesFile(str(wandering), window=12, horizon=4, task={"forecast": 1})
    absolute, _ = plain.batch(torch.arange(len(plain)))
    assert torch.allclose(absolute.diff(dim=1), values.diff(dim=1))
    scaled = data.scaling.encode(values.double())
    assert abs(float(scaled.std()) - 1) < 0.05


def test_windows_of_which_nothing_is_seen_have_no_level(wandering):
    with pytest.raises(InputError, match="'generate'"):
        SeriesFile(str(wandering), window=12, relative=True)
