"""``sicore forecast``: files, notes, training on the user's file, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sicore as sicore_package
from sicore_apps.answering import Drawing
from sicore_apps.forecasting import back_test, forecast
from sicore_apps.series_models import Chosen, held_for
from sicore_apps.series_options import Source
from sicore_timeseries.data.table import Series, Table

TRAIN = ("--train", "--training-steps", 2, "--samples", 5)


def test_a_forecast_is_files_and_a_page(sicore, series_model, hourly, tmp_path):
    path, table = hourly
    out = tmp_path / "out"
    words = ("forecast", path, "-H", 20, "--model", series_model, "--samples", 20, "--paths")
    status, told, _ = sicore(*words, "-o", out)
    assert status == 0 and "2 columns, 20 rows ahead" in told
    names = {file.name for file in out.iterdir()}
    assert names == {
        "forecast.csv", "forecast.png", "forecast.svg", "index.html", "manifest.json", "paths.csv"
    }  # fmt: skip
    made = pd.read_csv(out / "forecast.csv", parse_dates=["time"])
    assert len(made) == 40 and set(made["column"]) == {"a", "b"}
    assert made["time"].min() == table["time"].iloc[-1] + pd.Timedelta(hours=1)
    levels = made[["q05", "q10", "q25", "q50", "q75", "q90", "q95"]].to_numpy()
    assert (np.diff(levels, axis=1) >= 0).all()
    paths = pd.read_csv(out / "paths.csv")
    of_a = paths.pivot_table(index="time", columns="path", values="a").to_numpy()
    rows = made[made["column"] == "a"]
    np.testing.assert_allclose(of_a.mean(1), rows["mean"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.median(of_a, 1), rows["q50"], rtol=1e-4, atol=1e-5)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "seasonal naive (24)" in page and "inside 80 %" in page


def test_a_forecast_repeats_and_does_not_see_the_future(sicore, series_model, hourly, tmp_path):
    path, table = hourly
    shorter, more = tmp_path / "short.csv", tmp_path / "more.csv"
    table[:150].to_csv(shorter, index=False)
    words = ("--model", series_model, "-H", 3, "--samples", 4)
    sicore("forecast", shorter, *words, "-o", tmp_path / "one")
    sicore("forecast", shorter, *words, "-o", tmp_path / "two")
    one, two = (pd.read_csv(tmp_path / name / "forecast.csv") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two)
    table.assign(a=table["a"] + 1000).to_csv(more, index=False)
    sicore("forecast", more, *words, "-o", tmp_path / "moved")
    sicore("forecast", path, *words, "-o", tmp_path / "plain")
    moved, plain = (
        pd.read_csv(tmp_path / name / "forecast.csv").query("column == 'a'")
        for name in ("moved", "plain")
    )
    np.testing.assert_allclose(moved["q50"], plain["q50"] + 1000, atol=1e-2)


def test_several_series_are_forecast_by_themselves(sicore, series_model, tmp_path):
    rows = [
        f"{2000 + year},{shop},{value}"
        for shop, value in (("x", 1.0), ("y", 5.0))
        for year in range(30)
    ]
    path = tmp_path / "shops.csv"
    path.write_text("t,shop,sold\n" + "\n".join(rows), encoding="utf-8")
    words = ("--key", "shop", "-H", 2, "--model", series_model, "--samples", 3)
    status, told, _ = sicore("forecast", path, *words, "-o", tmp_path / "out")
    assert status == 0 and "2 series" in told
    made = pd.read_csv(tmp_path / "out" / "forecast.csv")
    assert made.groupby("series").size().to_dict() == {"x": 2, "y": 2}
    assert set(made["time"]) == {2030.0, 2031.0}


def test_a_model_is_trained_on_the_file_kept_and_used_again(sicore, hourly, tmp_path):
    path, _ = hourly
    words = ("forecast", path, "-H", 6, *TRAIN, "-o", tmp_path / "out")
    status, _, told = sicore(*words)
    assert status == 0 and "training on" in told
    assert (tmp_path / "out-model" / "model.safetensors").is_file()
    status, _, told = sicore(*words, "--overwrite")
    assert status == 0 and "training on" not in told
    first = (tmp_path / "out" / "forecast.csv").read_bytes()
    again = ("--model", tmp_path / "out-model", "--samples", 5, "-o", tmp_path / "again")
    status, _, _ = sicore("forecast", path, "-H", 6, *again)
    assert status == 0 and (tmp_path / "again" / "forecast.csv").read_bytes() == first
    status, _, told = sicore("forecast", path, "-H", 5, *TRAIN, "-o", tmp_path / "out")
    assert status == 1 and "exists" in told


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        ("time,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,4\n", ("-H", 9), "longer than the data"),
        ("time,y\n2024-01-01,1\n", ("-H", 1), "has one row"),
        ("time,y\n1,1\n1,2\n2,3\n", ("-H", 1), "have the same time"),
        ("time,y\n1,a\n2,b\n3,c\n", ("-H", 1), "y"),
        ("time,y\n1,1\n2,2\n5.3,1\n9.1,2\n", ("-H", 1), "add --train"),
        ("time,y\n1,1\n2,2\n3,3\n4,4\n", ("-H", 2, "--train"), "too long to train"),
        ("time,y\n1,1\n2,2\n3,3\n", ("-H", 1, "--column", "z"), "z"),
        ("time,y\n1,1\n2,2\n3,3\n", ("-H", 1, "--training-steps", 3), "add --train"),
        ("time,y\n1,1\n2,2\n3,3\n", ("-H", 1, "--train", "--model", "x"), "leave out --model"),
    ],
)
def test_what_cannot_be_answered_is_told(sicore, tmp_path, content, words, expected):
    path = tmp_path / "data.csv"
    path.write_text(content, encoding="utf-8")
    status, _, told = sicore("forecast", path, *words, "-o", tmp_path / "out")
    assert status == 1 and expected in told
    assert not (tmp_path / "out").exists()


def test_earlier_forecasts_see_only_what_was_known_then(series_model, hourly):
    path, table = hourly
    source = Source(path, None, (), None, False, False)
    known = source.read()
    chosen = Chosen(sicore_package.load(series_model, device="cpu"), "tiny", 1.0)
    drawing = Drawing(season=24, samples=4, steps=None, seed=0)
    tested = back_test(chosen, known, 12, drawing)
    made, truth = tested.shown
    came = table.set_index("time").loc[made.future]
    np.testing.assert_array_equal(truth, came[["a", "b"]].to_numpy())
    assert made.series.index[-1] < made.future[0] and tested.forecasts > 3
    later = known.series[0]
    changed = later.values.copy()
    changed[len(made.series) :] += 7
    again = back_test(chosen, replace(known, series=(replace(later, values=changed),)), 12, drawing)
    np.testing.assert_array_equal(again.shown[0].paths, made.paths)


def test_a_training_leaves_room_to_test_it():
    index = pd.RangeIndex(100)
    table = Table((Series("", index, np.zeros((100, 1))),), ("a",))
    assert held_for(table, 2) == 0.1 and held_for(table, 10) == 0.2 and held_for(table, 90) == 0.3


def test_rows_beyond_the_reach_of_the_model_change_nothing(series_model, hourly):
    path, _ = hourly
    table = Source(path, None, (), None, False, False).read()
    chosen = Chosen(sicore_package.load(series_model, device="cpu"), "tiny", 1.0)
    whole = table.series[0]
    drawing = Drawing(season=4, samples=3, steps=None, seed=0)
    reach = 16 + 7 * 4  # a window, and seven seasons
    made, _ = forecast(chosen, whole, 5, drawing)
    for rows, same in ((reach, True), (reach - 12, False)):
        part = replace(whole, index=whole.index[-rows:], values=whole.values[-rows:])
        again, _ = forecast(chosen, part, 5, drawing)
        assert np.allclose(again.paths, made.paths) == same


def test_a_model_is_only_asked_what_it_has_learned(sicore, hourly, tmp_path):
    path, _ = hourly
    words = ("--like", path, "--length", 8, "--training-steps", 2, "-n", 2, "--no-figures")
    assert sicore("generate", "series", *words, "-o", tmp_path / "new")[0] == 0
    model = ("--model", tmp_path / "new-model", "-o", tmp_path / "out")
    for command in (("forecast", path, "-H", 3), ("impute", path)):
        status, _, told = sicore(*command, *model)
        assert status == 1 and "has learned to generate" in told


def test_a_model_of_equal_steps_is_not_asked_about_others_by_any_name(
    sicore, series_model, tmp_path
):
    path = tmp_path / "visits.csv"
    path.write_text("t,y\n1,1\n2,2\n5.3,1\n9.1,2\n", encoding="utf-8")
    words = ("forecast", path, "-H", 1, "--model", series_model, "-o", tmp_path / "out")
    status, _, told = sicore(*words)
    assert status == 1 and "knows equal steps only" in told


def test_a_series_without_a_value_is_named(sicore, tmp_path):
    rows = [f"{day},north,{day},{day % 3}" for day in range(9)]
    rows += [f"{day},south,{day}," for day in range(9)]
    path = tmp_path / "shops.csv"
    path.write_text("t,shop,sold,price\n" + "\n".join(rows), encoding="utf-8")
    status, _, told = sicore("forecast", path, "--key", "shop", "-H", 2, "-o", tmp_path / "out")
    assert status == 1 and "'price' of series 'south' has no value" in told


def test_a_model_trained_on_the_file_is_tested_on_the_rest_by_any_path(
    sicore, hourly, tmp_path, monkeypatch
):
    path, _ = hourly
    words = ("--samples", 4)
    sicore("forecast", path, "-H", 6, *TRAIN, "-o", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    for named in (path, path.name):
        model = ("--model", "out-model", *words, "-o", tmp_path / "again", "--overwrite")
        sicore("forecast", named, "-H", 6, *model)
        page = (tmp_path / "again" / "index.html").read_text(encoding="utf-8")
        assert "5 forecasts from earlier moments" in page  # of 20 rows that were held out
