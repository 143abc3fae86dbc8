"""``sicore impute``: known values stay, gaps are filled, irregular moments, what is refused."""

import numpy as np
import pandas as pd

from sicore_apps.answering import column_crps


def test_known_values_stay_and_gaps_are_filled(sicore, series_model, hourly, tmp_path):
    path, table = hourly
    out = tmp_path / "out"
    words = ("impute", path, "--model", series_model, "--samples", 9, "--paths", "-o", out)
    status, told, _ = sicore(*words)
    assert status == 0 and "4 values filled" in told
    whole = pd.read_csv(out / "filled.csv", parse_dates=["time"])
    known = table["b"].notna()
    pd.testing.assert_frame_equal(whole[known], table[known], check_exact=True)
    assert whole["b"].notna().all() and list(whole) == ["time", "a", "b"]
    made = pd.read_csv(out / "imputed.csv", parse_dates=["time"])
    assert list(made["time"]) == list(table["time"][90:94]) and set(made["column"]) == {"b"}
    np.testing.assert_allclose(made["q50"], whole["b"][90:94], rtol=1e-6)
    paths = pd.read_csv(out / "paths.csv")
    assert len(paths) == 9 * 200 and paths.groupby("time")["a"].nunique().max() == 1
    assert "linear interpolation" in (out / "index.html").read_text(encoding="utf-8")


def test_rows_that_are_missing_are_added(sicore, series_model, hourly, tmp_path):
    _, table = hourly
    path = tmp_path / "less.csv"
    table[["time", "a"]].drop(index=[50, 51]).to_csv(path, index=False)
    out = tmp_path / "out"
    status, _, told = sicore("impute", path, "--model", series_model, "--samples", 4, "-o", out)
    assert status == 0 and "2 missing rows were added" in told
    whole = pd.read_csv(out / "filled.csv", parse_dates=["time"])
    assert list(whole["time"]) == list(table["time"]) and whole["a"].notna().all()


def test_regular_moments_of_an_irregular_series(sicore, tmp_path):
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 100, 120)).round(3)
    path = tmp_path / "visits.csv"
    pd.DataFrame({"t": times, "y": np.sin(times)}).to_csv(path, index=False)
    words = ("impute", path, "--every", 5, "--samples", 3, "-o", tmp_path / "out")
    status, _, told = sicore(*words)
    assert status == 1 and "irregular" in told and "--train" in told
    status, _, told = sicore(*words, "--train", "--training-steps", 2)
    assert status == 0, told
    regular = pd.read_csv(tmp_path / "out" / "regular.csv")
    assert list(regular["t"]) == list(np.arange(5.0, times[-1], 5)) and regular["y"].notna().all()
    whole = pd.read_csv(tmp_path / "out" / "filled.csv")
    kept = whole[whole["t"].isin(times)]
    np.testing.assert_array_equal(kept["y"], np.sin(times))


def test_what_cannot_be_filled_is_told(sicore, series_model, hourly, tmp_path):
    _, table = hourly
    path = tmp_path / "whole.csv"
    table[["time", "a"]].to_csv(path, index=False)
    words = ("--model", series_model, "-o", tmp_path / "out")
    status, _, told = sicore("impute", path, *words)
    assert status == 1 and "no value is missing" in told and "--every" in told
    status, _, told = sicore("impute", path, "--every", "often", *words)
    assert status == 1 and "a step such as 1h" in told
    status, _, told = sicore("impute", path, "--every", "1s", *words)
    assert status == 1 and "choose a longer step" in told
    assert not (tmp_path / "out").exists()


def test_the_error_of_a_column_without_a_truth_is_not_known():
    paths, truth = np.zeros((3, 5, 2)), np.stack((np.ones(5), np.full(5, np.nan)), 1)
    one, other = column_crps(paths, truth)
    assert one == 1 and np.isnan(other)
