"""A market whose law is known: orders of a learned model beside it, and what a large buyer moves.

Real order data are not public, so the model is trained on streams of the reactive Hawkes process,
and judged by that process: its likelihood, time rescaling, conditional frequencies. Stylised facts
and the impact of a TWAP are told of every flow. ``--series`` names a CSV file of daily prices with
the columns Adj_Close and Volume, to lay real facts beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import arguments, record
from scipy.stats import kstest

from sicore_timeseries.market.engine import BUY, MatchingEngine
from sicore_timeseries.market.facts import stylised_facts
from sicore_timeseries.market.flows import Flow, Programme, simulate
from sicore_timeseries.market.generating import LearnedFlow
from sicore_timeseries.market.hawkes import Hawkes
from sicore_timeseries.market.learning import OrderData, learn
from sicore_timeseries.market.network import OrderNetwork
from sicore_timeseries.market.orders import KINDS
from sicore_timeseries.market.poisson import PoissonFlow
from sicore_timeseries.market.reactive import Explained, HawkesFlow, Reactive, explained
from sicore_timeseries.market.session import Session

TRUTH = Reactive()
BLIND = Reactive(imbalance=0.0, modest=0.0)
EVERY = 2.0  # seconds of a return
START, END, LATER = 20.0, 80.0, 110.0  # of the TWAP, and when its trace is looked at once more
LOTS = (0, 50, 100, 200)
Maker = Callable[[int, int], Flow]  # seed and count


def flows(network: OrderNetwork) -> dict[str, Maker]:
    """The simulator, the model, and the baselines."""
    return {
        "simulator": lambda seed, count: HawkesFlow(TRUTH, seed, count),
        "learned": lambda seed, count: LearnedFlow(network, seed, count),
        "hawkes, blind to the book": lambda seed, count: HawkesFlow(BLIND, seed, count),
        "poisson": lambda seed, count: PoissonFlow(None, seed, count),
    }


def sessions_of(make: Maker, seed: int, count: int, n: int) -> list[Session]:
    """Sessions of n orders each."""
    made = [Session() for _ in range(count)]
    simulate(make(seed, count), made, n=n)
    return made


def kind_law(seen: Explained, process: Hawkes, points: int = 400) -> np.ndarray:
    """The exact law of the kind of the next order given the past, ``(n, 6)``, by quadrature."""
    total = (seen.gains * process.mu).sum(1)
    # Times t = −log(1 − u)/total for u in (0, 1): rates never fall below gains · μ, their total.
    edges = np.linspace(0, 1, points + 1)
    middle, width = (edges[1:] + edges[:-1]) / 2, 1 / points
    law = np.zeros_like(seen.gains)
    for u in middle:
        t = -np.log1p(-u) / total
        decay = np.exp(-process.beta * t)[:, None]
        rates = seen.gains * (process.mu + seen.excitation * decay)
        caused = (seen.gains * seen.excitation).sum(1) * (1 - decay[:, 0]) / process.beta
        law += rates * (np.exp(-caused) / total)[:, None] * width
    return law


def likelihood(network: OrderNetwork, held: list[Session]) -> dict[str, float]:
    """Nats for the kind of an order: exact, of the network, and of frequencies alone."""
    streams = [session.orders for session in held]
    orders, books, before = OrderData.of(streams).contexts(network.memory)
    kind = orders[:, 1].long()
    with torch.no_grad():
        logits = network.logits(network.context(books, before))
    mine = torch.nn.functional.cross_entropy(logits, kind).item()
    law = np.concatenate([kind_law(explained(TRUTH, s), TRUTH.process) for s in streams])
    exact = -np.log(law[np.arange(len(kind)), kind.numpy()]).mean()
    share = np.bincount(kind.numpy(), minlength=6) / len(kind)
    return {
        "orders": len(kind),
        "exact": round(float(exact), 4),
        "learned": round(mine, 4),
        "frequencies alone": round(float(-(share * np.log(share)).sum()), 4),
        "law sums to": round(float(law.sum(1).mean()), 5),
        "mean total variation of the learned law": round(
            float(np.abs(law - logits.softmax(1).numpy()).sum(1).mean() / 2), 4
        ),
    }


def judged(sessions: list[Session]) -> dict[str, Any]:
    """Streams by the law of the simulator: time rescaling, and a kind's share of the rates."""
    parts = [(explained(TRUTH, s.orders), s.orders) for s in sessions]
    whole = np.concatenate([seen.integrals.sum(1) for seen, _ in parts])
    rates = np.concatenate([seen.rates for seen, _ in parts])
    kinds = np.array([order.kind for _, orders in parts for order in orders])
    logs = np.log(rates[np.arange(len(kinds)), kinds])
    return {
        "orders": len(kinds),
        "KS distance of rescaled intervals to Exp(1)": round(
            float(kstest(whole, "expon").statistic), 4
        ),
        "mean of rescaled intervals": round(float(whole.mean()), 4),
        "log-likelihood of an order's time and kind": round(float((logs - whole).mean()), 4),
        "kinds": dict(zip(KINDS, (np.bincount(kinds, minlength=6) / len(kinds)).round(4).tolist(),
                          strict=True)),
        "orders a second": round(len(kinds) / sum(s.clock for s in sessions), 3),
    }  # fmt: skip


def conditionals(sessions: list[Session]) -> dict[str, Any]:
    """Laws given the book: the side of market orders, offsets, sizes."""
    rows = []
    for session in sessions:
        replayed = Session()
        for order in session.orders:
            bid, ask = (replayed.engine.depth(s, 1) or [(0, 0)] for s in (1, -1))
            best = {1: bid[0][1], -1: ask[0][1]}
            spread = replayed.best(-1) - replayed.best(1)
            tilt = (best[1] - best[-1]) / max(sum(best.values()), 1)
            rows.append((order.kind, order.offset, order.size, spread, tilt, best[-order.side]))
            replayed.submit(order)
    kind, offset, size, spread, tilt, offered = np.array(rows).T
    market, limit, cancel = kind // 2 == 1, kind < 2, kind >= 4
    edges = np.array([-1.01, -0.6, -0.2, 0.2, 0.6, 1.01])
    given = {1: spread == 1, 2: spread == 2, 3: spread >= 3}
    return {
        "share of buying among market orders by imbalance": [
            round(float((kind[market & (tilt > a) & (tilt <= b)] == 2).mean()), 4)
            for a, b in pairwise(edges)
        ],
        "market orders that take exactly the best price": round(
            float((size[market] == offered[market]).mean()), 4
        ),
        "limit offsets": {k: law(offset[limit & of]) for k, of in given.items()},
        "cancelled offsets": law(offset[cancel]),
        "limit sizes": law(size[limit]),
        "market sizes": law(size[market]),
        "spread": law(spread),
    }


def law(values: np.ndarray, most: int = 60) -> list[float]:
    """Shares of 1, 2, … and of all from ``most`` on."""
    counts = np.bincount(np.minimum(values, most).astype(int), minlength=most + 1)
    return (counts / counts.sum()).tolist()  # type: ignore[no-any-return]


def distances(ours: dict[str, Any], truth: dict[str, Any]) -> dict[str, Any]:
    """Total variation of every law to the simulator's; what is a number or a row of it as it is."""

    def apart(name: str) -> Any:
        if name.startswith(("share", "market orders")):
            return ours[name]
        if name == "limit offsets":
            return {
                f"spread {k}{'+' if k == 3 else ''}": _variation(ours[name][k], truth[name][k])
                for k in truth[name]
            }
        return _variation(ours[name], truth[name])

    return {name: apart(name) for name in truth}


def _variation(p: list[float], q: list[float]) -> float:
    return round(float(np.abs(np.subtract(p, q)).sum() / 2), 4)


def facts_of(sessions: list[Session]) -> list[dict[str, Any]]:
    """Of the returns over 2 s of all sessions in a row; volume is that of the trades."""
    returns, volumes = [], []
    for session in sessions:
        times = np.arange(0, session.clock, EVERY)
        returns.append(np.diff(np.log(session.mids(times))))
        when = [t for t, _ in session.trades]
        lots = [trade.size for _, trade in session.trades]
        volumes.append(np.histogram(when, times, weights=lots)[0])
    return told(np.concatenate(returns), np.concatenate(volumes))


def told(returns: np.ndarray, volumes: np.ndarray) -> list[dict[str, Any]]:
    """Facts as records."""
    found = stylised_facts(returns, volumes)
    return [{"returns": len(returns), "held": sum(fact.holds for fact in found)}] + [
        {"fact": f.name, "figure": round(f.figure, 4), "holds": f.holds} for f in found
    ]


def impact(make: Maker, count: int) -> list[dict[str, float]]:
    """How far a TWAP buyer moves the price, in ticks, beside nobody with the same seed."""
    ends = {}
    for lots in LOTS:
        made = [Session() for _ in range(count)]
        programme = Programme(BUY, lots, 20, START, END)
        simulate(make(11, count), made, until=LATER, programme=programme)
        looks = np.array([START, END, LATER])
        ends[lots] = np.array([np.diff(s.mids(looks))[[0, 1]] for s in made])
        ends[lots][:, 1] += ends[lots][:, 0]
    return [
        {
            "lots": lots,
            "ticks at the end": round(float(moved[:, 0].mean()), 2),
            "standard error": round(float(moved[:, 0].std(ddof=1) / np.sqrt(count)), 2),
            "ticks 30 s later": round(float(moved[:, 1].mean()), 2),
        }
        for lots, moved in ends.items()
    ]


def engine_speed(n: int) -> float:
    """Orders a second of the engine alone: half limit orders, the rest by halves the others."""
    random = np.random.default_rng(0)
    rows = np.stack([random.integers(0, 4, n), 1 - 2 * random.integers(0, 2, n),
                     random.integers(1, 30, n), random.integers(1, 10, n)], 1).tolist()  # fmt: skip
    engine, start = MatchingEngine(), time.process_time()
    for what, side, away, lots in rows:
        if what < 2:
            engine.limit("a", side, 1000 + side * (3 - away), lots)
        elif what == 2 or not engine.waiting:
            engine.market("b", side, lots)
        else:
            engine.cancel(next(iter(engine.waiting)))
    return round(n / (time.process_time() - start))


def main() -> None:
    """Measure, and write ``market.json``."""
    options = arguments(__doc__, series=Path("stock_data.csv"))
    torch.set_num_threads(1)
    quick = options.quick
    count, n, steps, draws = (8, 1000, 100, 1500) if quick else (32, 6000, 6000, 3000)
    speed = engine_speed(100_000)
    simulator: Maker = lambda seed, k: HawkesFlow(TRUTH, seed, k)  # noqa: E731
    train = OrderData.of([s.orders for s in sessions_of(simulator, 1, count, n)])
    start = time.process_time()
    network = learn(train, steps, report=lambda *losses: print(*losses, flush=True))
    seconds = time.process_time() - start
    held = sessions_of(simulator, 2, max(count // 4, 2), n // 2)
    figures: dict[str, Any] = {
        "engine: orders a second": speed,
        "training": {
            "orders": count * n,
            "steps": steps,
            "parameters": sum(p.numel() for p in network.parameters()),
            "cpu_seconds": round(seconds, 1),
        },
        "kind of the next order, nats": likelihood(network, held),
        "flows": {},
    }
    truth = conditionals(sessions_of(simulator, 4, count, draws))
    for name, make in flows(network).items():
        start = time.process_time()
        made = sessions_of(make, 3, count, draws)
        speed = count * draws / (time.process_time() - start)
        figures["flows"][name] = {
            "orders a CPU second": round(speed),
            **judged(made),
            "given the book": distances(conditionals(made), truth),
            "facts": facts_of(made),
            "TWAP": impact(make, 8 if quick else 64),
        }
        print(name, figures["flows"][name], flush=True)
    if options.series.is_file():
        prices = pd.read_csv(options.series)
        returns = np.diff(np.log(prices["Adj_Close"].to_numpy()))
        figures["real daily returns"] = told(returns, prices["Volume"].to_numpy(float)[1:])
    record("market", options, figures)


if __name__ == "__main__":
    main()
