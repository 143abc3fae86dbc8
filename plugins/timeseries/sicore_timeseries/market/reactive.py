r"""Orders as a Hawkes process that looks at the book.

Orders of the six kinds excite each other. Besides, with the imbalance
``I = (V_b − V_s)/(V_b + V_s)`` of the lots at the best prices, market orders to buy come
``exp(θ I)`` times as often, those to sell ``exp(−θ I)`` times; cancellations of a side come in
proportion to the orders that wait there; limit orders go into a wide spread more often; and market
orders seldom take more than the best price offers. This is a made-up market with a known law, not a
model that was fitted to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.flows import generators
from sicore_timeseries.market.hawkes import Hawkes
from sicore_timeseries.market.orders import Order
from sicore_timeseries.market.session import Opening, Session


def _market_process() -> Hawkes:
    """Buying and selling alike; market orders call for more of them, and for new limit orders."""
    mu = np.array([0.8, 0.8, 0.15, 0.15, 0.4, 0.4])
    half = {  # cause: what it leads to, on its own side (first) and on the other one
        "limit": ((0.30, 0.02, 0.20), (0.05, 0.03, 0.03)),
        "market": ((0.10, 0.40, 0.03), (0.20, 0.02, 0.15)),
        "cancel": ((0.15, 0.02, 0.20), (0.05, 0.04, 0.03)),
    }
    branching = np.zeros((6, 6))
    for cause, (own, other) in enumerate(half.values()):
        for side in (0, 1):
            branching[side::2, 2 * cause + side] = own
            branching[1 - side :: 2, 2 * cause + side] = other
    return Hawkes(mu, branching, 1.5)


@dataclass(frozen=True)
class Reactive:
    r"""The law of orders given the market.

    Args:
        process: the excitation among the six ``KINDS``.
        imbalance: θ; at 0 market orders do not look at the book.
        usual: the orders that wait on a side at which cancellations come at their own rate.
        improve: the chance, for each free tick between bid and ask, that a limit order goes in.
        reach: ticks, the scale of the distance of other limit orders from their own best price.
        tail: the tail index of that distance.
        size: lots, the median of an order; sizes are rounded log-normal ones.
        spread: the standard deviation of log sizes.
        modest: the share of market orders that take no more than the best price offers.
    """

    process: Hawkes = field(default_factory=_market_process)
    imbalance: float = 1.0
    usual: int = 40
    improve: float = 0.3
    reach: float = 3.0
    tail: float = 2.0
    size: float = 3.0
    spread: float = 0.8
    modest: float = 0.7

    def gains(self, session: Session) -> np.ndarray:
        """What the book makes of the rates of each of the ``KINDS``, ``(6,)``."""
        engine = session.engine
        (bids,), (asks,) = ([v for _, v in engine.depth(s, 1)] or [0] for s in (BUY, SELL))
        tilt = self.imbalance * (bids - asks) / max(bids + asks, 1)
        waiting = engine.sides[BUY].count / self.usual, engine.sides[SELL].count / self.usual
        return np.array([1.0, 1.0, np.exp(tilt), np.exp(-tilt), *waiting])

    def offset(self, spread: int, random: np.random.Generator) -> int:
        """Of a limit order: inside the spread, or at the own best price and behind it."""
        if random.random() < 1 - (1 - self.improve) ** (spread - 1):
            return int(random.integers(1, spread))
        behind = self.reach * (random.random() ** (-1 / self.tail) - 1)
        return spread + min(int(behind), 60)

    def lots(self, random: np.random.Generator, offered: int | None = None) -> int:
        """Of an order; of a market order given the lots that the best price offers."""
        size = max(1, round(self.size * float(np.exp(self.spread * random.standard_normal()))))
        return min(size, offered) if offered and random.random() < self.modest else size


class Explained(NamedTuple):
    """A stream by the law of a reactive process, a row for each order.

    Attributes:
        gains: of the book before the order, ``(n, 6)``.
        excitation: right after the order before, ``(n, 6)``.
        rates: of each kind when the order came, ``(n, 6)``.
        integrals: of the rates over the interval, ``(n, 6)``; by the law of the process their sum
            over the kinds is exponential with mean 1, independently of all before.
    """

    gains: np.ndarray
    excitation: np.ndarray
    rates: np.ndarray
    integrals: np.ndarray


def explained(
    model: Reactive, orders: Sequence[Order], opening: Opening | None = None
) -> Explained:
    """Replay a stream and look at it as the process would, whoever made it."""
    session, flow = Session(opening), HawkesFlow(model)
    gains, excitation = np.empty((len(orders), 6)), np.empty((len(orders), 6))
    for k, order in enumerate(orders):
        gains[k], excitation[k] = model.gains(session), flow.excitation(0, session)
        session.replay([order])
    process, wait = model.process, np.array([order.interval for order in orders])[:, None]
    rates = gains * (process.mu + excitation * np.exp(-process.beta * wait))
    caused = excitation * -np.expm1(-process.beta * wait) / process.beta
    return Explained(gains, excitation, rates, gains * (process.mu * wait + caused))


class HawkesFlow:
    """Orders of the reactive Hawkes process.

    Args:
        model: its law.
        seed: of the random numbers.
        count: how many sessions it drives.
    """

    def __init__(self, model: Reactive | None = None, seed: int = 0, count: int = 1) -> None:
        self.model = model or Reactive()
        self._random = generators(seed, count)
        self._excitation = [np.zeros(6) for _ in range(count)]
        self._seen = [0] * count

    def draw(self, sessions: Sequence[Session]) -> list[Order]:
        """The next order of each session; see `Flow`."""
        return [self._draw(number, session) for number, session in enumerate(sessions)]

    def excitation(self, number: int, session: Session) -> np.ndarray:
        """That of a session right after its last event, ``(6,)``."""
        process, now = self.model.process, self._excitation[number]
        for order in session.orders[self._seen[number] :]:
            now = now * np.exp(-process.beta * order.interval) + process.jump(order.kind)
        self._excitation[number], self._seen[number] = now, len(session.orders)
        return now

    def _draw(self, number: int, session: Session) -> Order:
        model, random = self.model, self._random[number]
        excitation = self.excitation(number, session)
        wait, kind, _ = model.process.next_event(excitation, model.gains(session), random)
        side = SELL if kind % 2 else BUY
        if kind >= 4:
            which = int(random.integers(session.engine.sides[side].count))
            return session.withdrawal(wait, session.number(side, which))
        if kind >= 2:
            offered = session.engine.depth(-side, 1)
            return Order(wait, kind, 0, model.lots(random, offered[0][1] if offered else None))
        spread = session.best(SELL) - session.best(BUY)
        return Order(wait, kind, model.offset(spread, random), model.lots(random))
