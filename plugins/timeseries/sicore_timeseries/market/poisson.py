r"""Zero intelligence: orders that come as Poisson processes, whatever the market does.

Source: Smith, Farmer, Gillemot and Krishnamurthy, "Statistical theory of the continuous double
auction", Quantitative Finance 3, 2003, section 2 (the "Santa Fe" model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError
from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.flows import generators
from sicore_timeseries.market.orders import Order
from sicore_timeseries.market.session import Session


@dataclass(frozen=True)
class ZeroIntelligence:
    r"""The rates of the Santa Fe model.

    Given the book, with ``N_b`` buy and ``N_s`` sell orders waiting, all orders together come at
    rate ``Λ = 2 α L + 2 μ + δ (N_b + N_s)``. Far from the best prices a tick's queue is that of an
    M/M/∞ system: Poisson with mean ``α/δ``.

    Args:
        alpha: α, limit orders a second on each of the ticks 1 to L from the best price of the other
            side, for each side.
        mu: μ, market orders a second, for each side.
        delta: δ, cancellations a second of each waiting order.
        ticks: L.
        size: lots of every order.

    Raises:
        InputError: unless the rates are positive (μ may be 0), and ticks and size at least 1.
    """

    alpha: float = 0.1
    mu: float = 0.25
    delta: float = 0.03
    ticks: int = 20
    size: int = 3

    def __post_init__(self) -> None:
        if not (self.alpha > 0 and self.delta > 0 and self.mu >= 0):
            raise InputError(f"zero intelligence: expected rates > 0, got {self}")
        if self.ticks < 1 or self.size < 1:
            raise InputError(f"zero intelligence: expected ticks and size >= 1, got {self}")

    def rates(self, session: Session) -> np.ndarray:
        """Orders a second of each of the ``KINDS``, ``(6,)``, given the book."""
        limit, counts = self.alpha * self.ticks, session.engine.sides
        waiting = self.delta * counts[BUY].count, self.delta * counts[SELL].count
        return np.array([limit, limit, self.mu, self.mu, *waiting])


class PoissonFlow:
    """Orders of the Santa Fe model.

    Args:
        model: its rates.
        seed: of the random numbers.
        count: how many sessions it drives.
    """

    def __init__(
        self, model: ZeroIntelligence | None = None, seed: int = 0, count: int = 1
    ) -> None:
        self.model = model or ZeroIntelligence()
        self._random = generators(seed, count)

    def draw(self, sessions: Sequence[Session]) -> list[Order]:
        """The next order of each session; see `Flow`."""
        return [
            self._draw(session, random)
            for session, random in zip(sessions, self._random, strict=True)
        ]

    def _draw(self, session: Session, random: np.random.Generator) -> Order:
        rates = self.model.rates(session).cumsum()
        interval = random.exponential(1 / rates[-1])
        kind = int(np.searchsorted(rates, random.uniform(0, rates[-1]), side="right"))
        if kind >= 4:
            side = BUY if kind == 4 else SELL
            which = int(random.integers(session.engine.sides[side].count))
            return session.withdrawal(interval, session.number(side, which))
        offset = int(random.integers(1, self.model.ticks + 1)) if kind < 2 else 0
        return Order(interval, kind, offset, self.model.size)
