"""``sicore market``: simulate a market order by order, learn one, and look for stylised facts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sicore.cli.options import example, output_option, seed_option
from sicore.files import check_output, output_folder
from sicore_apps.command_line import command_line

if TYPE_CHECKING:
    from sicore_timeseries.market.flows import Flow

FLOWS = ("hawkes", "poisson")


@click.group(
    epilog=example(
        "sicore market simulate -n 10000 -o market",
        "sicore market facts prices.csv --column Close --prices",
    )
)
def command() -> None:
    """A market order by order: simulate it, learn it, and look for stylised facts."""


@command.command(
    epilog=example(
        "sicore market simulate -n 10000 -o market",
        "sicore market simulate --flow poisson -o poisson",
        "sicore market simulate --model learned -n 2000 -o mine",
    )
)
@click.option(
    "--flow",
    type=click.Choice(FLOWS),
    default="hawkes",
    show_default=True,
    help="Where orders come from: excited by each other and the book, or by chance alone.",
)
@click.option(
    "--model",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Orders of a model that `sicore market train` wrote, instead of a flow.",
)
@click.option(
    "-n", "--number", type=click.IntRange(1), default=10_000, show_default=True, help="Orders."
)
@click.option(
    "--every",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    help="Seconds of each return that the facts are about.",
)
@seed_option
@output_option
def simulate(
    flow: str,
    model: Path | None,
    number: int,
    every: float,
    seed: int,
    folder: Path,
    overwrite: bool,
) -> None:
    """Let orders come to a matching engine with price-time priority.

    FOLDER gets the orders, the trades, the stylised facts of the returns, the price as an SVG, and
    a page, index.html. The markets are made up: no fitted model of a real one comes with sicore.
    """
    check_output(folder, overwrite)
    line = command_line(click.get_current_context())
    from sicore_apps.market_pages import facts_of, market_page, price_svg, trades_table
    from sicore_timeseries.market.flows import simulate as run
    from sicore_timeseries.market.orders import write_orders
    from sicore_timeseries.market.session import Session

    session = Session()
    run(_flow(flow, model, seed), [session], n=number)
    facts = facts_of(session, every)
    manifest = {"command": line, "orders": number, "seed": seed, "seconds": session.clock}
    with output_folder(folder, overwrite, manifest) as staging:
        write_orders(session.orders, staging / "orders.csv")
        trades_table(session).to_csv(staging / "trades.csv", index=False)
        if facts is not None:
            facts.to_csv(staging / "facts.csv", index=False)
        (staging / "price.svg").write_text(price_svg(session), encoding="utf-8")
        market_page(session, facts, every, line).write(staging / "index.html")
    click.echo(
        f"{number} orders in {session.clock:.0f} s of the market, {len(session.trades)} trades: "
        f"{folder / 'index.html'}"
    )
    if facts is None:
        click.echo("too few returns for the stylised facts: raise -n, or lower --every", err=True)


def _flow(name: str, model: Path | None, seed: int) -> Flow:
    if model is not None:
        from sicore_timeseries.market.generating import LearnedFlow, load_network

        return LearnedFlow(load_network(model), seed)
    from sicore_timeseries.market.poisson import PoissonFlow
    from sicore_timeseries.market.reactive import HawkesFlow

    return PoissonFlow(seed=seed) if name == "poisson" else HawkesFlow(seed=seed)


@command.command(epilog=example("sicore market train market/orders.csv -o learned"))
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--steps", type=click.IntRange(100), default=4000, show_default=True, help="Of training."
)
@seed_option
@output_option
def train(files: tuple[Path, ...], steps: int, seed: int, folder: Path, overwrite: bool) -> None:
    """Learn the law of orders from streams, each of a session of its own.

    A stream is a CSV or Parquet file with the columns interval, type, side, offset, size and order,
    as `sicore market simulate` writes it; it starts from the opening book of that command.
    """
    check_output(folder, overwrite)
    line = command_line(click.get_current_context())
    from sicore_timeseries.market.generating import save_network
    from sicore_timeseries.market.learning import OrderData, learn
    from sicore_timeseries.market.orders import read_orders

    def report(step: int, kind: float, numbers: float) -> None:
        if step % 500 == 0 or step == steps:
            click.echo(f"step {step} of {steps}: kind {kind:.4f} nats, numbers {numbers:.4f}")

    network = learn(OrderData.of([read_orders(path) for path in files]), steps, seed=seed,
                    report=report)  # fmt: skip
    with output_folder(folder, overwrite, {"command": line, "steps": steps}) as staging:
        save_network(network, staging)
    click.echo(f"sicore market simulate --model {folder} draws from it")


@command.command(
    epilog=example(
        "sicore market facts returns.csv",
        "sicore market facts prices.csv --column Close --prices --volume Volume",
    )
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", help="The column to read; by default the only one of numbers.")
@click.option("--prices", is_flag=True, help="The column holds prices: take log differences.")
@click.option("--volume", help="A column of volumes, for the fact about them.")
@seed_option
def facts(file: Path, column: str | None, prices: bool, volume: str | None, seed: int) -> None:
    """Which stylised facts of markets the returns in FILE have (CSV or Parquet)."""
    from sicore_apps.market_pages import facts_table, returns_of
    from sicore_timeseries.market.facts import stylised_facts

    returns, volumes = returns_of(file, column, prices, volume)
    found = stylised_facts(returns, volumes, seed)
    click.echo(facts_table(found).to_string(index=False))
    click.echo(f"{sum(fact.holds for fact in found)} of {len(found)} hold")
