import numpy as np
import pandas as pd
import pytest
import torch

from sicore.errors import InputError
from sicore_timeseries.data.calendar import calendar, cycles
from sicore_timeseries.data.table import Series, Table, to_table
from sicore_timeseries.data.windows import Windows, time_block


def numbered(times):
    """A series whose values are the numbers of its rows."""
    return Series(
        "", pd.Index(np.asarray(times, float)), np.arange(len(times), dtype=float)[:, None]
    )


def table(*series):
    return Table(tuple(series), ("a",))


def test_every_window_is_a_stretch_of_rows():
    windows = Windows.of(table(numbered(range(10))), 4, stride=3)
    values, given = windows.take(torch.arange(len(windows)))
    np.testing.assert_array_equal(values[:, :, 0], [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]])
    assert values.dtype == torch.float32 and set(given) == {"times"}
    torch.testing.assert_close(given["times"], torch.linspace(0, 1, 4).expand(3, 4))


def test_no_window_spans_two_series():
    windows = Windows.of(table(numbered(range(5)), numbered(range(100, 104))), 4)
    rows = windows.starts[:, None] + np.arange(4)
    assert len(windows) == 3
    assert ((rows < 5).all(1) | (rows >= 5).all(1)).all()


def test_no_window_spans_a_missing_row_unless_filled():
    broken = table(numbered([0, 1, 2, 3, 5, 6, 7, 8]))
    assert Windows.of(broken, 4).starts.tolist() == [0, 4]
    filled = Windows.of(broken.on_grid(), 4)
    assert len(filled) == 6 and bool(filled.all_values().isnan().any())


def test_irregular_windows_carry_their_stamps_and_break_at_gaps():
    rng = np.random.default_rng(0)
    times = rng.exponential(size=40).cumsum()
    times[20:] += 50
    series = numbered(times)
    windows = Windows.of(table(series), 8)
    assert set(windows.starts) == {*range(13), *range(20, 33)}
    assert len(Windows.of(table(series), 8, gap=np.inf)) == 33
    _, given = windows.take(np.array([5]))
    steps = np.diff(times)
    unit = 7 * steps[steps < 50].mean()
    np.testing.assert_allclose(given["times"][0], (times[5:13] - times[5]) / unit, rtol=1e-6)


@pytest.mark.parametrize("n", [100, 237, 1000])
def test_splits_lie_in_order_and_apart(n):
    rows = {}
    for split in ("train", "validation", "test"):
        windows = Windows.of(table(numbered(range(n))), 6, split=split, shares=(0.6, 0.2, 0.2))
        rows[split] = windows.starts[:, None] + np.arange(6)
    assert rows["train"].max() + 6 < rows["validation"].min()
    assert rows["validation"].max() + 6 < rows["test"].min()
    assert rows["train"].min() == 0 and rows["test"].max() == n - 1


def test_a_horizon_longer_than_the_data_is_named():
    with pytest.raises(InputError, match="no stretch of 24 rows: the longest has 10"):
        Windows.of(table(numbered(range(10))), 24)
    with pytest.raises(InputError, match="split 'test'"):
        Windows.of(table(numbered(range(60))), 24, split="test")
    with pytest.raises(InputError, match="unknown split"):
        Windows.of(table(numbered(range(60))), 24, split="tset")
    with pytest.raises(InputError, match="add up to 1"):
        time_block(10, "train", (0.5, 0.1, 0.1), 2)
    with pytest.raises(InputError, match="length >= 2"):
        Windows.of(table(numbered(range(60))), 1)


def test_used_rows_are_those_of_the_windows():
    windows = Windows.of(table(numbered(range(10))), 3, stride=4)
    np.testing.assert_array_equal(windows.used()[:, 0], [0, 1, 2, 4, 5, 6])


def test_cycles_fit_the_step():
    assert cycles(3600, True) == ("day", "week", "year")
    assert cycles(86_400, True) == ("week", "year")
    assert cycles(30 * 86_400, True) == ("year",)
    assert cycles(365 * 86_400, True) == ()
    assert cycles(1, False) == ()


def test_the_calendar_turns_once_in_each_cycle():
    index = pd.date_range("2024-01-01", periods=24 * 366 + 1, freq="h", tz="Asia/Tokyo")
    features = calendar(index, ("day", "week", "year"))
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[0], [0, 1, 0, 1, 0, 1], atol=1e-6)  # Monday, 0:00
    np.testing.assert_allclose(features[6, :2], [1, 0], atol=1e-6)  # 6:00
    np.testing.assert_allclose(features[24:48, :2], features[:24, :2], atol=1e-6)
    np.testing.assert_allclose(features[168], features[0], atol=0.2)
    np.testing.assert_allclose(features[168, 2:4], features[0, 2:4], atol=1e-6)
    np.testing.assert_allclose(features[24 * 366, 4:], features[0, 4:], atol=1e-6)
    np.testing.assert_allclose((features**2).sum(1), 3, atol=1e-5)


def test_windows_have_the_calendar_of_their_rows():
    frame = pd.DataFrame({"time": pd.date_range("2024-05-03", periods=50, freq="h"), "a": 1.0})
    windows = Windows.of(to_table(frame), 6)
    _, given = windows.take(np.array([0, 24]))
    assert given["calendar"].shape == (2, 6, 6)
    torch.testing.assert_close(given["calendar"][0, :, :2], given["calendar"][1, :, :2])
    assert bool((given["calendar"][0, 0, 2:4] != given["calendar"][1, 0, 2:4]).all())
