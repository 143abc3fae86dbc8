"""``sicore generate series``: windows like those of a table."""

import pandas as pd


def test_windows_like_those_of_a_file(sicore, hourly, tmp_path):
    path, _ = hourly
    out = tmp_path / "out"
    words = ("--length", 8, "--training-steps", 2, "-n", 60, "--steps", 2, "-o", out)
    status, told, _ = sicore("generate", "series", "--like", path, *words)
    assert status == 0 and "60 windows" in told
    made = pd.read_csv(out / "samples.csv")
    assert list(made) == ["sample", "moment", "a", "b"] and len(made) == 60 * 8
    assert made["b"].mean() > 50  # in the units of the table
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "memorisation" in page and (out / "samples.png").is_file()
    again = ("--model", tmp_path / "out-model", "-n", 3, "--steps", 2, "-o", tmp_path / "more")
    status, _, _ = sicore("generate", "series", *again)
    assert status == 0
    more = pd.read_csv(tmp_path / "more" / "samples.csv")
    pd.testing.assert_frame_equal(more, made[: 3 * 8], check_exact=False, rtol=1e-4)


def test_what_cannot_be_generated_is_told(sicore, series_model, hourly, tmp_path):
    path, _ = hourly
    for words, expected in (
        ((), "name one"),
        (("--like", path, "--model", series_model), "name one"),
        (("--like", path, "--length", 150), "choose at most 100"),
        (("--model", series_model), "has not learned to generate"),
        (("--model", series_model, "--length", 9), "--length is for a model that is trained"),
    ):
        status, _, told = sicore("generate", "series", *words, "-o", tmp_path / "out")
        assert status == 1 and expected in told
        assert not (tmp_path / "out").exists()


def test_missing_values_and_what_was_noticed(sicore, hourly, tmp_path, recwarn):
    path, _ = hourly
    table = pd.read_csv(path)
    table.loc[3::5, "a"] = None
    table["still"] = 7.0
    table.to_csv(tmp_path / "gaps.csv", index=False)
    words = ("--length", 8, "--training-steps", 2, "-n", 60, "--steps", 2, "-o", tmp_path / "out")
    status, _, told = sicore("generate", "series", "--like", tmp_path / "gaps.csv", *words)
    assert status == 0 and told.count("column 'still' never changes") == 1
    assert not [w for w in recwarn if "still" in str(w.message)]
    made = pd.read_csv(tmp_path / "out" / "samples.csv")
    assert bool(made.notna().all().all()) and set(made["still"]) == {7.0}
