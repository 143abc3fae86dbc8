"""``sicore generate molecules``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sicore.cli.options import example, named_values
from sicore.errors import InputError
from sicore.files import check_output, output_folder
from sicore_apps.command_line import command_line
from sicore_apps.generators import SAMPLING, drawing_options, note, open_model

DEFAULT = "molecules/qm9"
NUMBER, EACH = 1000, 10


@click.command(
    epilog=example(
        "sicore generate molecules -n 1000 -o molecules",
        "sicore generate molecules -n 200 --qed 0.6 --logp 1 --guidance 2 -o wanted",
        "sicore generate molecules -n 100 --scaffold 'c1cc[nH]c1' -o pyrroles",
        "sicore generate molecules --decorate cores.sdf --samples 20 -o decorated",
    )
)
@click.option(
    "--model", "name", metavar="NAME|FOLDER", help=f"A model of molecules; {DEFAULT} by default."
)
@click.option("-n", "--number", type=click.IntRange(1), help=f"How many; {NUMBER} by default.")
@click.option("--size", type=click.IntRange(1), help="Atoms other than hydrogen.")
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="NAME=VALUE",
    help="Ask for a property that the model was trained with; may be repeated.",
)
@click.option("--qed", metavar="VALUE", help="The same as --property qed=VALUE.")
@click.option("--logp", metavar="VALUE", help="The same as --property logp=VALUE.")
@click.option(
    "--regressor",
    "regressors",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Ask for its property by its gradient (sicore regressor); may be repeated.",
)
@click.option(
    "--scaffold",
    metavar="SMILES",
    help="A part that every molecule has. With atoms [*] in it, the rest grows there only.",
)
@click.option(
    "--decorate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file of scaffolds, SDF or SMILES: molecules are made around each of them.",
)
@click.option(
    "--samples", type=click.IntRange(1), help=f"Molecules for each scaffold; {EACH} by default."
)
@click.option(
    "--correct",
    is_flag=True,
    help="Take bonds away from invalid molecules until they are valid; the table tells which.",
)
@drawing_options
def molecules(
    name: str | None,
    number: int | None,
    size: int | None,
    properties: tuple[str, ...],
    qed: str | None,
    logp: str | None,
    regressors: tuple[Path, ...],
    scaffold: str | None,
    decorate: Path | None,
    samples: int | None,
    correct: bool,
    device: str | None,
    folder: Path,
    overwrite: bool,
    **sampling: Any,
) -> None:
    """Generate molecules: with properties, of a size, or around a scaffold.

    FOLDER gets the molecules as SMILES and SDF, a table with QED, logP, SA, weight, validity and
    novelty, a picture, and a page, index.html, that shows them beside the training data.

    A scaffold is kept as it is, atoms and bonds; the rest grows where it has hydrogens. Molecule
    number k of a seed is the same whatever -n, --batch-size and --processes.
    """
    check_output(folder, overwrite)
    given = _properties(properties, qed, logp)
    total, each = _numbers(number, scaffold, decorate, samples)
    line = command_line(click.get_current_context())
    if decorate is not None and not decorate.is_file():
        raise InputError(f"--decorate {decorate}: no such file")
    model = open_model(name, DEFAULT, "molecules", device)
    from sicore_apps.asking import asked_for, unusual
    from sicore_apps.following import followed_properties
    from sicore_apps.generated import generated
    from sicore_apps.generating import Wanted, check_size, draw, training_data
    from sicore_apps.scaffolding import given_scaffold, read_scaffolds
    from sicore_molecules.molecules import Molecules
    from sicore_molecules.scaffolds import Scaffold

    domain = model.domain
    assert isinstance(domain, Molecules)
    check_size(size, domain)
    followed = followed_properties(regressors, domain, given)
    direct = {key: value for key, value in given.items() if key not in followed}
    asked = asked_for(domain, direct, "--property")
    note(unusual(domain, asked))
    cores: list[Scaffold] = []
    problems: list[str] = []
    if scaffold is not None:
        cores = [given_scaffold(scaffold, domain, size)]
    elif decorate is not None:
        cores, problems = read_scaffolds(decorate, domain, size)
        total = each * len(cores)
    note([f"left out: {problem}" for problem in problems])
    wanted = Wanted(total, asked, size, cores, followed)
    drawn = draw(model, wanted, {key: sampling[key] for key in SAMPLING})
    made = generated(
        drawn.decoded,
        domain.vocabulary,
        scaffolds=[core for core in cores for _ in range(total // len(cores))],
        correct=correct,
        train=training_data(model),
    )
    manifest = {
        "command": line,
        "model": name or DEFAULT,
        "n": total,
        "nfe": drawn.nfe,
        "seed": drawn.seed,
        "settings": {k: v for k, v in drawn.settings.items() if k != "condition"},
        "asked": asked,
        "followed": {key: float(way.value) for key, way in followed.items()},
        "scaffolds": [core.smiles for core in cores],
        "left_out": problems,
        "shares": made.shares(),
    }
    summary = made.summary(drawn.nfe)
    with output_folder(folder, overwrite, manifest) as staging:
        made.write(
            staging,
            title=f"Molecules by {name or DEFAULT}",
            command=line,
            lead=wanted.told(),
            asked=wanted.numbers(),
        )
    click.echo(f"{summary}: {folder / 'index.html'}")


def _properties(entries: tuple[str, ...], qed: str | None, logp: str | None) -> dict[str, str]:
    """All properties that are asked for, by name; short forms are properties too."""
    short = {"qed": qed, "logp": logp}
    forms = [f"{key}={value}" for key, value in short.items() if value is not None]
    return named_values("--property", [*entries, *forms])


def _numbers(
    number: int | None, scaffold: str | None, decorate: Path | None, samples: int | None
) -> tuple[int, int]:
    """How many molecules without ``--decorate``, and how many for each of its scaffolds."""
    if scaffold is not None and decorate is not None:
        raise InputError("--scaffold and --decorate exclude each other: one or a file of them")
    if samples is not None and scaffold is None and decorate is None:
        raise InputError("--samples is how many for each scaffold: say how many with --number")
    if number is not None and samples is not None:
        raise InputError("--number and --samples exclude each other: --samples is of each scaffold")
    if number is not None and decorate is not None:
        raise InputError("--number: with --decorate, say how many for each scaffold by --samples")
    return number or samples or NUMBER, samples or EACH
