"""``sicore translate``."""

from __future__ import annotations

from pathlib import Path

import click

from sicore.cli.options import check_device, device_option, example, output_option, seed_option
from sicore.errors import InputError
from sicore.files import check_output, output_folder


@click.command(
    epilog=example(
        "sicore translate images/fashion-mnist images/fashion-mnist --input shoes "
        "--class-a sneaker --class-b 'ankle boot' --guidance 2 -o boots",
        "sicore translate runs/cats runs/dogs --input cat.png --strength 0.7 -o dog",
    )
)
@click.argument("model_a")
@click.argument("model_b")
@click.option(
    "--input",
    "source",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    metavar="FILE|FOLDER",
    help="Files that the domain reads, such as pictures; samples of `sicore sample`; or states, "
    ".safetensors or .npy.",
)
@click.option("--class-a", metavar="NAME", help="The class of the input, by name or number.")
@click.option("--class-b", metavar="NAME", help="The class to make of it.")
@click.option("--steps", type=click.IntRange(1), help="Steps each way; MODEL_A's own by default.")
@click.option("--grid", help="A time grid's name; MODEL_A's own by default.")
@click.option(
    "--eta",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="How much of the noise is drawn anew at each step; 1 is DDPM.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Part of the way from data to noise; less of it keeps more of the input.",
)
@click.option("--guidance", type=float, help="Strength of guidance towards --class-b; 1 is none.")
@click.option("--resize", is_flag=True, help="Scale and cut an input of another size.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="States for each network call.",
)
@seed_option
@device_option
@output_option
def command(
    model_a: str,
    model_b: str,
    source: Path,
    class_a: str | None,
    class_b: str | None,
    steps: int | None,
    grid: str | None,
    eta: float,
    strength: float,
    guidance: float | None,
    resize: bool,
    batch_size: int,
    seed: int,
    device: str | None,
    folder: Path,
    overwrite: bool,
) -> None:
    """Translate data of MODEL_A into data of MODEL_B, without pairs of them.

    The input's latent code under MODEL_A, the noise that a stochastic sampler would make it from,
    is decoded by MODEL_B: the same model for another class, or one of other data of the same shape.

    FOLDER gets the results, and the inputs beside them.
    """
    check_output(folder, overwrite)
    import sicore
    from sicore.hub.samples import versions
    from sicore.hub.translate import read_inputs, translate

    place = check_device(device)
    first = sicore.load(model_a, device=place)
    second = first if model_b == model_a else sicore.load(model_b, device=place)
    x = read_inputs(source, first.domain, resize=resize)
    samples = translate(
        first,
        second,
        x,
        condition=None if class_a is None else {"class": class_a},
        target_condition=None if class_b is None else {"class": class_b},
        eta=eta,
        strength=strength,
        steps=steps,
        grid=grid,
        guidance=guidance,
        seed=seed,
        batch_size=batch_size,
        progress=True,
    )
    if wrong := int(samples.status.count_nonzero()):
        raise InputError(f"{wrong} of {len(samples)} results are not finite: take more steps")
    entries = {"models": [model_a, model_b], "input": str(source), "n": len(samples), "seed": seed}
    manifest = {**entries, "nfe": samples.nfe, **samples.settings, "versions": versions()}
    with output_folder(folder, overwrite, manifest) as staging:
        samples.write(staging)
        first.domain.save(first.domain.decode(x), staging, stem="input")
    click.echo(f"{len(samples)} results, {samples.nfe} network calls each: {folder}")
