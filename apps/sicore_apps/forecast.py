"""``sicore forecast``."""

from __future__ import annotations

from pathlib import Path

import click

from sicore.cli.options import example
from sicore.errors import InputError
from sicore.files import check_output, output_folder
from sicore_apps.command_line import command_line
from sicore_apps.generators import note
from sicore_apps.series_options import Source, answer_options, model_options, table_options


@click.command(
    epilog=example(
        "sicore forecast sales.csv --horizon 24 -o out",
        "sicore forecast sensors.parquet --horizon 48 --column load --column wind -o out",
        "sicore forecast shops.csv --key shop --horizon 14 -o out",
        "sicore forecast sales.csv --horizon 24 --train -o out",
        "sicore forecast sales.csv --horizon 24 --model out-model -o again",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-H", "--horizon", type=click.IntRange(1), required=True, metavar="ROWS", help="How far ahead."
)
@table_options
@model_options
@answer_options
def command(
    file: Path,
    horizon: int,
    time: str | None,
    columns: tuple[str, ...],
    key: str | None,
    regular: bool,
    average: bool,
    train: bool,
    name: str | None,
    training_steps: int | None,
    samples: int,
    season: int | None,
    steps: int | None,
    paths: bool,
    seed: int,
    device: str | None,
    folder: Path,
    overwrite: bool,
) -> None:
    """Forecast the series in FILE (CSV or Parquet) as paths and quantiles.

    By default a model that was trained on made-up series answers in seconds, one column at a time.
    --train trains one on FILE, which sees all columns at once; it is kept in OUTPUT-model, goes on
    if it is interrupted, and --model uses it again.

    FOLDER gets forecast.csv (mean and quantiles of each column and moment), a chart (PNG and SVG),
    and a page, index.html, that also tells how good earlier forecasts would have been, beside
    simple methods.
    """
    check_output(folder, overwrite)
    line = command_line(click.get_current_context())
    from sicore_apps.series_models import (
        Wish,
        check_answers,
        chosen_model,
        held_for,
        history_for,
        season_of,
    )

    wish = Wish(name, train, training_steps, device, folder, overwrite)
    wish.check()
    source = Source(file, time, columns, key, regular, average)
    table = source.read()
    note(table.notes)
    rows = max(len(series) for series in table.series)
    if horizon > rows:
        raise InputError(
            f"--horizon {horizon} is longer than the data: {file} has {rows} rows; choose at most "
            f"{rows}"
        )
    from sicore.progress import progress_bar
    from sicore_apps.answering import Drawing
    from sicore_apps.forecast_page import chart_of, forecast_page
    from sicore_apps.forecasting import back_test, forecast, quantiles
    from sicore_apps.path_tables import paths_table

    length = season_of(table, season)
    window = []
    if train:
        history = history_for(table, horizon, length)
        window = [f"data.window={history + horizon}", f"data.lags={min(length, history - 1)}"]
    chosen = chosen_model(
        wish, "timeseries/forecast", source, [f"data.horizon={horizon}", *window],
        held_for(table, horizon),
    )  # fmt: skip
    check_answers(chosen, table, ("forecast", "impute"))
    drawing = Drawing(length, samples, steps, seed)
    made, told = [], []
    with progress_bar("forecasting", len(table.series)) as bar:
        for series in table.series:
            one, notes = forecast(chosen, series, horizon, drawing)
            made.append(one)
            told += [line for line in notes if line not in told]
            bar.advance()
    note(told)
    tested = back_test(chosen, table, horizon, drawing)
    table_of = quantiles(made, table.columns)
    chart = chart_of(made, table.columns)
    page = forecast_page(made, tested, table, chosen.name, horizon, drawing, command=line)
    manifest = {
        "command": line,
        "model": chosen.name,
        "horizon": horizon,
        "season": length,
        "samples": samples,
        "seed": seed,
    }
    with output_folder(folder, overwrite, manifest) as staging:
        table_of.to_csv(staging / "forecast.csv", index=False, float_format="%.7g")
        if paths:
            drawn = ((one.series.name, one.future, one.paths) for one in made)
            frame = paths_table(drawn, table.columns)
            frame.to_csv(staging / "paths.csv", index=False, float_format="%.7g")
        (staging / "forecast.png").write_bytes(chart.png())
        (staging / "forecast.svg").write_text(chart.svg(), encoding="utf-8")
        page.write(staging / "index.html")
    click.echo(
        f"{len(made)} series, {len(table.columns)} columns, {horizon} rows ahead: "
        f"{folder / 'index.html'}"
    )
