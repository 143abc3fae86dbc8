"""What is hidden of a window: all of it, its end, or parts of it, drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError, UnknownName
from sicore.states import Noise

RATES = (0.1, 0.9)
"""The least and the largest share that is hidden where parts are."""


@dataclass(frozen=True)
class Tasks:
    """A mixture of tasks.

    - ``generate``: everything is hidden.
    - ``forecast``: the last H rows are.
    - ``impute``: at a rate r that is uniform in 0.1 to 0.9, and in equal shares: each entry with
      probability r; each row with probability r; or, in each of the channels that are drawn with
      probability ½, or in all if none is, one block of about r T rows.
    - ``gaps``: what another window lacks, one that is drawn from those that lack something: gaps as
      long as the real ones, in the same channels.

    Args:
        shares: of each task by name; normalised.
        horizon: H.
        length: T.
        patterns: what windows lack, bool ``(G, T, C)``, for ``gaps``.

    Raises:
        UnknownName: for another task.
        InputError: for shares that are negative or all 0, or a horizon that leaves no row to
            forecast from.
    """

    shares: Mapping[str, float]
    horizon: int
    length: int
    patterns: Tensor | None = None

    def __post_init__(self) -> None:
        for name in self.shares:
            if name not in TASKS:
                raise UnknownName("task", name, TASKS)
        if not self.shares or min(self.shares.values()) < 0 or not sum(self.shares.values()):
            raise InputError(f"task: expected shares >= 0, not all 0, got {dict(self.shares)}")
        if self.shares.get("forecast") and not 0 < self.horizon < self.length:
            raise InputError(
                f"task 'forecast': a window of {self.length} rows needs a horizon of 1 to "
                f"{self.length - 1}, got {self.horizon}; choose a longer window"
            )

        if self.shares.get("gaps") and (self.patterns is None or not len(self.patterns)):
            raise InputError(
                "task 'gaps': these windows lack nothing to learn from; take the task 'impute'"
            )

    @property
    def random(self) -> bool:
        """Whether a window can be hidden in several ways."""
        used = [name for name, share in self.shares.items() if share]
        return used != ["generate"] and used != ["forecast"]

    def hidden(self, noise: Noise, channels: int) -> Tensor:
        """What is hidden, bool ``(B, T, C)``, for each stream of the noise.

        Args:
            noise: the streams of the windows.
            channels: C.
        """
        streams = noise.named("tasks")
        names = [name for name, share in self.shares.items() if share]
        shares = torch.tensor([self.shares[name] for name in names], dtype=torch.float64)
        edges = (shares / shares.sum()).cumsum(0)[:-1].to(noise.index.device)
        chosen = torch.searchsorted(edges, streams.uniform())
        masks = torch.stack([TASKS[name](self, streams.named(name), channels) for name in names])
        return masks[chosen, torch.arange(len(chosen))]


def _everything(tasks: Tasks, noise: Noise, channels: int) -> Tensor:
    size = (len(noise.index), tasks.length, channels)
    return torch.ones(size, dtype=torch.bool, device=noise.index.device)


def _end(tasks: Tasks, noise: Noise, channels: int) -> Tensor:
    moments = torch.arange(tasks.length, device=noise.index.device)
    last = moments >= tasks.length - tasks.horizon
    return last.unsqueeze(-1).expand(len(noise.index), -1, channels)


def _parts(tasks: Tasks, noise: Noise, channels: int) -> Tensor:
    rate, kind = noise.named("rate").uniform((2,)).unbind(-1)
    rate = (RATES[0] + (RATES[1] - RATES[0]) * rate).reshape(-1, 1, 1)
    entries = noise.named("entries").uniform((tasks.length, channels)) < rate
    rows = (noise.named("rows").uniform((tasks.length, 1)) < rate).expand_as(entries)
    ways = torch.stack((entries, rows, _blocks(tasks, noise, channels, rate)))
    return ways[(3 * kind).long(), torch.arange(len(kind))]


def _blocks(tasks: Tasks, noise: Noise, channels: int, rate: Tensor) -> Tensor:
    """One block for each channel that is drawn; its first row is drawn for each, too."""
    size = (rate * tasks.length).round().clamp(1, tasks.length - 1)
    start = (noise.named("start").uniform((1, channels)) * (tasks.length - size + 1)).floor()
    moments = torch.arange(tasks.length, device=noise.index.device).unsqueeze(-1)
    inside = (moments >= start) & (moments < start + size)
    drawn = noise.named("channels").uniform((1, channels)) < 0.5
    return inside & (drawn | ~drawn.any(-1, keepdim=True))


def _gaps(tasks: Tasks, noise: Noise, channels: int) -> Tensor:
    assert tasks.patterns is not None
    drawn = (noise.uniform() * len(tasks.patterns)).long()
    return tasks.patterns[drawn]


TASKS: Mapping[str, Callable[[Tasks, Noise, int], Tensor]] = {
    "generate": _everything,
    "forecast": _end,
    "impute": _parts,
    "gaps": _gaps,
}
