"""Flows: laws of the next order given the market; and markets that they drive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sicore.errors import InputError
from sicore_timeseries.market.orders import Order
from sicore_timeseries.market.session import Session


class Flow(Protocol):
    """Where orders come from.

    A flow is made for a number of sessions, and draws for session k from streams of its own: it
    keeps no record of the market beside what the sessions tell.
    """

    def draw(self, sessions: Sequence[Session]) -> list[Order]:
        """The next order of each session, given all that has happened in it.

        The interval counts from the last event, whoever caused it: an order that is not submitted,
        since another one came first, is drawn anew.
        """
        ...


@dataclass(frozen=True)
class Programme:
    """A TWAP: an agent who trades equal parts at equal distances, by market orders.

    Args:
        side: +1 to buy, −1 to sell.
        size: lots in all, 0 for nobody.
        parts: how many orders; the lots are shared out as evenly as whole numbers can be.
        start: seconds, of the first order.
        end: seconds, one distance after the last order.

    Raises:
        InputError: for sizes below 0, no parts, or an end before the start.
    """

    side: int
    size: int
    parts: int
    start: float
    end: float

    def __post_init__(self) -> None:
        if self.size < 0 or self.parts < 1 or not 0 <= self.start < self.end:
            raise InputError(f"programme: expected size >= 0, parts >= 1, start < end; got {self}")

    def orders(self) -> list[tuple[float, int]]:
        """Seconds and lots of each order."""
        ends = [self.size * (k + 1) // self.parts for k in range(self.parts)]
        lots = np.diff([0, *ends]).tolist()
        distance = (self.end - self.start) / self.parts
        return [(self.start + k * distance, size) for k, size in enumerate(lots) if size]


def simulate(
    flow: Flow,
    sessions: Sequence[Session],
    n: int | None = None,
    until: float | None = None,
    programme: Programme | None = None,
) -> None:
    """Let a flow drive sessions: the engine takes each order before the next one is drawn.

    Args:
        flow: made for this many sessions.
        sessions: markets of their own, all moved together.
        n: orders for each session, the programme's among them.
        until: seconds; every session goes on until its clock is past them.
        programme: an agent, ``"programme"``, who trades in every session besides.

    Raises:
        InputError: unless exactly one of n and until is given.
    """
    if (n is None) == (until is None):
        raise InputError("simulate: expected either n, a number of orders, or until, seconds")
    plans = [[] if programme is None else programme.orders()[::-1] for _ in sessions]
    side = 1 if programme is None else programme.side
    goes_on = True
    while goes_on:
        if n is not None:
            n -= 1
            goes_on = n > 0
        for session, plan, order in zip(sessions, plans, flow.draw(sessions), strict=True):
            if plan and plan[-1][0] <= session.clock + order.interval:
                time, lots = plan.pop()
                wait = max(time - session.clock, 0.0)
                session.submit(Order(wait, 2 if side > 0 else 3, 0, lots), "programme")
            else:
                session.submit(order)
        if until is not None:
            goes_on = min(session.clock for session in sessions) <= until


def generators(seed: int, count: int) -> list[np.random.Generator]:
    """A random generator for each of ``count`` sessions; that of session k depends on no other."""
    return [np.random.default_rng([seed, k]) for k in range(count)]
