"""Options of the commands on tables of series. Light to import: no torch, no pandas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from sicore.cli.options import device_option, output_option, seed_option
from sicore.errors import InputError

if TYPE_CHECKING:
    from sicore_timeseries.data.table import Table

F = TypeVar("F", bound=Callable[..., Any])


class Source(NamedTuple):
    """A user's file and how to read it; the fields are options of `read_table`."""

    file: Path
    time: str | None
    columns: tuple[str, ...]
    key: str | None
    regular: bool
    average: bool

    def read(self) -> Table:
        """The table, with a row for every moment that a regular series lacks.

        Raises:
            InputError: as `read_table` does, or when a column of a series has no value.
        """
        from sicore_timeseries.data.table import read_table

        options = self._asdict()
        table = read_table(options.pop("file"), **options).on_grid()
        for series in table.series:
            known = (series.values == series.values).any(0).tolist()
            if not all(known):
                raise InputError(
                    f"{self.file}: column '{table.columns[known.index(False)]}' of series "
                    f"'{series.name}' has no value; choose other columns with --column, or leave "
                    "the series out"
                )
        return table

    def overrides(self) -> list[str]:
        """The same as settings of the data set ``timeseries/file``."""
        import json

        settings = {**self._asdict(), "file": str(self.file.resolve())}
        return [f"data.{name}={json.dumps(value)}" for name, value in settings.items() if value]


def table_options(command: F) -> F:
    """How to read the file: ``Source`` takes them."""
    options = (
        click.option("--time", metavar="COLUMN", help="The time column; found by default."),
        click.option(
            "--column",
            "columns",
            multiple=True,
            metavar="COLUMN",
            help="A column of values; may be repeated. All that hold numbers by default.",
        ),
        click.option(
            "--key", metavar="COLUMN", help="The column that names the series, if there are many."
        ),
        click.option("--regular", is_flag=True, help="No time column: rows are equally far apart."),
        click.option("--average", is_flag=True, help="Rows of the same time become their mean."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def model_options(command: F) -> F:
    """Which model: an installed one, a folder, or one that is trained on the file."""
    options = (
        click.option("--train", is_flag=True, help="Train a model on FILE first, and keep it."),
        click.option("--model", "name", metavar="NAME|FOLDER", help="A model of series."),
        click.option(
            "--training-steps",
            type=click.IntRange(1),
            help="Steps of that training; the preset's own by default.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def answer_options(command: F) -> F:
    """How to draw, and where to write."""
    options = (
        click.option(
            "--samples",
            type=click.IntRange(2),
            default=200,
            show_default=True,
            metavar="K",
            help="Paths that are drawn.",
        ),
        click.option(
            "--season",
            type=click.IntRange(1),
            metavar="ROWS",
            help="Rows of a season; by default as the dates or the values tell.",
        ),
        click.option(
            "--steps", type=click.IntRange(1), help="Solver steps; the model's own by default."
        ),
        click.option("--paths", is_flag=True, help="Write the paths, too, as paths.csv."),
        seed_option,
        device_option,
        output_option,
    )
    for option in reversed(options):
        command = option(command)
    return command
