"""Learn the law of orders from streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sicore.errors import InputError
from sicore.interpolants import Linear
from sicore.objectives import Objective
from sicore.predictions import VELOCITY, NetworkPrediction
from sicore.states import MaskedSpace, Noise, TensorSpace
from sicore_timeseries.market.features import book_features, last_orders, stream_array
from sicore_timeseries.market.network import OrderNetwork, to_numbers
from sicore_timeseries.market.orders import KINDS, LIMIT, Order
from sicore_timeseries.market.session import Opening, Session

SPACE = TensorSpace((3,))
AVERAGED = 12  # the average of the weights reaches over a twelfth of the training


@dataclass(frozen=True)
class OrderData:
    """Streams with the book before each of their orders.

    Attributes:
        streams: one for each session, ``(n, 4)`` as `stream_array` gives them.
        books: `book_features` before each order, ``(n, BOOK)``.
    """

    streams: Sequence[np.ndarray]
    books: Sequence[np.ndarray]

    @classmethod
    def of(cls, streams: Sequence[Sequence[Order]], opening: Opening | None = None) -> OrderData:
        """Replay streams, each from the opening, and look at the book before each order.

        Raises:
            InputError: for orders that do not fit the market, or of which nothing can be learned:
                intervals of 0, and limit orders that trade at once (write these as market orders).
        """
        arrays, books = [], []
        for number, orders in enumerate(streams, 1):
            _check(number, orders)
            session, seen = Session(opening), []
            for order in orders:
                seen.append(book_features(session))
                session.replay([order])
            arrays.append(stream_array(orders))
            books.append(np.stack(seen))
        return cls(arrays, books)

    def contexts(self, memory: int) -> tuple[Tensor, Tensor, Tensor]:
        """All orders, ``(n, 4)``, their books, and the ``memory`` orders before each; float32."""
        history = [last_orders(s, np.arange(len(s)), memory) for s in self.streams]
        parts = (self.streams, self.books, history)
        orders, books, before = (torch.from_numpy(np.concatenate(p)).float() for p in parts)
        return orders, books, before


def _check(number: int, orders: Sequence[Order]) -> None:
    if len(orders) < 2:
        raise InputError(f"stream {number}: expected at least 2 orders, got {len(orders)}")
    for place, order in enumerate(orders, 1):
        where = f"stream {number}, order {place}"
        if not order.interval > 0:
            raise InputError(f"{where}: expected an interval above 0 s: part equal times first")
        if order.type == LIMIT and order.offset < 1:
            raise InputError(f"{where}: a limit order that trades at once; write a market order")


def learn(
    data: OrderData,
    steps: int = 4000,
    batch: int = 512,
    rate: float = 2e-3,
    seed: int = 0,
    width: int = 128,
    memory: int = 32,
    device: torch.device | str = "cpu",
    report: Callable[[int, float, float], object] | None = None,
) -> OrderNetwork:
    """Train a network by maximum likelihood of the kind and flow matching of the numbers.

    Args:
        data: the streams.
        steps: of AdamW, with a cosine schedule, at least 100; the moving average of the weights is
            returned.
        batch: orders of a step, drawn with replacement.
        rate: the learning rate at the start.
        seed: of weights and batches.
        width: of the network.
        memory: how many orders it sees.
        device: where it is trained.
        report: called every 100 steps with the step and the mean of both losses since.

    Raises:
        InputError: for fewer than 100 steps.
    """
    if steps < 100:
        raise InputError(f"learn: expected at least 100 steps, got {steps}")
    orders, books, before = data.contexts(memory)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = OrderNetwork(width, memory)
    network.to(device)
    _standardise(network, orders)
    prediction = NetworkPrediction(network, Linear(), VELOCITY)
    objective = Objective(prediction.interpolant)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(1 - AVERAGED / steps))
    optimiser = torch.optim.AdamW(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses = []
    for step in range(1, steps + 1):
        noise = Noise.of(seed, batch, step * batch, device=device)
        chosen = (noise.named("batch").uniform() * len(orders)).long().to(orders.device)
        order, book, history = (part[chosen].to(device) for part in (orders, books, before))
        context, kind = network.context(book, history), order[:, 1].long()
        of_kind = cross_entropy(network.logits(context), kind)
        there = network.present[kind]
        numbers = to_numbers(order, noise.named("within").uniform((2,)))
        x1 = (numbers - network.mean[kind]) / network.std[kind] * there
        streams = Noise.of(seed, batch, step * batch, device, MaskedSpace(SPACE, there > 0))
        condition = network.condition(context, kind)
        of_numbers = objective.loss(prediction, x1, condition, streams).mean()
        optimiser.zero_grad(set_to_none=True)
        (of_kind + of_numbers).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        losses.append((of_kind.item(), of_numbers.item()))
        if report is not None and step % 100 == 0:
            report(step, *np.mean(losses[-100:], 0).tolist())
    network.load_state_dict(average.module.state_dict())
    return network.eval().requires_grad_(False)


def _standardise(network: OrderNetwork, orders: Tensor) -> None:
    """Mean and deviation of the numbers of each kind, and the mean interval."""
    network.pace.copy_(orders[:, 0].mean())
    numbers = to_numbers(orders, torch.full((len(orders), 2), 0.5))
    for kind in range(len(KINDS)):
        mine = numbers[orders[:, 1] == kind]
        if len(mine) > 1:
            network.mean[kind] = mine.mean(0)
            network.std[kind] = mine.std(0).clamp_min(0.1)
