"""The model that a command on series asks: an installed one, or one trained on the user's file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sicore.cli.options import check_device
from sicore.errors import InputError
from sicore_apps.generators import open_model
from sicore_apps.series_options import Source

if TYPE_CHECKING:
    from sicore.config import RunConfig
    from sicore.hub import Model
    from sicore_timeseries.data.table import Table

ANY = "timeseries/any"
HELD = 0.1
"""The share of the last rows that a training does not see, so that they can tell how good it is."""
MOST_HISTORY, WINDOW = 336, 48  # rows


@dataclass(frozen=True)
class Chosen:
    """The model of a command.

    Args:
        model: that is asked.
        name: what pages call it.
        unseen: the share of the last rows of the file that it was not trained on.
    """

    model: Model
    name: str
    unseen: float


@dataclass(frozen=True)
class Wish:
    """What the user said about the model.

    Args:
        name: a name or folder, or None.
        train: whether to train on the file.
        steps: of the training, or None.
        device: as the user named it.
        folder: of the output; the model goes beside it.
        overwrite: whether a model of other settings is replaced.
    """

    name: str | None
    train: bool
    steps: int | None
    device: str | None
    folder: Path
    overwrite: bool

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            InputError: for a model that is named and trained, or steps of no training.
        """
        if self.train and self.name is not None:
            raise InputError("--train makes a model of its own: leave out --model, or --train")
        if self.steps is not None and not self.train:
            raise InputError("--training-steps is for a model that is trained: add --train")


def chosen_model(
    wish: Wish, preset: str, source: Source, settings: Sequence[str], unseen: float = HELD
) -> Chosen:
    """The model that was named, the one for any series, or one that is trained now.

    A training is kept in ``OUTPUT-model``: it goes on if it was interrupted, and is not repeated.

    Args:
        wish: what the user said.
        preset: to train.
        source: the file.
        settings: of the preset, beside those of the file.
        unseen: the share of the last rows that are kept from a training.

    Raises:
        InputError: as `open_model` and ``train`` do.
    """
    device = check_device(wish.device)
    if not wish.train:
        model = open_model(wish.name, ANY, "timeseries", device)
        return Chosen(model, wish.name or ANY, _unseen(model, source))
    import sicore
    from sicore.config import load_config
    from sicore.training import train

    place = wish.folder.with_name(f"{wish.folder.name}-model")
    steps = [] if wish.steps is None else [f"training.steps={wish.steps}"]
    shares = f"data.shares=[{1 - unseen:.4f},0,{unseen:.4f}]"
    config = load_config(preset, [*source.overrides(), shares, *settings, *steps])
    if not _is_of(place, config):
        told = f"training on {source.file}, kept in {place}; if it is interrupted, it goes on"
        click.echo(told, err=True)
        over = wish.overwrite
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the command has told what was noticed
            train(config, place, resume=not over, overwrite=over, device=device)
    return Chosen(sicore.load(place, device=device), str(place), unseen)


def _is_of(folder: Path, config: RunConfig) -> bool:
    """Whether a folder has a whole model of this configuration."""
    from sicore.config import load_config

    if not (folder / "config.yaml").is_file():
        return False
    known, wanted = load_config(str(folder)).model_dump(), config.model_dump()
    return {**known, "domain": None} == {**wanted, "domain": None}


def _unseen(model: Model, source: Source) -> float:
    """All of the file, unless the model was trained on it."""
    data = model.config.data.parameters
    if "file" not in data or Path(data["file"]).resolve() != source.file.resolve():
        return 1.0
    return float(data["shares"][-1])


def check_answers(chosen: Chosen, table: Table, tasks: Sequence[str]) -> None:
    """Refuse a model that has learned nothing of the kind, and series that it cannot know.

    Args:
        chosen: the model.
        table: what it is asked about.
        tasks: one of which it must have learned.

    Raises:
        InputError: says what to do.
    """
    from sicore_timeseries.answers.drawing import domain_of

    domain, data = domain_of(chosen.model, len(table.columns)), chosen.model.config.data.parameters
    learned = data.get("task") or {"generate": 1}
    if "task" in data and not any(learned.get(task) for task in tasks):
        raise InputError(
            f"{chosen.name} has learned to {', '.join(learned)}, expected {' or '.join(tasks)}: "
            "add --train in place of --model, or name another model"
        )
    irregular = [series.name for series in table.series if not series.clock.regular]
    if irregular and domain.framing.single:
        which = f"series '{irregular[0]}' is" if irregular[0] else "the moments are"
        raise InputError(
            f"{which} irregular, and {chosen.name} knows equal steps only: add --train to train a "
            "model on this file, or --regular to take the rows as equally far apart"
        )


def season_of(table: Table, given: int | None) -> int:
    """Rows of a season: as given, or as the dates or the values of the longest series tell."""
    from sicore_timeseries.forecasts.seasons import season_of_step, season_of_values

    if given is not None:
        return given
    longest = max(table.series, key=len)
    if table.dates:
        return season_of_step(longest.clock.step)
    return season_of_values(longest.values)


def history_for(table: Table, horizon: int, season: int) -> int:
    """Rows that a model that is trained on the table sees: two seasons, and two horizons.

    Raises:
        InputError: the series are too short for the horizon.
    """
    rows = max(len(series) for series in table.series)
    history = min(max(2 * horizon, 2 * season), MOST_HISTORY, rows // 3 - horizon)
    if history < max(2, horizon // 2):
        raise InputError(
            f"--horizon {horizon} is too long to train on {rows} rows: choose at most "
            f"{max(1, 2 * (rows // 3) // 3)}, or leave out --train"
        )
    return history


def held_for(table: Table, horizon: int) -> float:
    """The share of the last rows that a training leaves out: a tenth, and room for two horizons.

    At most 30 %; less than one horizon is left in where series are too short for a back-test.
    """
    rows = max(len(series) for series in table.series)
    return min(max(HELD, 2 * horizon / rows), 0.3)


def window_for(table: Table, length: int | None) -> int:
    """The rows of generated windows: as asked for, or 48, or a fourth of a short series.

    Raises:
        InputError: the series are shorter than what was asked for.
    """
    rows = max(len(series) for series in table.series)
    if length is not None and length > rows // 2:
        raise InputError(
            f"--length {length}: {rows} rows are too few to learn such windows; choose at most "
            f"{max(2, rows // 2)}"
        )
    return length or max(2, min(WINDOW, rows // 4))
