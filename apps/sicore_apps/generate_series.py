"""``sicore generate series``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sicore.cli.options import device_option, example, output_option, seed_option
from sicore.errors import InputError
from sicore.files import check_output, output_folder
from sicore_apps.command_line import command_line
from sicore_apps.generators import note
from sicore_apps.series_options import Source, table_options


@click.command(
    epilog=example(
        "sicore generate series --like sensors.csv -n 100 -o series",
        "sicore generate series --like sensors.csv --length 96 -n 1000 -o longer",
        "sicore generate series --model series-model -n 1000 -o more",
    )
)
@click.option(
    "--like",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV or Parquet: train on its windows, then generate such ones.",
)
@click.option("--model", "name", metavar="NAME|FOLDER", help="A trained model, instead of --like.")
@click.option(
    "-n", "--number", type=click.IntRange(1), default=100, show_default=True, help="Windows."
)
@click.option(
    "--length",
    type=click.IntRange(2),
    metavar="ROWS",
    help="Rows of a window; 48 by default. Of --like only.",
)
@table_options
@click.option(
    "--training-steps",
    type=click.IntRange(1),
    help="Steps of the training; the preset's own by default.",
)
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option("--no-figures", is_flag=True, help="Do not measure the likeness: faster.")
@seed_option
@device_option
@output_option
def series(
    file: Path | None,
    name: str | None,
    number: int,
    length: int | None,
    time: str | None,
    columns: tuple[str, ...],
    key: str | None,
    regular: bool,
    average: bool,
    training_steps: int | None,
    no_figures: bool,
    device: str | None,
    folder: Path,
    overwrite: bool,
    **drawing: Any,
) -> None:
    """Generate windows of series like those in a table.

    --like trains a model on FILE first: minutes. It is kept in OUTPUT-model, goes on if it is
    interrupted, and --model uses it again.

    FOLDER gets samples.csv (sample, moment, the columns), a chart beside real windows (PNG and
    SVG), and a page, index.html, with figures of likeness beside their floors.
    """
    if (file is None) == (name is None):
        raise InputError("name one: --like FILE to train on a table, or --model FOLDER")
    for flag, value in (("--length", length), ("--training-steps", training_steps)):
        if value is not None and name is not None:
            raise InputError(f"{flag} is for a model that is trained: leave it out, or --model")
    check_output(folder, overwrite)
    line = command_line(click.get_current_context())
    from sicore_apps.series_models import Wish, chosen_model, window_for

    wish = Wish(name, file is not None, training_steps, device, folder, overwrite)
    source = Source(file or Path(), time, columns, key, regular, average)
    settings = []
    if file is not None:
        table = source.read()
        note(table.notes)
        settings = [f"data.window={window_for(table, length)}"]
    chosen = chosen_model(wish, "timeseries/generate", source, settings)
    from sicore_apps.generated_series import generated

    made = generated(chosen, number, figures=not no_figures, **drawing)
    manifest = {"command": line, "model": chosen.name, "n": number, "nfe": made.nfe, **drawing}
    with output_folder(folder, overwrite, manifest) as staging:
        made.write(staging, command=line, model=chosen.name)
    click.echo(f"{number} windows, {made.nfe} network calls each: {folder / 'index.html'}")
