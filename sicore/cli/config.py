"""``sicore config``."""

from __future__ import annotations

import json

import click

from sicore.cli.options import example
from sicore.config import config_schema, dump_config, load_config

_PRESET = click.argument("preset")
_OVERRIDES = click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")


@click.group(epilog=example("sicore config show images/fashion-mnist training.steps=100"))
def command() -> None:
    """Show and check configurations: a preset's name, a YAML file, or a model folder."""


@command.command(epilog=example("sicore config show images/fashion-mnist training.steps=100"))
@_PRESET
@_OVERRIDES
def show(preset: str, overrides: tuple[str, ...]) -> None:
    """Print the whole configuration, defaults included."""
    click.echo(dump_config(load_config(preset, overrides)), nl=False)


@command.command(epilog=example("sicore config check my.yaml network.channels=64"))
@_PRESET
@_OVERRIDES
def check(preset: str, overrides: tuple[str, ...]) -> None:
    """Say whether a configuration is valid, and if not, which key is wrong."""
    load_config(preset, overrides)
    click.echo(f"{preset}: valid")


@command.command(epilog=example("sicore config schema > sicore.schema.json"))
def schema() -> None:
    """Print the JSON schema, with every registered part, for editors to complete from."""
    click.echo(json.dumps(config_schema(), indent=2))
