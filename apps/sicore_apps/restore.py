"""``sicore restore``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from sicore.cli.options import check_device, device_option, example, output_option, seed_option
from sicore.files import check_output, output_folder
from sicore_apps.task import Task, default


@click.command(
    epilog=example(
        "sicore restore images/fashion-mnist --input photo.png --operator inpaint --mask hole.png "
        "-o restored",
        "sicore restore images/fashion-mnist --input small.png --operator superres --factor 4 "
        "-o sharp",
        "sicore restore images/fashion-mnist --input clean.png --operator blur --degrade -o trial",
    )
)
@click.argument("model")
@click.option(
    "--input",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The picture to restore: with a hole, blurred, or small.",
)
@click.option(
    "--operator",
    type=click.Choice(["inpaint", "blur", "superres"]),
    required=True,
    help="What happened to the picture.",
)
@click.option(
    "--mask",
    default=default("mask"),
    show_default=True,
    metavar="FILE|box:TOP,LEFT,HEIGHT,WIDTH|center",
    help="inpaint: the hole; white in a mask file.",
)
@click.option(
    "--sigma",
    type=click.FloatRange(0, min_open=True),
    default=default("sigma"),
    show_default=True,
    help="blur: its standard deviation in pixels.",
)
@click.option(
    "--factor",
    type=click.IntRange(2),
    default=default("factor"),
    show_default=True,
    help="superres: how many times smaller the input is; each of its pixels is a mean.",
)
@click.option(
    "--noise",
    type=click.FloatRange(0),
    default=default("noise"),
    show_default=True,
    help="Standard deviation of the input's noise, black to white being 1.",
)
@click.option(
    "--degrade/--no-degrade",
    default=default("degrade"),
    show_default=True,
    help="The input is a clean picture: degrade it first, to see how well it is restored.",
)
@click.option("--resize", is_flag=True, help="Scale and cut an input of another size.")
@click.option(
    "--samples",
    type=click.IntRange(1),
    default=default("samples"),
    show_default=True,
    help="Posterior samples to draw.",
)
@click.option("--method", default=default("method"), show_default=True, help="Posterior method.")
@click.option("--solver", help="Solver; the model's own by default.")
@click.option("--steps", type=click.IntRange(1), help="Solver steps; the model's own by default.")
@click.option(
    "--epsilon",
    type=click.FloatRange(0),
    help="Noise that an SDE solver stirs in; more of it wants more steps.",
)
@click.option("--class", "label", metavar="NAME", help="The picture's class, where it is known.")
@seed_option
@device_option
@output_option
def command(folder: Path, overwrite: bool, device: str | None, **options: Any) -> None:
    """Restore a picture with MODEL: draw many pictures that agree with what was seen.

    The input is the degraded picture as it is: one with a hole (its pixels in the hole are not
    looked at), a blurred one, or a small one. With --degrade it is a clean picture of the model's
    size, which is degraded first, so that the result can be compared with the truth.

    FOLDER gets the samples, a contact sheet of them, their mean, their standard deviation at each
    pixel, and a page, index.html, that shows them all.

    --method mmps asks the network which pixels move together, and fits the samples to the input
    accordingly; pigdm is simpler, replacement is the fastest, and both are less exact.
    """
    check_output(folder, overwrite)
    import sicore
    from sicore.report import Page
    from sicore_apps.pages import restoration_section
    from sicore_apps.restoration import restore

    task = Task(**options)
    model = sicore.load(task.model, device=check_device(device))
    result = restore(model, task, progress=True)
    line = task.command(folder)
    manifest = {
        "command": line,
        "task": {**asdict(task), "input": str(task.input)},
        "nfe": result.nfe,
        "psnr": result.psnr(),
    }
    section = restoration_section(
        result, title=f"{task.operator}: {task.input.name}", text="", command=line
    )
    page = Page(f"Restored by {task.model}", sections=[section])
    with output_folder(folder, overwrite, manifest) as staging:
        result.save(staging, model.domain)
        page.write(staging / "index.html")
    click.echo(folder / "index.html")
