"""``sicore impute``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sicore.cli.options import example
from sicore.errors import InputError
from sicore.files import check_output, output_folder
from sicore_apps.command_line import command_line
from sicore_apps.generators import note
from sicore_apps.series_options import Source, answer_options, model_options, table_options

WINDOW = 48


@click.command(
    epilog=example(
        "sicore impute sensors.csv -o filled",
        "sicore impute sensors.csv --train -o filled",
        "sicore impute visits.csv --train --every 1h -o hourly",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--every",
    metavar="STEP",
    help="Also give values at regular moments, so far apart: 1h, 15min, 1D, or a number.",
)
@table_options
@model_options
@answer_options
def command(
    file: Path,
    every: str | None,
    time: str | None,
    columns: tuple[str, ...],
    key: str | None,
    regular: bool,
    average: bool,
    train: bool,
    name: str | None,
    training_steps: int | None,
    season: int | None,
    paths: bool,
    device: str | None,
    folder: Path,
    overwrite: bool,
    **drawing: Any,
) -> None:
    """Fill the gaps of the series in FILE (CSV or Parquet) with posterior samples.

    By default a model that was trained on made-up series answers in seconds, one column at a time.
    --train trains one on FILE, which sees all columns at once, and irregular moments; it is kept in
    OUTPUT-model, goes on if it is interrupted, and --model uses it again.

    FOLDER gets filled.csv (the table, its gaps filled with medians), imputed.csv (mean and
    quantiles of each value that was missing), a chart (PNG and SVG), and a page, index.html, that
    also tells how well known values are found again.
    """
    check_output(folder, overwrite)
    line = command_line(click.get_current_context())
    from sicore_apps.series_models import Wish, check_answers, chosen_model, season_of

    wish = Wish(name, train, training_steps, device, folder, overwrite)
    wish.check()
    source = Source(file, time, columns, key, regular, average)
    table = source.read()
    note(table.notes)
    from sicore.progress import progress_bar
    from sicore_apps import imputing
    from sicore_apps.answering import Drawing
    from sicore_apps.impute_page import chart_of, impute_page
    from sicore_apps.path_tables import paths_table

    asked = table.series
    if every is not None:
        asked = tuple(imputing.with_regular_rows(series, every) for series in asked)
    _check_gaps(asked, file)
    rows = max(len(series) for series in table.series)
    settings = []
    if train:
        settings = [f"data.window={max(4, min(WINDOW, rows // 4))}"]
    if train and not all(series.clock.regular for series in table.series):
        settings.append("network={name: timeseries/transformer}")
    chosen = chosen_model(wish, "timeseries/impute", source, settings)
    check_answers(chosen, table, ("impute", "gaps"))
    how = Drawing(season_of(table, season), **drawing)
    windows = sum(imputing.gaps(chosen, series).windows for series in asked)
    with progress_bar("filling", windows) as bar:
        made = [imputing.filled(chosen, series, how, bar.advance) for series in asked]
    tested = imputing.trial(chosen, replace(table, series=asked), how)
    page = impute_page(made, tested, table, chosen.name, how, command=line)
    chart = chart_of(made, table.columns)
    whole = imputing.filled_table(made, table)
    manifest = {"command": line, "model": chosen.name, **how.__dict__}
    with output_folder(folder, overwrite, manifest) as staging:
        whole.to_csv(staging / "filled.csv", index=False)
        if every is not None:
            imputing.regular_part(made, table, every).to_csv(staging / "regular.csv", index=False)
        quantiles = imputing.quantiles(made, table.columns)
        quantiles.to_csv(staging / "imputed.csv", index=False, float_format="%.7g")
        if paths:
            drawn = ((one.series.name, one.series.index, one.paths) for one in made)
            frame = paths_table(drawn, table.columns)
            frame.to_csv(staging / "paths.csv", index=False, float_format="%.7g")
        (staging / "imputed.png").write_bytes(chart.png())
        (staging / "imputed.svg").write_text(chart.svg(), encoding="utf-8")
        page.write(staging / "index.html")
    click.echo(f"{len(quantiles)} values filled: {folder / 'index.html'}")


def _check_gaps(series: Any, file: Path) -> None:
    """Refuse a table in which nothing is missing."""
    import numpy as np

    if not any(np.isnan(one.values).any() for one in series):
        raise InputError(f"{file}: no value is missing; for more moments, add --every STEP")
