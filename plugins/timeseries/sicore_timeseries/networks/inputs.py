"""What every network over series is given: values, what was observed of them, and when.

The state, the observed values and the features of time are joined moment by moment, so that one
network generates (nothing is observed), forecasts (the last rows are not) and imputes.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from sicore_timeseries.domain import TimeSeries

FREQUENCIES = 6


class Inputs(NamedTuple):
    """Features of each moment ``(B, T, F)``, and the moments themselves ``(B, T)``."""

    features: Tensor
    times: Tensor


class SeriesInputs(nn.Module):
    """Joins ``x``, the observed values, which of both are there, time stamps and calendar.

    Args:
        domain: the series; gives shapes and the scale of observed values.
    """

    def __init__(self, domain: TimeSeries) -> None:
        super().__init__()
        self.domain = domain
        self.moments, self.channels = domain.space.shape
        self.calendar = domain.calendar
        self.width = 4 * self.channels + 1 + 2 * FREQUENCIES + self.calendar

    def forward(self, x: Tensor, condition: Mapping[str, Tensor] | None) -> Inputs:
        """Features of states ``(B, T, C)`` and raw conditions; see `sicore_timeseries.domain`."""
        given = condition or {}
        times = self.domain.times_of(given, x)
        raw = given.get("observed")
        raw = torch.full_like(x, torch.nan) if raw is None else raw.to(x)
        known = (~raw.isnan()).to(x)
        parts = [x, (x != 0).to(x), self.domain.encode(raw).to(x), known, moments(times)]
        if self.calendar:
            parts.append(self._features(given.get("calendar"), x))
        return Inputs(torch.cat(parts, -1), times)

    def _features(self, calendar: Tensor | None, x: Tensor) -> Tensor:
        if calendar is None:
            return x.new_zeros(*x.shape[:2], self.calendar)
        return calendar.to(x).nan_to_num(0.0)


def moments(times: Tensor) -> Tensor:
    """Time stamps ``(B, T)`` as themselves and sines and cosines, ``(B, T, 1 + 2 F)``."""
    octaves = pi * 2.0 ** torch.arange(FREQUENCIES, device=times.device).to(times)
    angles = times.unsqueeze(-1) * octaves
    return torch.cat([times.unsqueeze(-1), angles.sin(), angles.cos()], -1)


class TimeEmbedding(nn.Module):
    """The time of the path t ``(B,)`` as a vector ``(B, width)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1 + 2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )

    def forward(self, t: Tensor) -> Tensor:
        """Of times in [0, 1]."""
        embedded: Tensor = self.layers(moments(t.unsqueeze(-1)).squeeze(1))
        return embedded


def zeroed(linear: nn.Linear) -> nn.Linear:
    """With weights and bias 0, so that what it adds is 0 at first."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
