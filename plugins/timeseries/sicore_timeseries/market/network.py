r"""A network for the next order: its kind, and then its three numbers.

Given a context c, the book and the last K orders, the law of an order is factored,

    ``p(order | c) = p(kind | c) · p(numbers | kind, c)``.

The kind is one of six, and its law is a softmax: exact, with no path. The numbers (log-interval,
log-size, log-offset) follow a one-sided interpolant from noise, whose velocity is learned. So there
is no error from a categorical and a continuous path taking their steps independently.
"""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, silu

from sicore.errors import InputError
from sicore.predictions import Condition
from sicore.states import State
from sicore_timeseries.market.features import BOOK
from sicore_timeseries.market.orders import KINDS

NUMBERS = ("interval", "size", "offset")
PRESENT = ((1, 1, 1), (1, 1, 0), (1, 0, 1))  # of limit orders, market orders, cancellations
_FREQUENCIES = 6


class OrderNetwork(nn.Module):
    """A set encoder of the last orders beside the book, a softmax, and a velocity.

    Orders are encoded one by one, with their age, and summed: as a Hawkes process sums what they
    cause.

    Args:
        width: units of each hidden layer.
        memory: K, how many of the last orders it sees.
    """

    present: Tensor
    mean: Tensor
    std: Tensor
    pace: Tensor

    def __init__(self, width: int = 128, memory: int = 32) -> None:
        super().__init__()
        self.width, self.memory = width, memory
        kinds = len(KINDS)
        present = torch.tensor(PRESENT, dtype=torch.float32).repeat_interleave(2, 0)
        self.register_buffer("present", present, persistent=False)
        self.register_buffer("mean", torch.zeros(kinds, 3))
        self.register_buffer("std", torch.ones(kinds, 3))
        self.register_buffer("pace", torch.ones(()))
        half = width // 2
        self.each = nn.Sequential(
            nn.Linear(kinds + 4, half), nn.SiLU(), nn.Linear(half, half), nn.SiLU()
        )
        self.book = nn.Sequential(nn.Linear(BOOK, width), nn.SiLU())
        self.join = nn.Sequential(
            nn.Linear(width + half, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.kind = nn.Linear(width, kinds)
        self.given = nn.Linear(width + kinds, width)
        self.enter = nn.Linear(3 + 2 * _FREQUENCIES, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.leave = nn.Linear(width, 3)

    def context(self, book: Tensor, history: Tensor) -> Tensor:
        """Encode what the next order may depend on.

        Args:
            book: `book_features`, ``(B, BOOK)``.
            history: `last_orders`, ``(B, K, 4)``.

        Returns:
            ``(B, width)``.
        """
        interval, kind, offset, size = history.unbind(-1)
        there = (kind >= 0).to(book.dtype)[..., None]
        later = interval.flip(1).cumsum(1).flip(1) - interval
        numbers = torch.stack(
            [
                (interval / self.pace + 0.01).log(),
                (later / self.pace).log1p(),
                size.log1p(),
                offset.sign() * offset.abs().log1p(),
            ],
            -1,
        ).to(book.dtype)
        kinds = one_hot(kind.long().clamp_min(0), len(KINDS)).to(book.dtype)
        orders = self.each(torch.cat([kinds, numbers], -1)) * there
        joined: Tensor = self.join(torch.cat([self.book(book), orders.mean(1)], -1))
        return joined

    def logits(self, context: Tensor) -> Tensor:
        """Of the six kinds, ``(B, 6)``."""
        logits: Tensor = self.kind(context)
        return logits

    def condition(self, context: Tensor, kind: Tensor) -> dict[str, Tensor]:
        """What the velocity is conditioned on.

        Args:
            context: of `context`.
            kind: int64 ``(B,)``.

        Returns:
            ``"given"``, context and kind as the hidden units take them, and ``"present"``, 1 for
            the numbers that orders of this kind have, ``(B, 3)``.
        """
        of_kind = one_hot(kind, len(KINDS)).to(context.dtype)
        given = self.given(torch.cat([context, of_kind], 1))
        return {"given": given, "present": self.present[kind]}

    def forward(self, x: State, t: Tensor, condition: Condition = None) -> Tensor:
        """The velocity of the numbers ``(B, 3)`` at times t ``(B,)``; 0 where an order has none.

        Args:
            x: standardised numbers on the path; 0 where an order has none.
            t: times.
            condition: as `condition` gives it.
        """
        if condition is None or not isinstance(x, Tensor):
            raise InputError("order network: expected numbers (B, 3), and a condition")
        octaves = pi * 2.0 ** torch.arange(_FREQUENCIES, device=t.device, dtype=t.dtype)
        angles = t[:, None] * octaves
        h = silu(self.enter(torch.cat([x, angles.sin(), angles.cos()], 1)) + condition["given"])
        for layer in self.hidden:
            h = h + silu(layer(h))
        velocity: Tensor = self.leave(h)
        return velocity * condition["present"]


def to_numbers(orders: Tensor, within: Tensor) -> Tensor:
    """Interval, size and offset as logarithms, whole numbers spread evenly over their unit.

    Args:
        orders: ``(B, 4)`` as `stream_array` gives them; offsets of limit orders and cancellations
            are at least 1.
        within: uniforms in (0, 1), ``(B, 2)``, for size and offset.

    Returns:
        ``(B, 3)``; what an order has not is any finite number.
    """
    interval, _, offset, size = orders.unbind(1)
    whole = torch.stack([size, offset.clamp_min(1)], 1) + within.to(orders) - 0.5
    return torch.cat([interval[:, None].log(), whole.log()], 1)


def from_numbers(numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Interval, size and offset again; sizes and offsets are whole numbers, at least 1."""
    interval, size, offset = numbers.exp().unbind(1)
    return interval, size.round().clamp_min(1).long(), offset.round().clamp_min(1).long()
