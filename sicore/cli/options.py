"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from sicore.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])


def device_option(command: F) -> F:
    """``--device``: checked by `check_device` once torch is needed anyway."""
    return click.option(
        "--device", metavar="NAME", help="cpu, cuda, cuda:1, mps; the best one by default."
    )(command)


def seed_option(command: F) -> F:
    """``--seed``: sample number k of a seed is always the same one."""
    return click.option(
        "--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed."
    )(command)


def output_option(command: F) -> F:
    """``-o FOLDER`` and ``--overwrite``."""
    command = click.option(
        "--overwrite", is_flag=True, help="Replace what an earlier run wrote into the folder."
    )(command)
    return click.option(
        "-o",
        "--output",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        metavar="FOLDER",
        help="Where to write.",
    )(command)


def named_values(flag: str, entries: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` of an option that may be repeated, by name.

    Raises:
        InputError: for an entry of another form, or a name that is given twice.
    """
    found: dict[str, str] = {}
    for entry in entries:
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not (name and equals and value):
            raise InputError(f"{flag} {entry}: expected NAME=VALUE")
        if name in found:
            raise InputError(f"{flag}: '{name}' is given twice, {found[name]} and {value}")
        found[name] = value
    return found


def example(*lines: str) -> str:
    """An epilog that shows how a command is used."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def check_device(name: str | None) -> str | None:
    """The device's name, if this machine has it.

    Raises:
        InputError: torch does not know the name, or the device is not there.
    """
    if name is None:
        return None
    import torch

    try:
        torch.empty(1, device=torch.device(name))
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"the device '{name}' cannot be used here: {' '.join(str(error).split())[:100]}"
        ) from error
    return name
