"""What an order may depend on: the book, and the last orders, as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.orders import Order
from sicore_timeseries.market.session import Session

LEVELS = 10
BOOK = 4 * LEVELS + 3  # numbers of `book_features`


def depth(session: Session, levels: int = LEVELS) -> np.ndarray:
    """The best levels of both sides.

    Returns:
        ``(2, levels, 2)``, bids first, best price first: ticks from the best price of the other
        side, and lots. Zeros where there is no level.
    """
    found = np.zeros((2, levels, 2))
    for row, side in enumerate((BUY, SELL)):
        other = session.best(-side)
        for k, (price, lots) in enumerate(session.engine.depth(side, levels)):
            found[row, k] = side * (other - price), lots
    return found


def book_features(session: Session) -> np.ndarray:
    """The book as a network takes it, float32 ``(BOOK,)``.

    ``log(1 + ·)`` of all numbers of `depth`, of the spread, and of how many orders wait on each
    side.
    """
    sides = session.engine.sides
    more = (session.best(SELL) - session.best(BUY), sides[BUY].count, sides[SELL].count)
    return np.log1p(np.concatenate([depth(session).ravel(), more])).astype(np.float32)


def stream_array(orders: Sequence[Order]) -> np.ndarray:
    """A stream as float64 ``(n, 4)``: interval, kind, offset, size."""
    return np.array([order[:4] for order in orders], dtype=float).reshape(-1, 4)


def last_orders(stream: np.ndarray, at: np.ndarray, count: int) -> np.ndarray:
    """The orders before each of some places of a stream.

    Args:
        stream: as `stream_array` gives it.
        at: places ``(B,)``; the orders before each of them are wanted.
        count: how many, K.

    Returns:
        float64 ``(B, K, 4)``, the newest last; the kind is −1 where the stream had not begun.
    """
    begin = np.array([[0.0, -1.0, 0.0, 0.0]])
    padded = np.concatenate([np.repeat(begin, count, 0), stream])
    return padded[np.asarray(at)[:, None] + np.arange(count)]
