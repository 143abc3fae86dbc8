"""How sure is a figure? Intervals from resampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.states import Noise


@dataclass(frozen=True)
class Interval:
    """A figure and the interval that holds it.

    Args:
        value: the statistic of the data as they are.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


def bootstrap_interval(
    statistic: Callable[..., float],
    *samples: Tensor,
    level: float = 0.95,
    draws: int = 200,
    seed: int = 0,
) -> Interval:
    """Percentile interval of ``statistic(*samples)``, each sample resampled with replacement.

    Args:
        statistic: of tensors like the samples. Not for statistics that count exact repeats or
            neighbours, which resampling with replacement distorts.
        samples: tensors ``(N_i, ...)``, resampled independently of each other.
        level: of the interval.
        draws: resamplings.
        seed: of the resampling.

    Source: Efron 1979.
    """
    values = []
    for draw in range(draws):
        noise = Noise.of(seed, 1, draw)
        picked = []
        for number, sample in enumerate(samples):
            places = noise.named(f"{number}").uniform((len(sample),))[0]
            picked.append(sample[(places * len(sample)).long().to(sample.device)])
        values.append(statistic(*picked))
    tail = (1 - level) / 2
    ends = torch.tensor(values, dtype=torch.float64).quantile(
        torch.tensor([tail, 1 - tail], dtype=torch.float64)
    )
    return Interval(statistic(*samples), ends[0].item(), ends[1].item())
