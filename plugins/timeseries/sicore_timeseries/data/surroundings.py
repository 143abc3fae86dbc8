"""What a model that knows no series in particular is given of a window of one.

Beside the window itself it sees the values 1, 2, 3 and 7 seasons before each moment, and one season
after it, where they are known. All numbers are relative to the last known value of the window, in
units of how far known values are from it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LAGS = (1, 2, 3, 7, -1)
"""How many seasons before a moment its surroundings are."""
FEATURES = 2 * len(LAGS)


class Surroundings(NamedTuple):
    """Windows of one channel in their own units.

    Args:
        observed: ``(B, T)``, NaN where not known.
        features: ``(B, T, 10)``: the values of `LAGS`, 0 where not known, and whether they are.
        level: that was taken off, ``(B, 1)``.
        spread: that was divided by, ``(B, 1)``.
    """

    observed: Tensor
    features: Tensor
    level: Tensor
    spread: Tensor


def surroundings(known: Tensor, first: int, length: int, season: Tensor | int) -> Surroundings:
    """Windows of series, and what surrounds them.

    Args:
        known: the series ``(B, n)``, NaN where not known.
        first: the row at which windows begin; there may be none before it.
        length: T; rows beyond the end are not known.
        season: of each series in rows, ``(B,)``, or of all.
    """
    rows = first + torch.arange(length, device=known.device)
    lags = torch.tensor(LAGS, device=known.device)
    seasons = torch.as_tensor(season, device=known.device).expand(len(known))
    around = rows[:, None] - lags * seasons[:, None, None]  # (B, T, lags)
    observed = _at(known, rows.expand(len(known), -1))
    beside = _at(known, around.flatten(1)).view_as(around)
    level, spread = _units(observed, beside.flatten(1))
    beside = (beside - level.unsqueeze(-1)) / spread.unsqueeze(-1)
    flags = (~beside.isnan()).to(beside)
    features = torch.cat((beside.nan_to_num(0.0), flags), -1)
    return Surroundings((observed - level) / spread, features, level, spread)


def _at(known: Tensor, rows: Tensor) -> Tensor:
    """Values at rows ``(B, k)``, NaN outside of the series."""
    inside = (rows >= 0) & (rows < known.shape[1])
    return known.gather(1, rows.clamp(0, known.shape[1] - 1)).masked_fill(~inside, torch.nan)


def _units(observed: Tensor, beside: Tensor) -> tuple[Tensor, Tensor]:
    """The last known value, and the root mean square of the others' distances from it.

    Where nothing of a window is known, the level is the mean of what surrounds it.
    """
    moments = torch.arange(1, observed.shape[1] + 1, device=observed.device)
    last = (moments * ~observed.isnan()).argmax(1, keepdim=True)
    here = observed.gather(1, last)
    level = torch.where(here.isnan(), beside.nanmean(1, keepdim=True), here).nan_to_num(0.0)
    both = torch.cat((observed, beside), 1)
    spread = (both - level).square().nanmean(1, keepdim=True).sqrt().nan_to_num(0.0)
    return level, torch.where(spread > 0, spread, 1.0)
