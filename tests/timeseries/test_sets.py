import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from sicore.errors import InputError
from sicore.testing.data import check_dataset
from sicore_timeseries.data.energy import Energy
from sicore_timeseries.data.ett import ETTh1, ETTh2
from sicore_timeseries.data.exchange import COUNTRIES, Exchange
from sicore_timeseries.data.pm25 import COLUMNS, PM25
from sicore_timeseries.data.published import File
from sicore_timeseries.data.scaling import read_scaling
from sicore_timeseries.data.series_file import SeriesFile
from sicore_timeseries.data.sines import Sines
from sicore_timeseries.data.stocks import Stocks

MIXTURE = {"generate": 1.0, "forecast": 1.0, "impute": 2.0}


@pytest.fixture
def hourly(tmp_path):
    """A file of 400 hours, two of them without a row, some cells empty."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=400, freq="h"),
            "a": 5 + rng.normal(size=400).cumsum(),
            "b": 1e4 * rng.random(400),
        }
    )
    frame.loc[rng.random(400) < 0.1, "b"] = np.nan
    path = tmp_path / "hourly.csv"
    frame.drop([100, 101]).to_csv(path, index=False)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The data folder."""
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    place = tmp_path / "timeseries"
    place.mkdir()
    return place


@pytest.mark.filterwarnings("ignore:.*missing rows were added")
def test_a_users_file_follows_the_protocol(hourly):
    for split in ("train", "validation", "test", "all"):
        data = SeriesFile(str(hourly), split, window=12, horizon=4, task=MIXTURE)
        check_dataset(data)
        values, given = data.batch(torch.arange(len(data)))
        observed = given["observed"]
        whole, _ = data.whole.batch(torch.arange(len(data)) % len(data.windows))
        assert not bool((~values.isnan() & ~observed.isnan()).any())
        assert torch.equal(
            torch.where(values.isnan(), observed, values).nan_to_num(), whole.nan_to_num()
        )
        assert given["calendar"].shape == (len(data), 12, 6)
        assert float(given["times"][0, -1]) == 1 and len(data) == 16 * len(data.windows)


@pytest.mark.filterwarnings("ignore:.*missing rows were added")
def test_what_a_file_lacks_is_told(hourly):
    with pytest.warns(UserWarning, match="2 missing rows were added"):
        data = SeriesFile(str(hourly), "all", window=12)
    values, _ = data.batch(torch.tensor([95]))
    assert bool(values[0, 5:7].isnan().all()) and bool(values[0, :5, 0].isfinite().all())
    with pytest.raises(InputError, match="needs your table"):
        SeriesFile()
    with pytest.raises(InputError, match="no stretch of 500 rows: the longest has 400"):
        SeriesFile(str(hourly), "all", window=500)


@pytest.mark.filterwarnings("ignore:.*missing rows were added")
@pytest.mark.parametrize("scaling", ["standard", "asinh", "quantile"])
def test_the_domain_learns_the_scaling_of_the_split(hourly, scaling):
    data = SeriesFile(str(hourly), "train", window=12, scaling=scaling)
    section = data.domain_config()
    assert section["length"] == 12 and section["channels"] == ["a", "b"]
    assert section["calendar"] == 6
    rows = torch.from_numpy(data.windows.used())
    encoded = read_scaling(section["scaling"]).encode(rows).numpy()
    assert len(rows) == 320  # 80 % of 400
    np.testing.assert_allclose(np.nanmean(encoded, 0), 0, atol=0.1)
    np.testing.assert_allclose(np.nanstd(encoded, 0), 1, atol=0.1)


@pytest.mark.filterwarnings("ignore:.*missing rows were added")
def test_each_window_has_its_masks(hourly):
    data = SeriesFile(str(hourly), "all", window=12, task={"impute": 1.0}, masks=3)
    windows = len(data.windows)
    values, given = data.batch(torch.tensor([5, 5 + windows, 5 + 2 * windows]))
    whole = torch.where(values.isnan(), given["observed"], values).nan_to_num()
    assert torch.equal(whole[0], whole[1])
    hidden = given["observed"].isnan()
    assert not torch.equal(hidden[0], hidden[1]) and not torch.equal(hidden[1], hidden[2])


@pytest.mark.filterwarnings("ignore:.*missing rows were added")
def test_rows_are_dropped_as_missing_or_away(hourly):
    missing = SeriesFile(str(hourly), "all", window=24, dropped=0.7, columns=("a",))
    rows = missing.windows.values[:, 0]
    assert abs(np.isnan(rows).mean() - 0.7) < 0.01
    compact = SeriesFile(str(hourly), "all", window=24, dropped=0.7, columns=("a",), compact=True)
    values, given = compact.batch(torch.arange(len(compact)))
    assert float(values.isnan().double().mean()) < 0.05  # the two that the file lacks
    steps = given["times"].diff(dim=1)
    assert bool((steps > 0).all()) and float(steps.std()) > 0.01
    assert abs(float(given["times"][:, -1].mean()) - 1) < 0.1
    with pytest.raises(InputError, match="dropped"):
        SeriesFile(str(hourly), "all", dropped=1.0)


def test_sines_are_waves_of_the_stated_law():
    data = Sines(size=4000)
    check_dataset(data)
    values = 2 * data.windows.all_values().double() - 1
    middle = values[:, 1:-1]
    turn = (values[:, 2:] + values[:, :-2]) / (2 * middle)  # cos f
    frequency = turn[:, -1].clamp(-1, 1).arccos()
    phase = values[:, 0].arcsin()
    for drawn in (frequency, phase):
        assert float(drawn.min()) >= 0 and float(drawn.max()) <= 0.1001
        assert abs(float(drawn.mean()) - 0.05) < 4 * 0.1 / (12 * drawn.numel()) ** 0.5 + 1e-3
    assert abs(float(np.corrcoef(frequency[:, 0], phase[:, 0])[0, 1])) < 4 / 4000**0.5
    torch.testing.assert_close(data.min_max().encode(values), values)


def test_splits_of_sines_are_different_and_repeatable():
    first, again, test = Sines(size=10), Sines("all", size=20), Sines("test", size=10)
    assert torch.equal(first.windows.all_values(), again.windows.all_values()[:10])
    assert not torch.equal(first.windows.all_values(), test.windows.all_values())
    half = Sines(size=300, dropped=0.5).windows.all_values()
    assert torch.equal(half.isnan().any(-1), half.isnan().all(-1))
    assert abs(float(half.isnan().double().mean()) - 0.5) < 4 * 0.5 / 7200**0.5
    with pytest.raises(InputError, match="unknown split"):
        Sines("tests")


def test_published_files_are_read_from_the_data_folder(folder):
    rng = np.random.default_rng(0)
    walk = rng.random((300, 8)).cumsum(0)
    hours = pd.Series(pd.date_range("2016-07-01", periods=300, freq="h"), name="date")

    pd.DataFrame(walk[:, :6], columns=list("OHLCAV")).to_csv(folder / "stock_data.csv", index=False)
    stocks = Stocks("all")
    assert len(stocks) == 300 - 24 + 1 and len(stocks.columns) == 6
    scaled = stocks.min_max().encode(torch.from_numpy(walk[:, :6]))
    assert float(scaled.min()) == 0 and abs(float(scaled.max()) - 1) < 1e-6

    np.savetxt(folder / "exchange_rate.txt", walk, delimiter=",")
    assert Exchange("all").columns == COUNTRIES

    pd.DataFrame(walk, columns=list("abcdefgh")).assign(date=hours).to_csv(
        folder / "ETTh1.csv.gz", index=False
    )
    assert ETTh1("all").windows.calendar.shape == (300, 6)
    assert not ETTh2.available() and ETTh1.available()

    frame = pd.DataFrame(walk[:, :7], columns=list(COLUMNS)).round(2).assign(cbwd="NW")
    for part in ("year", "month", "day", "hour"):
        frame[part] = getattr(hours.dt, part)
    frame.loc[10, "pm2.5"] = np.nan
    frame.to_csv(folder / "beijing_pm25.csv", index=False, na_rep="NA")
    dust = PM25("all")
    assert dust.columns == COLUMNS and list(dust.table.series[0].index) == list(hours)
    assert bool(dust.windows.all_values()[10, 0, 0].isnan())
    for data in (stocks, dust):
        check_dataset(data)


def test_energy_is_read_from_its_archive(folder):
    zipped = pd.DataFrame({"date": pd.date_range("2016-01-11", periods=60, freq="10min"), "T": 1.5})
    zipped.loc[30:, "T"] = 2.5
    zipped.to_csv(
        folder / "energy.zip",
        index=False,
        compression={"method": "zip", "archive_name": "energydata_complete.csv"},
    )
    assert Energy("all").table.series[0].clock.frequency == "10min"


def test_what_is_not_here_says_how_to_get_it(folder):
    for data in (Stocks, Energy, ETTh1, ETTh2, Exchange, PM25):
        assert not data.available()
        with pytest.raises(InputError, match=f"sicore data fetch timeseries/{data.name}"):
            data()


def test_fetching_verifies_the_file(folder, tmp_path, monkeypatch):
    source = tmp_path / "own"
    source.mkdir()
    content = b"a\n1\n2\n"
    (source / "stock_data.csv").write_bytes(content)
    with pytest.raises(InputError, match="is not what was published"):
        Stocks.fetch(source=str(source))
    assert not Stocks.available()
    right = replace(Stocks.file.archive, digest=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(Stocks, "file", File(right))
    assert Stocks.fetch(source=str(source)) == folder / "stock_data.csv"
    assert Stocks.available() and (folder / "stock_data.csv").read_bytes() == content
