"""``sicore generate graphs``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sicore.cli.options import example, named_values
from sicore.files import check_output, output_folder
from sicore_apps.command_line import command_line
from sicore_apps.generators import SAMPLING, drawing_options, note, open_model

DEFAULT = "graphs/community-small"


@click.command(
    epilog=example(
        "sicore generate graphs -n 100 -o graphs --model runs/graphs",
        "sicore generate graphs -n 20 --size 16 -o sixteen --model runs/graphs",
    )
)
@click.option(
    "--model", "name", metavar="NAME|FOLDER", help=f"A model of graphs; {DEFAULT} by default."
)
@click.option(
    "-n", "--number", type=click.IntRange(1), default=100, show_default=True, help="How many."
)
@click.option("--size", type=click.IntRange(1), help="Nodes; by default as the data have it.")
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="NAME=VALUE",
    help="Ask for a number that the model was trained with; may be repeated.",
)
@drawing_options
def graphs(
    name: str | None,
    number: int,
    size: int | None,
    properties: tuple[str, ...],
    device: str | None,
    folder: Path,
    overwrite: bool,
    **sampling: Any,
) -> None:
    """Generate graphs: communities, proteins, networks, whatever the model has seen.

    FOLDER gets the graphs in the format graph6, which networkx reads, pictures, and a page,
    index.html, with degrees and clustering beside the training data.
    """
    check_output(folder, overwrite)
    given = named_values("--property", properties)
    line = command_line(click.get_current_context())
    model = open_model(name, DEFAULT, "graphs", device)
    from sicore_apps.asking import asked_for, unusual
    from sicore_apps.generating import Wanted, check_size, draw, training_data
    from sicore_molecules.domain import whole
    from sicore_molecules.rendering import graphs_png, graphs_svg
    from sicore_molecules.rendering.graph_files import write_graph6
    from sicore_molecules.rendering.graph_page import graphs_page

    check_size(size, model.domain)
    asked = asked_for(model.domain, given, "--property")
    note(unusual(model.domain, asked))
    wanted = Wanted(number, asked, size)
    drawn = draw(model, wanted, {key: sampling[key] for key in SAMPLING})
    made = drawn.decoded
    manifest = {
        "command": line,
        "model": name or DEFAULT,
        "n": number,
        "nfe": drawn.nfe,
        "seed": drawn.seed,
        "settings": dict(drawn.settings),
    }
    train = training_data(model)
    page = graphs_page(
        made,
        title=f"Graphs by {name or DEFAULT}",
        command=line,
        lead=wanted.told(),
        train=None if train is None else whole(train),
    )
    connected = float(made.connected().float().mean())
    with output_folder(folder, overwrite, manifest) as staging:
        write_graph6(made, staging / "graphs.g6")
        (staging / "graphs.png").write_bytes(graphs_png(made))
        (staging / "graphs.svg").write_text(graphs_svg(made), encoding="utf-8")
        page.write(staging / "index.html")
    click.echo(
        f"{number} graphs, {connected:.1%} connected, {drawn.nfe} network calls each: "
        f"{folder / 'index.html'}"
    )
