import numpy as np
import pandas as pd
import pytest

from sicore.errors import InputError, UnknownName
from sicore_timeseries.data.table import read_table, to_table

DAILY = "date,a,b\n2024-01-01,1,2\n2024-01-02,,3\n2024-01-03,4,5\n"


def test_dates_values_and_missing_cells(table_of):
    table = table_of(DAILY)
    series = table.series[0]
    assert table.columns == ("a", "b") and table.time == "date" and table.dates
    assert series.clock.frequency == "D" and series.clock.step == 86_400
    assert series.times[0] == pd.Timestamp("2024-01-01").timestamp()
    np.testing.assert_array_equal(series.values, [[1, 2], [np.nan, 3], [4, 5]])
    assert not table.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("t,a\n", "no rows"),
        ("t,a\n1,2\n", "one row"),
        ("t,a\n1,\n2,\n", "no column of numbers"),
        ("t,a\n1,x\n2,y\n", "no column of numbers.*'a' has text"),
        ("t,a\n1,1\n2,2\n3,inf\n", "line 4 is infinite"),
        ("t,a\n1,1\n2,2\n3,4x\n", "line 4 is '4x'"),
        ("t,a\n1,1\n,2\n3,4\n", "line 3 has no time"),
        ("t,a\n1,1\n2,2\nx,2\n", "line 4 is 'x'"),
        ("t,a\n1,1,5\n2,2,5\n", "more cells"),
        ("t,a\n1,1\n2,2,5\n", "cannot|can be read"),
        ("t a\n1 1\n2 2\n", "divided by blanks"),
        ("day,a\nMonday,1\nTuesday,2\n", "no column has times"),
        ("t,a\n1,1\n2,1\n1,3\n", "lines 2 and 4 have the same time.*average=true"),
        ("d,a\n2024-01-01,1\n2024-13-02,2\n2024-01-03,3\n", "line 3 is '2024-13-02'"),
        ("d,a\n2024-01-01T10:00Z,1\n2024-01-01T11:00,2\n", "line 2 has a time zone.*line 3 has"),
    ],
)
def test_what_cannot_be_right_is_named(table_of, text, message):
    with pytest.raises(InputError, match=message):
        table_of(text)


def test_missing_file_and_binary_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "absent.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_table(tmp_path / "picture.csv")
    (tmp_path / "wrong.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="Parquet"):
        read_table(tmp_path / "wrong.parquet")


def test_unknown_columns_are_named(table_of):
    with pytest.raises(UnknownName, match="did you mean 'date'"):
        table_of(DAILY, time="dat")
    with pytest.raises(InputError, match=r"'c'.*has text"):
        table_of("t,a,c\n1,2,x\n2,3,y\n", columns=("c",))


def test_rows_are_sorted_by_time(table_of):
    table = table_of("t,a\n3,30\n1,10\n2,20\n")
    np.testing.assert_array_equal(table.series[0].times, [1, 2, 3])
    np.testing.assert_array_equal(table.series[0].values[:, 0], [10, 20, 30])
    assert "line 3" in table.notes[0]


def test_rows_of_one_time_are_averaged_when_asked(table_of):
    table = table_of("t,a,b\n1,1,\n1,3,7\n2,5,\n", average=True)
    np.testing.assert_array_equal(table.series[0].values, [[2, 7], [5, np.nan]])
    assert "averaged" in table.notes[-1]


def test_texts_empty_and_constant_columns_are_told(table_of):
    table = table_of("t,a,text,none,same\n1,1,x,,5\n2,2,y,,5\n")
    assert table.columns == ("a", "same")
    assert sorted(note.split("'")[1] for note in table.notes) == ["none", "same", "text"]


def test_several_series(table_of):
    table = table_of("t,shop,a\n1,x,1\n2,x,2\n1,y,5\n2,y,6\n3,z,1\n", key="shop")
    assert [s.name for s in table.series] == ["x", "y"] and table.key == "shop"
    np.testing.assert_array_equal(table.values[:, 0], [1, 2, 5, 6])
    assert "'z'" in table.notes[0]


def test_time_zones(table_of):
    one = table_of("d,a\n2024-01-01 10:00+02:00,1\n2024-01-01 11:00+02:00,2\n")
    assert one.series[0].times[0] == pd.Timestamp("2024-01-01T08:00Z").timestamp()
    assert one.series[0].index[0].hour == 10 and not one.notes
    two = table_of("d,a\n2024-01-01 10:00+02:00,1\n2024-01-01 10:00Z,2\n")
    np.testing.assert_array_equal(np.diff(two.series[0].times), [7200])
    assert "UTC" in two.notes[0] and str(two.series[0].index.tz) == "UTC"


@pytest.mark.parametrize(
    ("cells", "first", "second"),
    [
        (("31.01.2024", "01.02.2024"), "2024-01-31", "2024-02-01"),
        (("01.02.2024", "02.02.2024"), "2024-02-01", "2024-02-02"),
        (("1/30/2024", "1/31/2024"), "2024-01-30", "2024-01-31"),
        (("30/1/2024", "31/1/2024"), "2024-01-30", "2024-01-31"),
        (("20240130", "20240131"), "2024-01-30", "2024-01-31"),
        (("2024-01-30T05:00:00", "2024-01-30 06:00"), "2024-01-30 05:00", "2024-01-30 06:00"),
    ],
)
def test_forms_of_dates(table_of, cells, first, second):
    table = table_of(f"date,a\n{cells[0]},1\n{cells[1]},2\n")
    assert list(table.series[0].index) == [pd.Timestamp(first), pd.Timestamp(second)]


def test_a_date_that_may_be_two_is_told_and_settled_by_the_order(table_of):
    note = table_of("date,a\n1/2/2024,1\n2/2/2024,2\n").notes[0]
    assert "month/day" in note
    table = table_of("date,a\n1/2/2024,1\n5/2/2024,2\n1/3/2024,2\n")
    assert table.series[0].index[0] == pd.Timestamp("2024-02-01") and "day/month" in table.notes[0]


def test_delimiters_and_decimal_commas(table_of):
    table = table_of("date;a;b\n2024-01-01;1,5;2\n2024-01-02;2,5;3\n")
    np.testing.assert_array_equal(table.values, [[1.5, 2], [2.5, 3]])
    with pytest.raises(InputError, match="semicolons"):
        table_of("date;a\n2024-01-01;1\n2024-01-02;2\n", delimiter=",")


def test_rows_without_times_are_counted(table_of):
    table = table_of("a,b\n5,2\n6,4\n7,3\n")
    np.testing.assert_array_equal(table.series[0].times, [0, 1, 2])
    headless = table_of("5,2\n6,4\n7,3\n")
    assert headless.columns == ("x1", "x2") and len(headless.series[0]) == 3
    asked = table_of("c,a\nx,2\ny,4\n", regular=True)
    assert asked.columns == ("a",) and "'c'" in asked.notes[0]


def test_an_index_without_a_name(table_of):
    assert table_of(",a\n0,5\n1,7\n2,4\n").columns == ("a",)
    dated = table_of(",a\n2024-01-01,5\n2024-01-02,7\n")
    assert dated.dates and dated.columns == ("a",)


def test_lines_are_those_of_the_file(table_of):
    with pytest.raises(InputError, match="line 6 is 'x'"):
        table_of("\nt,a\n1,1\n\n2,2\n3,x\n4,1\n")


def test_parquet_holds_the_same(tmp_path):
    pytest.importorskip("pyarrow")
    zone = pd.date_range("2024-03-30", periods=4, freq="D", tz="Europe/Berlin")
    frame = pd.DataFrame({"when": zone, "a": [1.0, None, 3.0, 4.0], "n": [1, 2, 3, 5]})
    frame.to_parquet(tmp_path / "x.parquet")
    table = read_table(tmp_path / "x.parquet")
    assert table.time == "when" and table.columns == ("a", "n")
    assert table.series[0].clock.regular  # although one day has 23 hours
    assert np.diff(table.series[0].times)[1] == 23 * 3600
    frame.set_index("when").to_parquet(tmp_path / "y.parquet")
    assert read_table(tmp_path / "y.parquet").time == "when"
    frame.set_index("when", drop=False).rename_axis("when").to_parquet(tmp_path / "both.parquet")
    assert read_table(tmp_path / "both.parquet").time == "when"
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "z.parquet")
    again = read_table(tmp_path / "z.parquet")
    assert again.time == "when"
    np.testing.assert_array_equal(again.values, table.values)
    frame.set_index("when").rename_axis(None).to_parquet(tmp_path / "dates.parquet")
    assert read_table(tmp_path / "dates.parquet").time == "time"


def test_frames_name_their_rows():
    frame = pd.DataFrame({"t": [1.0, 1.0], "a": [1, 2]}, index=pd.RangeIndex(2, name="row"))
    with pytest.raises(InputError, match="rows 0 and 1"):
        to_table(frame)


def test_missing_rows_become_nan(table_of):
    table = table_of("date,a\n2024-01-01,1\n2024-02-01,2\n2024-04-01,4\n2024-05-01,5\n")
    assert table.series[0].clock.frequency == "MS" and table.series[0].clock.gaps == 1
    filled = table.on_grid()
    np.testing.assert_array_equal(filled.values[:, 0], [1, 2, np.nan, 4, 5])
    assert (
        filled.series[0].index[2] == pd.Timestamp("2024-03-01") and "1 missing" in filled.notes[0]
    )
    numbers = table_of("t,a\n0,1\n0.1,2\n0.30000000000000004,4\n0.4,5\n").on_grid()
    np.testing.assert_array_equal(numbers.values[:, 0], [1, 2, np.nan, 4, 5])


@pytest.mark.parametrize("frequency", ["h", "10min", "D", "B", "W-SUN", "MS", "ME", "QS-OCT", "YS"])
def test_the_future_continues_the_frequency(frequency):
    whole = pd.date_range("2023-01-02", periods=40, freq=frequency)
    frame = pd.DataFrame({"time": whole[:30], "a": np.arange(30)})
    series = to_table(frame).series[0]
    future, notes = series.clock.following(series.index, 10)
    assert list(future) == list(whole[30:]) and not notes
    some = np.delete(np.arange(30), [7, 12])  # with rows missing, too
    gapped = to_table(frame.iloc[some]).series[0]
    assert gapped.clock.gaps == 2
    assert list(gapped.clock.following(gapped.index, 10)[0]) == list(whole[30:])


def test_the_future_of_numbers_and_of_irregular_times(table_of):
    regular = table_of("t,a\n0,1\n0.1,2\n0.2,4\n0.3,5\n").series[0]
    np.testing.assert_allclose(regular.clock.following(regular.index, 2)[0], [0.4, 0.5])
    odd = table_of("t,a\n0,1\n1,2\n3.3,4\n5.3,5\n").series[0]
    future, notes = odd.clock.following(odd.index, 2)
    np.testing.assert_allclose(future, [7.3, 9.3])  # the median of 1, 2.3 and 2
    assert not odd.clock.regular and "irregular" in notes[0]
    with pytest.raises(InputError, match="no regular step"):
        odd.on_grid()
