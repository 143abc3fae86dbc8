"""``sicore enhance``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sicore.cli.options import check_device, device_option, example, seed_option
from sicore.errors import InputError
from sicore.progress import progress_bar


@click.command(
    epilog=example(
        "sicore enhance noisy.wav --model runs/enhance -o clean.wav",
        "sicore enhance recordings --model runs/enhance -o enhanced --steps 4",
    )
)
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE|FOLDER",
    help="Where to write: a file for a file, a folder for a folder.",
)
@click.option("--model", required=True, help="A model of speech/enhance: a name or a folder.")
@click.option("--solver", help="Solver; the model's own by default.")
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@seed_option
@device_option
def command(
    source: Path,
    output: Path,
    model: str,
    solver: str | None,
    steps: int | None,
    overwrite: bool,
    seed: int,
    device: str | None,
) -> None:
    """Take the noise off INPUT: a recording of speech, or a folder of them.

    WAV, FLAC, OGG and MP3, any sample rate and number of channels, any length. Rate, channels,
    length and loudness stay as they are; what lies above 8 kHz is removed. INPUT is never changed.

    A recording of a folder that cannot be read is named, and the others are enhanced.
    """
    from sicore_apps.recordings import plan_jobs

    jobs = plan_jobs(source, output, overwrite)
    import sicore
    from sicore_speech.audio import read_audio, write_audio
    from sicore_speech.enhancement import enhance_sound

    chosen: dict[str, Any] = {"solver": solver, "steps": steps}
    options = {key: value for key, value in chosen.items() if value is not None}
    loaded = sicore.load(model, device=check_device(device))
    failed = []
    with progress_bar("enhancing", len(jobs), len(jobs) > 1) as bar:
        for job in jobs:
            bar.describe(job.source.name)
            try:
                clean = enhance_sound(loaded, read_audio(job.source), seed=seed, **options)
                click.echo(write_audio(job.target, clean.samples, clean.rate))
            except InputError as error:
                failed.append(str(error))
            bar.advance()
    if failed:
        raise InputError("; ".join(failed))
