"""Charts: what is drawn, where, and in both formats alike."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sicore.errors import InputError
from sicore_timeseries.rendering.axes import date_axis, moments, number_axis
from sicore_timeseries.rendering.chart import Chart, stacked
from sicore_timeseries.rendering.forecasts import fan_chart, imputation_chart
from sicore_timeseries.rendering.layout import Box, layout
from sicore_timeseries.rendering.marks import BANDS, RED, Band, Dots, Line, Panel
from sicore_timeseries.rendering.samples import paths_chart, pit_chart
from sicore_timeseries.rendering.shapes import Circle, Polygon, Polyline, Text, text_width

SVG = "{http://www.w3.org/2000/svg}"


def labels(axis):
    return [label for _, label in axis.ticks]


def ensemble(samples=101, horizon=6, seed=0):
    return np.random.default_rng(seed).normal(size=(samples, horizon))


def shapes_of(chart: Chart):
    return layout(chart.panels, chart.columns, (chart.width, chart.height), chart.title)[0]


# ------------------------------------------------------------------ axes


@pytest.mark.parametrize(
    "low,high", [(0, 1), (-3.7, 12), (1e-9, 4e-9), (1.1e9, 1.3e9), (-5, -4.99)]
)
def test_ticks_are_round_and_say_where_they_are(low, high):
    axis = number_axis(low, high, 5)
    places = [place for place, _ in axis.ticks]
    assert 2 <= len(places) <= 6
    assert low - 1e-9 * abs(low) <= min(places) and max(places) <= high + 1e-9 * abs(high)
    written = [float(label) * float(axis.factor or 1) for label in labels(axis)]
    assert np.allclose(written, places, rtol=1e-9, atol=1e-12 * (high - low))
    step = places[1] - places[0]
    assert round(step / 10 ** np.floor(np.log10(step) + 1e-9), 6) in (1, 2, 5)


def test_numbers_that_differ_late_are_written_in_full():
    axis = number_axis(1e6, 1e6 + 0.02, 4)
    assert axis.factor == "" and len(set(labels(axis))) == len(axis.ticks) > 1


@pytest.mark.parametrize("value", [0.0, 1.2e9, -3e-12, 5.0])
def test_a_constant_lies_inside_its_axis(value):
    axis = number_axis(value, value, 4)
    assert axis.low < value < axis.high and len(set(labels(axis))) == len(axis.ticks) > 1


@pytest.mark.parametrize(
    "start,stop,first",
    [
        ("2024-01-29 05:00", "2024-02-02 04:00", "30 Jan\n2024"),
        ("2024-01-29 05:03", "2024-01-29 05:33", "05:10\n29 Jan 2024"),
        ("1990-01-15", "1990-12-31", "Apr\n1990"),
        ("1987-03-01", "2024-03-01", "1990"),
        ("2024-01-02 00:00:01", "2024-01-02 00:00:09", "00:00:02\n2 Jan 2024"),
    ],
)
def test_dates_are_at_whole_units(start, stop, first):
    low, high = (pd.Timestamp(t).timestamp() for t in (start, stop))
    axis = date_axis(low, high, 5)
    assert labels(axis)[0] == first
    assert all(low <= place <= high for place, _ in axis.ticks)
    assert 2 <= len(axis.ticks) <= 8


def test_the_second_line_of_a_date_stands_where_it_changes():
    low, high = (pd.Timestamp(t).timestamp() for t in ("2023-12-28", "2024-01-03"))
    below = [label.split("\n")[1:] for label in labels(date_axis(low, high, 8))]
    assert [rest[0] for rest in below if rest] == ["2023", "2024"]


def test_dates_of_a_zone_are_shown_at_its_clock():
    index = pd.date_range("2024-01-01 12:00", periods=3, freq="h", tz="Asia/Tokyo")
    numbers, dates = moments(index)
    assert dates and pd.Timestamp(numbers[0], unit="s").hour == 12


# ------------------------------------------------------------------ fans


def test_a_band_holds_its_share_of_the_ensemble():
    values = np.linspace(0, 100, 1001)[:, None].repeat(4, 1)
    chart = fan_chart([0.0], [50.0], [1.0, 2.0, 3.0, 4.0], values)
    bands = {mark.label: mark for mark in chart.panels[0].marks if type(mark) is Band}
    for level in (50, 80, 95):
        band = bands[f"{level} %"]
        assert np.allclose(band.high[1:] - band.low[1:], level)
        assert np.allclose((band.high + band.low)[1:] / 2, 50)


def test_the_fan_opens_at_the_last_known_value():
    paths = ensemble()
    known, unknown = np.array([1.0, 2.0]), np.array([1.0, np.nan])
    for history, length in ((known, 7), (unknown, 6)):
        marks = fan_chart([0, 1], history, range(2, 8), paths, paths[0]).panels[0].marks
        by = {mark.label: mark for mark in marks}
        assert len(by["median"].x) == len(by["truth"].x) == len(by["95 %"].x) == length
        assert np.allclose(by["median"].y[-6:], np.median(paths, 0))
        assert np.allclose(by["truth"].y[-6:], paths[0])
    opened = {m.label: m for m in fan_chart([0, 1], known, range(2, 8), paths).panels[0].marks}
    assert opened["95 %"].low[0] == opened["95 %"].high[0] == 2.0


def test_points_are_drawn_where_the_axes_say():
    chart = fan_chart([0.0, 1.0, 4.0], [3.0, 7.0, 5.0], [6.0, 9.0], ensemble(9, 2), title="x")
    shapes = shapes_of(chart)
    line = next(s for s in shapes if type(s) is Polyline and len(s.points) == 3)
    x, y = np.array(line.points).T
    across, down = (y[1] - y[0]) / 4.0, (x[1] - x[0])  # pixels of a value, of a moment
    assert np.isclose((y[2] - y[0]) / 2.0, across) and across < 0
    assert np.isclose(x[2] - x[0], 4 * down) and down > 0
    beside = [s for s in shapes if type(s) is Text and s.anchor == "end"]
    below = [s for s in shapes if type(s) is Text and s.anchor == "middle"]
    assert len(beside) > 2 and len(below) > 2
    for text in beside:  # the baseline lies a third of a letter below the middle
        assert abs(y[0] + across * (float(text.words) - 3.0) - text.place[1]) < 5
    for text in below:
        assert abs(x[0] + down * float(text.words) - text.place[0]) < 0.1


def test_uneven_moments_stay_uneven():
    box = Box(0, 0, 100, 50, number_axis(0, 10, 3), number_axis(0, 1, 3))
    assert np.allclose(box.across(np.array([0, 1, 10])), [0, 10, 100])
    assert np.allclose(box.down(np.array([0, 1])), [50, 0])


def test_a_gap_interrupts_the_line_and_a_lone_point_is_a_dot():
    history = np.array([1.0, 2.0, np.nan, 3.0, np.nan, 4.0, 5.0])
    shapes = shapes_of(Chart((Panel((Line(np.arange(7.0), history, RED),)),)))
    lines = [s for s in shapes if type(s) is Polyline and s.colour == RED]
    dots = [s for s in shapes if type(s) is Circle and s.colour == RED]
    assert [len(line.points) for line in lines] == [2, 2] and len(dots) == 1


def test_a_forecast_of_one_step_after_a_gap_is_seen():
    chart = fan_chart([0, 1], [1.0, np.nan], [2], ensemble(50, 1))
    areas = [s for s in shapes_of(chart) if type(s) is Polygon and len(s.points) == 4]
    widest = [s for s in areas if s.colour == BANDS[0]][-1]
    assert np.ptp([x for x, _ in widest.points]) > 2 and np.ptp([y for _, y in widest.points]) > 2


def test_a_long_history_keeps_its_extremes():
    history = np.random.default_rng(0).normal(size=100_000)
    history[54_321] = 50.0
    chart = Chart((Panel((Line(np.arange(100_000.0), history, RED),)),))
    (line,) = (s for s in shapes_of(chart) if type(s) is Polyline and s.colour == RED)
    assert len(line.points) < 4 * chart.width + 4
    top = min(y for _, y in line.points)
    assert abs(top - sorted(y for _, y in line.points)[1]) > 100  # the one outlier, far above


@pytest.mark.parametrize(
    "times,history,future,paths,message",
    [
        ([0, 1], [1.0], [2], np.zeros((3, 1)), "history has shape"),
        ([0], [1.0], [2, 3], np.zeros((3, 1)), r"expected \(samples, 2\)"),
        ([0], [1.0], [2], np.full((3, 1), np.inf), "not finite"),
        ([0], [1.0], [], np.zeros((3, 0)), "expected"),
    ],
)
def test_what_does_not_fit_is_named(times, history, future, paths, message):
    with pytest.raises(InputError, match=message):
        fan_chart(times, history, future, paths)


# ------------------------------------------------------------------ gaps


def test_bands_of_gaps_meet_the_known_values():
    known = np.array([1.0, 2.0, np.nan, np.nan, 5.0, 6.0, 7.0])
    paths = np.where(np.isnan(known), ensemble(200, 7), known)
    by = {m.label: m for m in imputation_chart(np.arange(7), known, paths).panels[0].marks}
    band = by["95 %"]
    assert np.isfinite(band.low).tolist() == [False, True, True, True, True, False, False]
    assert band.low[1] == band.high[1] == 2.0 and band.low[4] == band.high[4] == 5.0
    assert np.allclose(band.high[2], np.quantile(paths[:, 2], 0.975))
    circles = [s for s in shapes_of(imputation_chart(np.arange(7), known, paths))]
    assert sum(type(s) is Circle for s in circles) == 5 + 1  # and one in the legend


def test_the_truth_is_drawn_only_in_gaps():
    known = np.array([1.0, np.nan, 3.0])
    chart = imputation_chart([0, 1, 2], known, np.ones((4, 3)), np.array([1.0, 2.0, 3.0]))
    truth = next(m for m in chart.panels[0].marks if m.label == "truth")
    assert type(truth) is Dots and truth.x.tolist() == [1] and truth.y.tolist() == [2]


# ------------------------------------------------------------------ PIT and paths


def test_the_pit_histogram_has_area_one():
    values = np.random.default_rng(0).uniform(size=500) ** 2
    chart = pit_chart(values, 10)
    bars = next(m for m in chart.panels[0].marks if type(m) is Band)
    assert np.isclose(np.trapezoid(bars.high, bars.x), 1)
    assert bars.high[0] == 10 * (values < 0.1).mean()


def test_uniform_bins_lie_between_the_lines():
    inside = []
    for seed in range(100):
        marks = pit_chart(np.random.default_rng(seed).uniform(size=400), 10).panels[0].marks
        low, high = (m.y[0] for m in marks if type(m) is Line and m.dashed)
        heights = next(m for m in marks if type(m) is Band).high[::2]
        inside.append(((low <= heights) & (heights <= high)).mean())
    assert 0.94 < np.mean(inside) < 0.98  # 1000 bins: 0.95 and a discrete law's rest, ± 0.007


def test_pit_values_outside_are_refused():
    with pytest.raises(InputError, match="PIT"):
        pit_chart(np.array([0.5, np.nan]))


def test_real_windows_lie_beside_generated_ones():
    fake, real = np.zeros((9, 5, 2)), np.ones((3, 5, 2))
    chart = paths_chart(fake, real, names=("a", "b"), rows=3)
    values = [panel.marks[0].y[0] for panel in chart.panels]
    assert len(values) == 12 and chart.columns == 4
    assert values[:8] == [0, 0, 1, 1, 0, 0, 1, pytest.approx(np.nan, nan_ok=True)]
    assert [p.title for p in chart.panels if p.title] == ["generated", "real"]
    assert len({panel.y_range for panel in chart.panels}) == 1


# ------------------------------------------------------------------ writers


def test_both_formats_show_the_same():
    index = pd.date_range("2024-01-01", periods=30, freq="D")
    chart = fan_chart(index[:24], np.arange(24.0), index[24:], ensemble() + 24, title="load")
    root = ET.fromstring(chart.svg())
    picture = Image.open(io.BytesIO(chart.png(scale=1)))
    assert picture.size == (int(root.get("width")), int(root.get("height")))
    band = root.findall(f"{SVG}polygon[@fill='{BANDS[2]}']")[-1]
    points = np.array([[float(v) for v in p.split(",")] for p in band.get("points").split()])
    # inside the innermost band at the last step but one, above or below the median's line
    x = points[5, 0]
    high, low = points[5, 1], points[-6, 1]
    column = [picture.getpixel((round(x), y)) for y in range(round(high) + 1, round(low))]
    assert tuple(int(BANDS[2][k : k + 2], 16) for k in (1, 3, 5)) in column


def test_names_are_escaped_and_shortened():
    name = "<b>&\x00" + "long " * 60
    chart = stacked([fan_chart([0], [1.0], [1], np.ones((3, 1)), title=name)], title=name)
    root = ET.fromstring(chart.svg())
    shown = [e.text for e in root.findall(f"{SVG}text") if e.text.startswith("<b>&")]
    assert len(shown) == 2 and all(t.endswith("...") and len(t) < 150 for t in shown)


def test_panels_do_not_overlap_and_share_one_legend():
    chart = stacked(
        [fan_chart([0], [1.0], range(1, 7), ensemble(), title=f"p{i}") for i in range(3)]
    )
    texts = [s for s in shapes_of(chart) if type(s) is Text]
    tops = [t.place[1] for t in texts if t.words in ("p0", "p1", "p2")]
    assert np.all(np.diff(tops) > chart.height)
    assert sum(t.words == "median" for t in texts) == 1


def test_all_text_lies_inside_the_picture():
    chart = fan_chart([0, 200_000], [1e-3, 2e-3], [200_100], np.full((3, 1), 1e-3), title="t")
    shapes, (width, height) = layout(chart.panels, 1, (chart.width, chart.height))
    shares = {"start": 0.0, "middle": 0.5, "end": 1.0}
    for text in (s for s in shapes if type(s) is Text):
        wide = text_width(text.words, text.size)
        left = text.place[0] - shares[text.anchor] * wide
        assert left >= 0 and left + wide <= width and 0 <= text.place[1] <= height
