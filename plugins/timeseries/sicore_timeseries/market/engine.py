"""A matching engine with price–time priority: limit orders, market orders, cancellations.

Prices are whole ticks, sizes whole lots. An order that comes in meets the best price of the other
side first, and within a price the order that has waited longest; it trades at the price of the
order that waited. What is left of a limit order waits in the book, what is left of a market order
is gone. So the book is never crossed, and what one agent pays another one gets.

Everything is a function of the orders and their sequence: the same orders make the same book.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sicore.errors import InputError

BUY, SELL = 1, -1


class Trade(NamedTuple):
    """Two orders that met.

    Attributes:
        price: in ticks, that of the order that waited.
        size: in lots.
        side: of the order that came in: +1 bought, −1 sold.
        maker: the order that waited.
        taker: the order that came in.
        buyer: the agent who bought.
        seller: the agent who sold.
    """

    price: int
    size: int
    side: int
    maker: int
    taker: int
    buyer: str
    seller: str


class Receipt(NamedTuple):
    """What became of an order: its number, its trades, and the lots that now wait in the book."""

    order: int
    trades: tuple[Trade, ...]
    resting: int


@dataclass
class Resting:
    """An order that waits."""

    order: int
    agent: str
    side: int
    price: int
    size: int


@dataclass
class Account:
    """What an agent has gained since the start; both may be negative (debt, short sales)."""

    cash: int = 0
    shares: int = 0


@dataclass
class Side:
    """One side of the book.

    ``keys`` are the prices times the sign of the side, rising, so the best price is the last key
    on either side.
    """

    sign: int
    keys: list[int] = field(default_factory=list)
    levels: dict[int, OrderedDict[int, Resting]] = field(default_factory=dict)
    volumes: dict[int, int] = field(default_factory=dict)
    count: int = 0

    def add(self, order: Resting) -> None:
        """Put an order at the end of the queue of its price."""
        key = self.sign * order.price
        if key not in self.levels:
            insort(self.keys, key)
            self.levels[key], self.volumes[key] = OrderedDict(), 0
        self.levels[key][order.order] = order
        self.volumes[key] += order.size
        self.count += 1

    def remove(self, order: Resting) -> None:
        """Take an order out, whatever is left of it."""
        key = self.sign * order.price
        level = self.levels[key]
        del level[order.order]
        self.volumes[key] -= order.size
        self.count -= 1
        if not level:
            del self.levels[key], self.volumes[key], self.keys[bisect_left(self.keys, key)]


class MatchingEngine:
    """The book of one asset, the accounts of those who trade it, and the rules.

    Orders are numbered 0, 1, … as they come, cancellations are not.

    Raises:
        InputError: from every method, for prices or sizes that are no positive whole numbers,
            a side that is neither +1 nor −1, and orders that do not wait in the book.
    """

    def __init__(self) -> None:
        self.sides = {BUY: Side(BUY), SELL: Side(SELL)}
        self.accounts: dict[str, Account] = {}
        self.waiting: dict[int, Resting] = {}
        self.submitted = 0

    def limit(self, agent: str, side: int, price: int, size: int) -> Receipt:
        """Buy at ``price`` or below (sell at it or above) now, or wait in the book."""
        _check(side, size)
        if not (isinstance(price, int) and price > 0):
            raise InputError(f"price: expected a whole number of ticks >= 1, got {price!r}")
        number, trades, left = self._match(agent, side, size, side * price)
        if left:
            order = Resting(number, agent, side, price, left)
            self.sides[side].add(order)
            self.waiting[number] = order
        return Receipt(number, trades, left)

    def market(self, agent: str, side: int, size: int) -> Receipt:
        """Buy or sell now at the best prices there are; what finds no other side is gone."""
        _check(side, size)
        number, trades, _ = self._match(agent, side, size, None)
        return Receipt(number, trades, 0)

    def cancel(self, order: int) -> int:
        """Take a waiting order out of the book; returns the lots that were left of it."""
        found = self.waiting.pop(order, None)
        if found is None:
            raise InputError(
                f"cancel: order {order} does not wait in the book: it was filled, cancelled, or "
                f"never there (orders so far: {self.submitted})"
            )
        self.sides[found.side].remove(found)
        return found.size

    def best(self, side: int) -> int | None:
        """The best price of a side: the highest bid (+1) or the lowest ask (−1); None if empty."""
        keys = self.sides[side].keys
        return side * keys[-1] if keys else None

    def depth(self, side: int, levels: int) -> list[tuple[int, int]]:
        """Price and waiting lots of the best levels of a side, best first."""
        book = self.sides[side]
        return [(side * key, book.volumes[key]) for key in book.keys[: -levels - 1 : -1]]

    def queue(self, side: int, price: int) -> list[Resting]:
        """The orders that wait at a price, the one with priority first."""
        return list(self.sides[side].levels.get(side * price, {}).values())

    def resting(self) -> Iterator[Resting]:
        """All orders that wait: bids and then asks, each in order of priority."""
        for book in self.sides.values():
            for key in reversed(book.keys):
                yield from book.levels[key].values()

    def _match(
        self, agent: str, side: int, size: int, reach: int | None
    ) -> tuple[int, tuple[Trade, ...], int]:
        """Trade while the other side is at ``side · price <= reach``; None is any price."""
        number, self.submitted = self.submitted, self.submitted + 1
        other, trades, left = self.sides[-side], [], size
        while left and other.keys:
            key = other.keys[-1]
            if reach is not None and -key > reach:
                break
            maker = next(iter(other.levels[key].values()))
            lots = min(left, maker.size)
            left -= lots
            trades.append(self._trade(agent, number, side, maker, lots))
            if lots == maker.size:
                other.remove(maker)
                del self.waiting[maker.order]
            else:
                maker.size -= lots
                other.volumes[key] -= lots
        return number, tuple(trades), left

    def _trade(self, agent: str, number: int, side: int, maker: Resting, lots: int) -> Trade:
        buyer, seller = (agent, maker.agent) if side == BUY else (maker.agent, agent)
        paid = maker.price * lots
        bought = self.accounts.setdefault(buyer, Account())
        sold = self.accounts.setdefault(seller, Account())
        bought.cash -= paid
        bought.shares += lots
        sold.cash += paid
        sold.shares -= lots
        return Trade(maker.price, lots, side, maker.order, number, buyer, seller)


def _check(side: int, size: int) -> None:
    if side not in (BUY, SELL):
        raise InputError(f"side: expected +1 (buy) or -1 (sell), got {side!r}")
    if not (isinstance(size, int) and size > 0):
        raise InputError(f"size: expected a whole number of lots >= 1, got {size!r}")
