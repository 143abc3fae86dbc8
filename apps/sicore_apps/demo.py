"""``sicore demo``."""

from __future__ import annotations

from pathlib import Path

import click

from sicore.cli.options import check_device, device_option, example, output_option, seed_option
from sicore.files import check_output, output_folder


@click.command(epilog=example("sicore demo -o demo", "sicore demo --model runs/fashion -o mine"))
@click.option(
    "--model",
    "name",
    default="images/fashion-mnist",
    show_default=True,
    help="A model of grey 28×28 clothes, name or folder.",
)
@seed_option
@device_option
@output_option
def command(name: str, seed: int, device: str | None, folder: Path, overwrite: bool) -> None:
    """Write a page that shows a model at work: samples by class, and three restorations.

    Every panel comes with the command that makes it; the pictures that these commands read are in
    FOLDER/pictures.
    """
    check_output(folder, overwrite)
    import sicore
    from sicore_apps.tour import tour

    model = sicore.load(name, device=check_device(device))
    manifest = {"command": f"sicore demo --model {name} --seed {seed} -o {folder}"}
    with output_folder(folder, overwrite, manifest) as staging:
        page = tour(model, name, folder=folder, staging=staging, seed=seed)
        page.write(staging / "index.html")
    click.echo(f"open {(folder / 'index.html').resolve()}")
