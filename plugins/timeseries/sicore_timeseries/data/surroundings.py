"""What a model that knows no series in particular is given of a window of one.

What it draws are distances from straight lines between the known values (level beyond the first
and the last), in units of how far the series usually moves over such gaps. Beside the window it
sees what the series did 1, 2, 3 and 7 seasons before, and one season after: its distances there
from the lines between the same places. So a forecast of zeros keeps the last value, and one of the
distances a season ago is the seasonal naive forecast from that value; neither a level, nor a unit,
nor a trend changes what the model sees.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LAGS = (1, 2, 3, 7, -1)
"""How many seasons before a moment its surroundings are."""
FEATURES = 2 * len(LAGS) + 4
ROUNDING = 1e-6
"""Moves that are smaller than this share of the level are none."""


class Surroundings(NamedTuple):
    """Windows of one channel in their own units.

    Args:
        observed: the shape of the window, ``(B, T)``, NaN where not known: distances from the
            first known value over their root mean square.
        features: ``(B, T, 14)``: the distances of `LAGS` from their lines, 0 where not known, and
            whether they are; steps from one known value to the next row's, and whether there is
            one; the lines, in the units of ``observed``; and log(unit of ``observed``/``spread``).
        line: between the known values, ``(B, T)``.
        spread: the unit of what is drawn, ``(B, 1)``.
    """

    observed: Tensor
    features: Tensor
    line: Tensor
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
    around = rows - lags[:, None] * seasons[:, None, None]  # (B, lags, T)
    window = _at(known, rows.expand(len(known), -1))
    beside = _at(known, around.flatten(1)).view_as(around)
    away = beside - lines(beside.masked_fill(window.isnan().unsqueeze(1), torch.nan))
    line = lines(window)
    line = torch.where(line.isnan(), beside.flatten(1).nanmean(1, keepdim=True), line)
    spread = _spread(window, away, beside.flatten(1))
    shape, unit = _shape(window, line)
    steps = torch.nn.functional.pad(window.diff(dim=1), (1, 0), value=torch.nan)
    moves = torch.cat((away, steps.unsqueeze(1)), 1).transpose(1, 2) / spread.unsqueeze(-1)
    features = torch.cat(
        (
            moves.nan_to_num(0.0),
            (~moves.isnan()).to(moves),
            ((line - shape) / unit).nan_to_num(0.0).unsqueeze(-1),
            (unit / spread).log().expand_as(line).unsqueeze(-1),
        ),
        -1,
    )
    return Surroundings((window - shape) / unit, features, line.nan_to_num(0.0), spread)


def lines(values: Tensor) -> Tensor:
    """Straight lines between known values ``(..., T)``, level beyond the first and the last.

    All of a row is NaN where nothing of it is known.
    """
    known = ~values.isnan()
    rows = torch.arange(values.shape[-1], device=values.device).expand(values.shape)
    none = values.shape[-1]
    before = torch.where(known, rows, -1).cummax(-1).values
    after = torch.where(known, rows, none).flip(-1).cummin(-1).values.flip(-1)
    left = torch.where(before < 0, after, before).clamp(0, none - 1)
    right = torch.where(after == none, before, after).clamp(0, none - 1)
    share = (rows - left).to(values) / (right - left).clamp_min(1)
    low, high = values.gather(-1, left), values.gather(-1, right)
    return low + share * (high - low)


def _at(known: Tensor, rows: Tensor) -> Tensor:
    """Values at rows ``(B, k)``, NaN outside of the series."""
    inside = (rows >= 0) & (rows < known.shape[1])
    return known.gather(1, rows.clamp(0, known.shape[1] - 1)).masked_fill(~inside, torch.nan)


def _spread(window: Tensor, away: Tensor, beside: Tensor) -> Tensor:
    """How far the series moves over the distance from hidden rows to known ones, ``(B, 1)``.

    The root mean square of v(t + g) − v(t) over known pairs, with g the mean distance, and of the
    surroundings' distances from their lines, in equal parts as far as they are known; and a
    thirtieth of the deviation of all values, so that a calm stretch has a unit, too.
    """
    known = ~window.isnan()
    hidden = ~known
    gap = _distances(known).masked_fill(known, 0).sum(1) / hidden.sum(1).clamp_min(1)
    rows = torch.arange(window.shape[1], device=window.device)
    later = rows + gap.round().clamp(1, window.shape[1] - 1).long()[:, None]
    moved = (_at(window, later) - window).square().nanmean(1)
    seasons = away.masked_fill(known.unsqueeze(1), torch.nan).flatten(1).square().nanmean(1)
    usual = torch.stack((moved, seasons), 1).nanmean(1).nan_to_num(0.0)
    values = torch.cat((window, beside), 1)
    level = values.nanmean(1, keepdim=True)
    whole = (values - level).square().nanmean(1)
    spread = (usual + whole.nan_to_num(0.0) / 900).sqrt().unsqueeze(1)
    size = level.nan_to_num(0.0).abs()
    return torch.where(spread > ROUNDING * size, spread, torch.where(size > 0, size, 1.0))


def _distances(known: Tensor) -> Tensor:
    """Rows from each row to the nearest known one, ``(B, T)``; T where none is."""
    rows = torch.arange(known.shape[1], device=known.device).expand(known.shape)
    none = known.shape[1]
    before = torch.where(known, rows, -none).cummax(1).values
    after = torch.where(known, rows, 2 * none).flip(1).cummin(1).values.flip(1)
    return torch.minimum(rows - before, after - rows).clamp_max(none)


def _shape(window: Tensor, line: Tensor) -> tuple[Tensor, Tensor]:
    """The first value of the line, and the root mean square of known distances from it."""
    start = line[:, :1].nan_to_num(0.0)
    unit = (window - start).square().nanmean(1, keepdim=True).sqrt().nan_to_num(0.0)
    return start, torch.where(unit > 0, unit, 1.0)
