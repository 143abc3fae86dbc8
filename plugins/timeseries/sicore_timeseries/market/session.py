"""A trading session: the engine with a clock, the stream of orders, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError
from sicore_timeseries.market.engine import BUY, SELL, MatchingEngine, Receipt, Resting, Trade
from sicore_timeseries.market.orders import CANCEL, LIMIT, Order

PUBLIC = "public"  # the agent of all orders that come from no named one


@dataclass(frozen=True)
class Opening:
    """The book at the start: the same orders on every level of both sides.

    Args:
        bid: the best bid, in ticks.
        spread: from the best bid to the best ask, in ticks.
        levels: of each side, one tick apart.
        orders: that wait on each level.
        size: lots of each order.

    Raises:
        InputError: for numbers below 1, or prices that are not positive.
    """

    bid: int = 10_000
    spread: int = 1
    levels: int = 20
    orders: int = 2
    size: int = 3

    def __post_init__(self) -> None:
        if min(self.spread, self.levels, self.orders, self.size) < 1 or self.bid < self.levels:
            raise InputError(f"opening: expected whole numbers >= 1, levels <= bid, got {self}")


class Session:
    """A market as it goes on.

    Args:
        opening: the book at the start.

    Attributes:
        engine: the book and the accounts.
        clock: seconds since the start.
        orders: the stream so far, without the opening.
        trades: seconds and trade, in sequence.
        quotes: seconds, bid and ask, at the start and after each order; a side that is empty has
            its last price.
    """

    def __init__(self, opening: Opening | None = None) -> None:
        book = opening or Opening()
        self.engine = MatchingEngine()
        self.clock = 0.0
        self.orders: list[Order] = []
        self.trades: list[tuple[float, Trade]] = []
        self._last = {BUY: book.bid, SELL: book.bid + book.spread}
        for level in range(book.levels):
            for side in (BUY, SELL):
                for _ in range(book.orders):
                    self.engine.limit(PUBLIC, side, self._last[side] - side * level, book.size)
        self.quotes = [(0.0, self.best(BUY), self.best(SELL))]

    def best(self, side: int) -> int:
        """The best price of a side; of an empty side the last one, moved until it is uncrossed."""
        price = self.engine.best(side)
        if price is None:
            price, other = self._last[side], self.engine.best(-side)
            if other is not None:
                price = side * min(side * price, side * other - 1)
        self._last[side] = price
        return price

    def submit(self, order: Order, agent: str = PUBLIC) -> Receipt:
        """Let the order's interval pass, then do what it says.

        Raises:
            InputError: for an order that is none (see `MatchingEngine`), such as a cancellation of
                what does not wait.
        """
        if not order.interval >= 0:
            raise InputError(f"interval: expected seconds >= 0, got {order.interval}")
        side = order.side
        if order.type == CANCEL:
            self.engine.cancel(order.order)
            receipt = Receipt(order.order, (), 0)
        elif order.type == LIMIT:
            price = self.best(-side) - side * order.offset
            receipt = self.engine.limit(agent, side, price, order.size)
        else:
            receipt = self.engine.market(agent, side, order.size)
        self.clock += order.interval
        self.orders.append(order)
        self.trades += [(self.clock, trade) for trade in receipt.trades]
        self.quotes.append((self.clock, self.best(BUY), self.best(SELL)))
        return receipt

    def replay(self, orders: Iterable[Order]) -> None:
        """Submit a stream.

        Raises:
            InputError: with the place in the stream, counted from 1, of an order that does not fit.
        """
        for number, order in enumerate(orders, 1):
            try:
                self.submit(order)
            except InputError as error:
                raise InputError(f"order {number} of the stream: {error}") from None

    def offset(self, order: Resting) -> int:
        """Ticks of a waiting order from the best price of the other side, as in `Order`."""
        return order.side * (self.best(-order.side) - order.price)

    def withdrawal(self, interval: float, order: Resting) -> Order:
        """The cancellation of a waiting order."""
        kind = 4 if order.side == BUY else 5
        return Order(interval, kind, self.offset(order), order.size, order.order)

    def number(self, side: int, k: int) -> Resting:
        """The waiting order number k of a side, from 0, in order of priority."""
        book = self.engine.sides[side]
        for key in reversed(book.keys):
            level = book.levels[key]
            if k < len(level):
                return list(level.values())[k]
            k -= len(level)
        raise InputError(f"number: expected less than {book.count} orders that wait")

    def nearest(self, side: int, offset: int, share: float) -> Resting | None:
        """A waiting order at the price nearest to an offset; None if none waits on this side.

        Args:
            side: of the orders.
            offset: in ticks, as in `Order`.
            share: in [0, 1), how far back in the queue of that price.
        """
        book = self.engine.sides[side]
        if not book.keys:
            return None
        wanted = side * self.best(-side) - offset
        level = list(book.levels[min(book.keys, key=lambda key: abs(key - wanted))].values())
        return level[int(share * len(level))]

    def mids(self, times: np.ndarray | None = None) -> np.ndarray:
        """Middle of bid and ask in ticks: after each order, or at given seconds ``(n,)``."""
        quotes = np.array(self.quotes)
        middle = quotes[:, 1:].mean(1)
        if times is None:
            return middle
        return middle[np.searchsorted(quotes[:, 0], times, side="right") - 1]
