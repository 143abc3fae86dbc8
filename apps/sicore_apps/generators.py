"""What the commands of ``sicore generate`` share. Light to import: no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sicore.cli.options import check_device, device_option, output_option, seed_option
from sicore.errors import InputError
from sicore.plugins import get_registry

if TYPE_CHECKING:
    from sicore.hub import Model

F = TypeVar("F", bound=Callable[..., Any])
SAMPLING = ("solver", "steps", "guidance", "batch_size", "processes", "seed")


def drawing_options(command: F) -> F:
    """The options that say how to draw; ``SAMPLING`` are those that go to ``sample_bulk``."""
    options = (
        click.option("--solver", help="Solver; the model's own by default."),
        click.option(
            "--steps", type=click.IntRange(1), help="Solver steps; the model's own by default."
        ),
        click.option(
            "--guidance",
            type=float,
            help="How strongly to insist on what is asked for; 1 is as learned.",
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            default=256,
            show_default=True,
            help="Samples for each network call.",
        ),
        click.option(
            "--processes",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Processes that share the work, with OMP_NUM_THREADS threads each.",
        ),
        seed_option,
        device_option,
        output_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def open_model(name: str | None, default: str, domain: str, device: str | None) -> Model:
    """The model that was named, or the installed one.

    Args:
        name: name or folder.
        default: the installed model that is taken if none is named.
        domain: the name of the domain that it has to be of.
        device: as the user named it.

    Raises:
        InputError: when there is no such model, or it makes other things.
    """
    if name is None and default not in get_registry().names("model"):
        raise InputError(_missing(default, domain))
    import sicore

    model = sicore.load(name or default, device=check_device(device))
    if model.domain.name != domain:
        raise InputError(
            f"--model {name}: expected a model of the domain '{domain}', got one of "
            f"'{model.domain.name}'"
        )
    return model


def _missing(default: str, domain: str) -> str:
    folder = f"runs/{default.rpartition('/')[2]}"
    others = [known for known in get_registry().names("model") if known.startswith(f"{domain}/")]
    installed = f", or one of the installed models {', '.join(others)}" if others else ""
    return (
        f"no trained model '{default}' is installed: train it with 'sicore train {default} "
        f"-o {folder}' and pass '--model {folder}'{installed}"
    )


def note(lines: Sequence[str]) -> None:
    """Tell the user what is no error."""
    for line in lines:
        click.echo(f"note: {line}", err=True)
