"""``sicore enhance``."""

from __future__ import annotations

from pathlib import Path

import click

from sicore.cli.options import check_device, device_option, example, seed_option
from sicore.errors import InputError
from sicore_apps.command_line import command_line


def _list_methods(ctx: click.Context, _: click.Parameter, value: str | None) -> str | None:
    if value == "list":
        from sicore_apps.enhancers import listed_models

        click.echo("\n".join(listed_models()))
        ctx.exit()
    return value


@click.command(
    epilog=example(
        "sicore enhance noisy.wav -o clean.wav",
        "sicore enhance recordings -o enhanced --fast",
        "sicore enhance noisy.wav -o clean.wav --samples 8 --report page.html",
        "sicore enhance noisy.wav -o trial.wav --reference clean.wav --report trial.html",
        "sicore enhance noisy.wav -o clean.wav --model runs/enhance",
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
@click.option(
    "--method",
    metavar="NAME|list",
    is_eager=True,
    callback=_list_methods,
    help="One of the installed models, by default 'enhance'; 'list' shows them.",
)
@click.option("--dereverb", is_flag=True, help="Take the room off: the model 'dereverb'.")
@click.option("--model", metavar="NAME|FOLDER", help="Any other model of speech.")
@click.option(
    "--fast", is_flag=True, help="One step, in bfloat16 where the processor is quick with it."
)
@click.option("--solver", help="Solver; the model's own by default.")
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option(
    "--samples",
    type=click.IntRange(2),
    metavar="K",
    help="Draw K posterior samples: FILE is their mean; the samples, and a picture of how far they "
    "differ, go beside it.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="PAGE.html",
    help="Write a page to see and hear: spectrograms and players, before and after.",
)
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="The clean recording (or their folder), to measure against; for --report.",
)
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@seed_option
@device_option
def command(
    source: Path,
    output: Path,
    method: str | None,
    dereverb: bool,
    model: str | None,
    fast: bool,
    solver: str | None,
    steps: int | None,
    samples: int | None,
    report: Path | None,
    reference: Path | None,
    overwrite: bool,
    seed: int,
    device: str | None,
) -> None:
    """Take the noise off INPUT: a recording of speech, or a folder of them.

    WAV, FLAC, OGG and MP3, any sample rate and number of channels, any length. Rate, channels,
    length and loudness stay as they are; what lies above 8 kHz is removed. INPUT is never changed.

    With --samples K, FILE's neighbours FILE-0001 … are what the clean recording may have been, and
    FILE-uncertainty.png shows where they differ. Sample k is that of the seed SEED + k − 1.

    A recording of a folder that cannot be read is named, and the others are enhanced.
    """
    from sicore_apps.enhancers import chosen_model
    from sicore_apps.recordings import plan_jobs

    chosen = {"--solver": solver, "--steps": steps, "--samples": samples}
    if clash := [flag for flag, value in chosen.items() if fast and value is not None]:
        raise InputError(f"--fast is one step of its own solver: leave out {' and '.join(clash)}")
    if reference is not None and report is None:
        raise InputError("--reference is what the page compares with: add --report PAGE.html")
    name = chosen_model(model, method, dereverb)
    jobs = plan_jobs(
        source, output, overwrite, samples=samples or 0, reference=reference, page=report
    )
    import sicore
    from sicore.report import Section
    from sicore_apps.enhancing import enhance_jobs, opened
    from sicore_apps.samplers import sampler_options
    from sicore_apps.sound_pages import MOST, Told, settings_of, sound_page, sound_section

    loaded = sicore.load(name, device=check_device(device))
    options = sampler_options(
        fast=fast, solver=solver, steps=steps, samples=samples, device=loaded.device
    )
    ready, failed = opened(jobs)
    settings = settings_of(loaded, name, options, seed, samples)
    told = Told(name, command_line(click.get_current_context()), settings, len(ready))
    sections: list[Section] = []
    for done in enhance_jobs(loaded, ready, failed, seed=seed, options=options):
        click.echo("\n".join(str(path) for path in done.job.results))
        if report is not None and len(sections) < MOST:
            sections.append(sound_section(done, told))
    if report is not None and sections:
        click.echo(sound_page(told, sections).write(report, overwrite))
    if failed:
        raise InputError("; ".join(failed))
