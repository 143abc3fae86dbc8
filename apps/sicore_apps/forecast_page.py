"""What a page shows of forecasts: fans, and how good earlier ones would have been."""

from __future__ import annotations

import numpy as np

from sicore.report import Figure, Page, Section, Table
from sicore_apps.answering import Drawing
from sicore_apps.forecasting import BackTest, Forecast
from sicore_timeseries.data.table import Table as SeriesTable
from sicore_timeseries.rendering.chart import Chart, stacked
from sicore_timeseries.rendering.forecasts import fan_chart

PANELS = 8
PAST = 4  # horizons of the past that are drawn, at least two seasons


def chart_of(
    made: list[Forecast], columns: tuple[str, ...], season: int = 1, truth: np.ndarray | None = None
) -> Chart:
    """Fans of the first 8 columns or series."""
    charts: list[Chart] = []
    for one in made:
        past = min(len(one.series), max(PAST * len(one.future), 2 * season))
        for number, column in enumerate(columns):
            if len(charts) == PANELS:
                break
            charts.append(
                fan_chart(
                    one.series.index[-past:],
                    one.series.values[-past:, number],
                    one.future,
                    one.paths[..., number],
                    None if truth is None else truth[:, number],
                    title=" ".join(part for part in (one.series.name, column) if part),
                )
            )
    return stacked(charts, height=150.0 if len(charts) > 1 else 240.0)


def forecast_page(
    made: list[Forecast],
    tested: BackTest | None,
    table: SeriesTable,
    model: str,
    horizon: int,
    drawing: Drawing,
    *,
    command: str,
) -> Page:
    """The page.

    Args:
        made: the forecasts.
        tested: earlier ones, if there was room.
        table: what was known.
        model: its name.
        horizon: in rows.
        drawing: of the forecasts.
        command: the command line.
    """
    count = len(made) * len(table.columns)
    some = f" The first {PANELS} of {count} are shown." if count > PANELS else ""
    text = (
        f"{drawing.samples} paths; bands hold 50, 80 and 95 % of them.{some} The numbers are in "
        "forecast.csv."
    )
    picture = chart_of(made, table.columns, drawing.season).png()
    sections = [
        Section(
            "Forecast",
            text,
            command,
            [Figure(picture, "what was known, the median, and the bands", smooth=True)],
        )
    ]
    sections.append(_tested(tested, table.columns, drawing.season))
    lead = (
        f"{horizon} rows ahead by {model}; a season has {drawing.season} rows."
        if drawing.season > 1
        else f"{horizon} rows ahead by {model}; no season was found."
    )
    if table.notes:
        sections.append(Section("What was noticed in the file", "\n\n".join(table.notes)))
    return Page("Forecast", lead, sections)


def times(ours: np.ndarray, others: np.ndarray) -> str:
    """How large errors are beside others: the mean ratio over columns, in words, or nothing."""
    ratios = ours[others > 0] / others[others > 0]
    return f"; on average, its error is {ratios.mean():.2f} times as large" if len(ratios) else ""


def _tested(tested: BackTest | None, columns: tuple[str, ...], season: int) -> Section:
    title = "How good earlier forecasts would have been"
    if tested is None:
        return Section(title, "The series are too short to tell.")
    shown = columns[:PANELS]
    rows = [
        [score.method, *[f"{value:.4g}" for value in score.crps[: len(shown)]],
         f"{score.coverage:.0%}"]
        for score in tested.scores
    ]  # fmt: skip
    ours, others = tested.scores[0], tested.scores[1:]
    best = np.nanmin([other.crps for other in others], axis=0)
    better = int((ours.crps <= best).sum())
    text = (
        f"{tested.forecasts} forecasts from earlier moments of data that the model was not "
        "trained on, beside what came. The CRPS is the error of a whole distribution, in the units "
        "of the data: the mean distance of paths from the truth, less half their distance from "
        "each other; lower is better. The last column is the share of values inside the bands of "
        "80 %.\n\n"
        f"This forecast is at or below the best simple method in {better} of {len(columns)} columns"
        f"{times(ours.crps, best)}."
    )
    one, truth = tested.shown
    figure = Figure(
        chart_of([one], columns, season, truth).png(),
        "the last of them, and what came",
        smooth=True,
    )
    header = ("CRPS", *shown, "inside 80 %")
    return Section(title, text, "", [figure], [Table(header, rows)])
