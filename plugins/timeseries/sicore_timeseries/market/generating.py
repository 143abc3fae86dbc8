"""Orders by a learned network, one after the other, through the engine; and its model folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.files import read_json, write_json
from sicore.hub.folder import WEIGHTS, read_tensors, write_tensors
from sicore.interpolants import Linear
from sicore.predictions import VELOCITY, NetworkPrediction
from sicore.solvers import Midpoint, solve
from sicore.states import MaskedSpace, Noise
from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.features import book_features, last_orders, stream_array
from sicore_timeseries.market.learning import SPACE
from sicore_timeseries.market.network import OrderNetwork, from_numbers
from sicore_timeseries.market.orders import Order
from sicore_timeseries.market.session import Session

CONFIG = "orders.json"


class LearnedFlow:
    """Orders as a network has learned them.

    The same seed gives session k the same orders, however many sessions there are.

    Args:
        network: that was trained.
        seed: of the random numbers.
        count: how many sessions it drives.
        steps: of the midpoint rule for the numbers, of two network calls each.
    """

    def __init__(
        self, network: OrderNetwork, seed: int = 0, count: int = 1, steps: int = 8
    ) -> None:
        self.network, self.steps = network, steps
        self._device = network.pace.device
        self._streams = Noise.of(seed, count, device=self._device)
        self._drawn = 0

    @torch.no_grad()
    def draw(self, sessions: Sequence[Session]) -> list[Order]:
        """The next order of each session; see `Flow`."""
        noise = self._streams.named(f"order {self._drawn}")
        self._drawn += 1
        context = self.network.context(*self._seen(sessions))
        for_kind, for_queue = noise.uniform((2,)).unbind(1)
        kind = self._kinds(context, sessions, for_kind)
        interval, size, offset = from_numbers(self.numbers(context, kind, noise))
        columns = (interval, kind, offset, size, for_queue)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [_order(s, *row) for s, row in zip(sessions, rows, strict=True)]

    def numbers(self, context: Tensor, kind: Tensor, noise: Noise) -> Tensor:
        """Log-interval, log-size and log-offset of orders of known kind, ``(B, 3)``.

        Args:
            context: `OrderNetwork.context`.
            kind: ``(B,)``.
            noise: the streams of the samples.
        """
        network = self.network
        space = MaskedSpace(SPACE, network.present[kind] > 0)
        prediction = NetworkPrediction(network, Linear(), VELOCITY)
        dynamics = PathDynamics(prediction, condition=network.condition(context, kind))
        x = prediction.interpolant.prior(replace(noise, space=space), space, context.dtype)
        times = torch.linspace(0, 1, self.steps + 1, dtype=torch.float64)
        x1 = solve(dynamics, x, times, Midpoint()).x
        if not isinstance(x1, Tensor) or not bool(x1.isfinite().all()):
            raise InputError("learned flow: the network gives numbers that are not finite")
        return network.mean[kind] + network.std[kind] * x1

    def _seen(self, sessions: Sequence[Session]) -> tuple[Tensor, Tensor]:
        books = torch.from_numpy(np.stack([book_features(s) for s in sessions]))
        memory, history = self.network.memory, []
        for session in sessions:
            stream = stream_array(session.orders[-memory:])
            history.append(last_orders(stream, np.array([len(stream)]), memory)[0])
        return books.to(self._device), torch.from_numpy(np.stack(history)).float().to(self._device)

    def _kinds(self, context: Tensor, sessions: Sequence[Session], uniform: Tensor) -> Tensor:
        """Drawn from the softmax; where no order waits on a side, none of it can be cancelled."""
        logits = self.network.logits(context)
        waiting = [[s.engine.sides[side].count for side in (BUY, SELL)] for s in sessions]
        logits[:, 4:].masked_fill_(torch.tensor(waiting, device=self._device) == 0, -torch.inf)
        sums = logits.double().softmax(1).cumsum(1)
        place = uniform[:, None] * sums[:, -1:]
        return torch.searchsorted(sums, place, right=True)[:, 0]


def _order(
    session: Session, interval: float, kind: int, offset: int, size: int, share: float
) -> Order:
    if kind < 4:
        return Order(interval, kind, offset if kind < 2 else 0, size)
    found = session.nearest(BUY if kind == 4 else SELL, offset, share)
    if found is None:
        raise InputError("learned flow: no order waits that could be cancelled")
    return session.withdrawal(interval, found)


def save_network(network: OrderNetwork, folder: Path) -> None:
    """Write ``model.safetensors`` and ``orders.json``."""
    write_tensors(folder / WEIGHTS, network.state_dict())
    write_json(folder / CONFIG, {"width": network.width, "memory": network.memory})


def load_network(folder: Path, device: torch.device | str = "cpu") -> OrderNetwork:
    """Read what `save_network` wrote.

    Raises:
        InputError: if a file is missing, or does not belong to such a network.
    """
    config = read_json(folder / CONFIG)
    try:
        network = OrderNetwork(config["width"], config["memory"])
        network.load_state_dict(read_tensors(folder / WEIGHTS))
    except (TypeError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{folder}: holds no network for orders ({reason})") from None
    return network.to(device).eval().requires_grad_(False)
