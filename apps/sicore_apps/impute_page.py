"""What a page shows of filled gaps, and of known values that were hidden to test it."""

from __future__ import annotations

import numpy as np

from sicore.report import Figure, Page, Section, Table
from sicore_apps.answering import Drawing
from sicore_apps.forecast_page import times
from sicore_apps.imputing import Filled, Trial
from sicore_timeseries.data.table import Table as SeriesTable
from sicore_timeseries.rendering.chart import Chart, stacked
from sicore_timeseries.rendering.forecasts import imputation_chart

PANELS = 8
ROWS = 240  # that a panel shows, around its longest gap


def chart_of(made: list[Filled], columns: tuple[str, ...]) -> Chart:
    """The longest gaps of the first 8 columns or series that have some."""
    charts: list[Chart] = []
    for one in made:
        for number, column in enumerate(columns):
            gap = one.hidden[:, number]
            if len(charts) < PANELS and gap.any():
                part = _around(gap)
                charts.append(
                    imputation_chart(
                        one.series.index[part],
                        one.series.values[part, number],
                        one.paths[:, part, number],
                        title=" ".join(word for word in (one.series.name, column) if word),
                    )
                )
    return stacked(charts, height=150.0 if len(charts) > 1 else 240.0)


def _around(gap: np.ndarray) -> slice:
    """So many rows around the middle of the longest gap."""
    edges = np.flatnonzero(np.diff(np.r_[False, gap, False].astype(int))).reshape(-1, 2)
    first, last = edges[(edges[:, 1] - edges[:, 0]).argmax()]
    half = max(ROWS, 2 * (last - first)) // 2
    start = max(0, min((first + last) // 2 - half, len(gap) - 2 * half))
    return slice(int(start), int(start + 2 * half))


def impute_page(
    made: list[Filled],
    tested: Trial | None,
    table: SeriesTable,
    model: str,
    drawing: Drawing,
    *,
    command: str,
) -> Page:
    """The page.

    Args:
        made: the series.
        tested: the test with known values, if there was room.
        table: what was known.
        model: its name.
        drawing: of the paths.
        command: the command line.
    """
    count = sum(int(one.hidden.sum()) for one in made)
    text = (
        f"{count} values were filled by {drawing.samples} paths; bands hold 50, 80 and 95 % of "
        f"them. filled.csv is the table with medians in its gaps, imputed.csv has the quantiles. "
        f"Shown is the longest gap of each column, at most {PANELS}."
    )
    picture = Figure(
        chart_of(made, table.columns).png(), "known values, the median, and the bands", smooth=True
    )
    sections = [Section("Gaps", text, command, [picture]), _tested(tested, table.columns)]
    if table.notes:
        sections.append(Section("What was noticed in the file", "\n\n".join(table.notes)))
    return Page("Filled gaps", f"By {model}; a season has {drawing.season} rows.", sections)


def _tested(tested: Trial | None, columns: tuple[str, ...]) -> Section:
    title = "How well known values are found again"
    if tested is None:
        return Section(title, "There are too few known values to tell.")
    shown = columns[:PANELS]
    rows = [
        [score.method, *[f"{value:.4g}" for value in score.crps[: len(shown)]]]
        for score in tested.scores
    ]
    ours, line = (score.crps for score in tested.scores)
    text = (
        f"{tested.count} known values were hidden, in gaps as long as the real ones, and filled. "
        "The CRPS is the error of a whole distribution, in the units of the data; lower is better. "
        f"Beside linear interpolation, this model is at or below in {int((ours <= line).sum())} of "
        f"{len(columns)} columns{times(ours, line)}."
    )
    return Section(title, text, "", (), [Table(("CRPS", *shown), rows)])
