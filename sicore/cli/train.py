"""``sicore train``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sicore.cli.options import check_device, device_option, example, output_option


@click.command(
    epilog=example(
        "sicore train images/fashion-mnist -o runs/fashion",
        "sicore train images/fashion-mnist training.steps=200 network.channels=32 -o runs/small",
        "sicore train images/fashion-mnist -o runs/fashion --resume",
        "sicore train images/folder --data my-pictures -o runs/mine",
        "sicore train images/folder --data my-pictures --from images/fashion-mnist -o runs/tuned",
    )
)
@click.argument("preset")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@output_option
@click.option("--resume", is_flag=True, help="Continue from the folder's last checkpoint.")
@click.option("--data", metavar="FOLDER", help="Your own data: the same as data.folder=…")
@click.option(
    "--from",
    "start_from",
    multiple=True,
    metavar="[PART=]MODEL",
    help="Start from the weights of a trained model, or give them to one part of the network.",
)
@click.option("--seed", type=click.IntRange(0), help="The same as training.seed=…")
@device_option
def command(
    preset: str,
    overrides: tuple[str, ...],
    folder: Path,
    overwrite: bool,
    resume: bool,
    data: str | None,
    start_from: tuple[str, ...],
    seed: int | None,
    device: str | None,
) -> None:
    """Train a model from PRESET (a name, a YAML file, or a model folder) into a folder.

    KEY=VALUE changes single settings; `sicore config show PRESET` prints them all.
    """
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite exclude each other")
    from sicore.config import load_config
    from sicore.training import train

    if data is not None:
        overrides = (*overrides, f"data.folder={json.dumps(data)}")
    if start_from:
        named = dict(entry.rpartition("=")[::2] for entry in start_from)
        overrides = (*overrides, f"training.start_from={json.dumps(named)}")
    if seed is not None:
        overrides = (*overrides, f"training.seed={seed}")
    config = load_config(preset, overrides)
    device = check_device(device)
    click.echo(train(config, folder, resume=resume, overwrite=overwrite, device=device))
