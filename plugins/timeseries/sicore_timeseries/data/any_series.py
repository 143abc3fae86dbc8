"""Made-up series in great number, for a model that forecasts what it has never seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.data.made_up import SEASONS, made_up
from sicore_timeseries.data.surroundings import FEATURES, LAGS, surroundings
from sicore_timeseries.data.windows import SPLITS

LONGEST = max(LAGS)
GROUP = 500  # series of one season that are made at a time
MASKS = 64
HISTORY = LONGEST * max(SEASONS)
FURTHEST = 12.0  # units: values further off are left out
SHORT = 0.3  # the share of windows of which little is known before


class AnySeries:
    """Windows of one channel in their own units, with what surrounds them.

    Item k is a window of series ``k mod size``, hidden in way ``k // size``: half are forecasts of
    the last 1 to T/2 rows, in the others parts are hidden, at a rate of 0.05 to 0.9, entry by entry
    or in one block. Conditions are ``observed`` ``(B, T, 1)`` and, in the place of the calendar,
    the values some seasons away, see `surroundings`.

    Args:
        split: ``train``, ``validation`` or ``test``: sets of their own; ``all`` is ``train``.
        size: how many series are made; 1,000 take about a second.
        window: T.
        seed: of the series and of what is hidden.

    Raises:
        InputError: for an unknown split, or sizes that are too small.
    """

    title = "Made-up series: seasons, trends, wandering and noise of random strength"
    licence = "none: generated"
    source = "sicore_timeseries.data.made_up"
    columns = ("value",)

    def __init__(
        self, split: str = "train", size: int = 100_000, window: int = 96, seed: int = 0
    ) -> None:
        if split not in (*SPLITS, "all"):
            raise InputError(f"unknown split '{split}'; known: {', '.join(SPLITS)}, all")
        if size < 1 or window < 4:
            raise InputError(f"expected size >= 1 and window >= 4, got {size} and {window}")
        self.size, self.window, self.seed = size, window, seed
        number = SPLITS.index("train" if split == "all" else split)
        rng = np.random.default_rng([seed, number])
        parts, seasons = [], []
        for first in range(0, size, GROUP):
            season, count = int(rng.choice(SEASONS)), min(GROUP, size - first)
            rows = made_up(count, (LONGEST + 1) * season + 2 * window, season, rng)
            parts.append(torch.from_numpy(rows.astype(np.float32).ravel()))
            seasons.append(torch.full((count,), season))
        self.values, self.seasons = torch.cat(parts), torch.cat(seasons)
        lengths = (LONGEST + 1) * self.seasons + 2 * window
        self.firsts = lengths.cumsum(0) - lengths  # where each series begins

    def __len__(self) -> int:
        """The number of series, times the ways to hide them."""
        return self.size * MASKS

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Values ``(B, T, 1)`` in their own units, and the conditions."""
        indices = indices.long()
        series = indices % self.size
        noise = Noise(self.seed, indices).named("any")
        season = self.seasons[series]
        stretch = self._stretch(series, season, noise)
        known = stretch.masked_fill(self._hidden(noise, season), torch.nan)
        given = surroundings(known, HISTORY, self.window, season)
        window = stretch[:, HISTORY : HISTORY + self.window]
        away = (window - given.line) / given.spread
        values = away.masked_fill(away.abs() > FURTHEST, torch.nan).unsqueeze(-1)
        return values, {"observed": given.observed.unsqueeze(-1), "calendar": given.features}

    def domain_config(self) -> dict[str, Any]:
        """One channel, already in its units, with what surrounds a window as features."""
        return {
            "length": self.window,
            "channels": ["value"],
            "calendar": FEATURES,
            "framing": "surrounded",
        }

    def _stretch(self, series: Tensor, season: Tensor, noise: Noise) -> Tensor:
        """Rows around windows ``(B, n)``, which begin at row ``HISTORY``; NaN further away."""
        start = (noise.named("start").uniform() * self.window).long() + LONGEST * season
        rows = torch.arange(self._rows) - HISTORY
        near = (rows >= -LONGEST * season[:, None]) & (rows < self.window + season[:, None])
        at = (self.firsts[series] + start)[:, None] + rows
        inside = at.clamp(0, len(self.values) - 1)
        return self.values[inside].masked_fill(~near, torch.nan)

    @property
    def _rows(self) -> int:
        return HISTORY + self.window + max(SEASONS)

    def _hidden(self, noise: Noise, season: Tensor) -> Tensor:
        """What is hidden of stretches ``(B, n)``."""
        rows, length = torch.arange(self._rows) - HISTORY, self.window
        u = noise.named("task").uniform((6,), torch.float32).unsqueeze(-1)
        future = rows >= length - 1 - (u[:, 1] * (length // 2)).floor()
        rate = 0.05 + 0.85 * u[:, 2]
        entries = noise.named("entries").uniform((self._rows,), torch.float32) < rate
        size = (rate * length).round().clamp(1, length - 1)
        begin = (u[:, 3] * (length - size + 1)).floor()
        block = (rows >= begin) & (rows < begin + size)
        hidden = torch.where(u[:, 0] < 0.5, future, torch.where(u[:, 0] < 0.75, entries, block))
        known = (u[:, 5] * (LONGEST * season[:, None] + length // 4)).floor()  # rows before row T/4
        return hidden | ((u[:, 4] < SHORT) & (rows < length // 4 - known))
