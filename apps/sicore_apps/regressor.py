"""``sicore regressor``."""

from __future__ import annotations

from pathlib import Path

import click

from sicore.cli.options import check_device, example, seed_option
from sicore.errors import InputError
from sicore_apps.generators import open_model

DEFAULT = "molecules/qm9"


@click.command(
    epilog=example(
        "sicore regressor logp -o logp.safetensors",
        "sicore generate molecules --property logp=2 --regressor logp.safetensors -o wanted",
    )
)
@click.argument("property_", metavar="PROPERTY")
@click.option("--model", "name", metavar="NAME|FOLDER", help=f"Of molecules; {DEFAULT} by default.")
@click.option(
    "--steps", type=click.IntRange(1), default=3000, show_default=True, help="Of the training."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to write, .safetensors.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file.")
@seed_option
def command(
    property_: str, name: str | None, steps: int, output: Path, overwrite: bool, seed: int
) -> None:
    """Train a regressor of PROPERTY on the data of a model of molecules.

    `sicore generate molecules --regressor FILE` follows its gradient, so that the model can be
    asked for what it was not trained with. PROPERTY is one that RDKit computes (logp, qed, sa,
    weight, tpsa) or one that the data have.
    """
    if output.exists() and not overwrite:
        raise InputError(f"{output} exists: add --overwrite to replace it")
    model = open_model(name, DEFAULT, "molecules", check_device("cpu"))
    from sicore.config import Component
    from sicore_molecules.molecules import Molecules
    from sicore_molecules.regressor import measured, train_regressor

    domain, data = model.domain, model.config.data
    assert isinstance(domain, Molecules)
    entry = {"name": data.name, **data.parameters, "properties": [property_]}
    chosen = Component.parse("dataset", entry)
    train = chosen.build(split="train")
    try:
        test, which = chosen.build(split="test"), "test"
    except InputError:  # so few molecules that none is one
        test, which = train, "the training"
    made = train_regressor(domain, train, property_, steps=steps, seed=seed, progress=True)
    made = measured(made, domain, test)
    made.save(output)
    scale = made.scale
    click.echo(
        f"{property_}: error {scale.error:.3g} on {which} molecules (their deviation is "
        f"{scale.std:.3g}): {output}"
    )
