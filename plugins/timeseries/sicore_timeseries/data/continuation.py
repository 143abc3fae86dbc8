r"""How values go on beyond the last known one: by the steps before it, and back to where they keep.

    y_t = y_{t−1} − κ (y_{t−1} − m) + Σ_{k ≤ p} φ_k (y_{t−k} − y_{t−k−1})

for each channel. One that *wanders* (its steps vary less than half as much as itself) has κ = 0: an
autoregression of steps, which knows no level, and is the flat line for φ = 0. Others keep near
their median m, to which κ > 0 brings them back. Coefficients are by least squares, with a ridge of
10⁻³ of the inputs' mean square on φ, and a thousandth of it on κ: a random walk is the prior.

Source: Box and Jenkins, "Time series analysis: forecasting and control", 1970 (ARI models); Engle
and Granger, "Co-integration and error correction", Econometrica 55 (1987), for the form with κ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sicore.errors import InputError

RIDGE = 1e-3
WANDERS = 0.5  # the largest deviation of steps, in deviations of the column, of one that wanders


class Continuation(NamedTuple):
    """φ ``(C, p)`` and κ ``(C,)``, float64."""

    weights: Tensor
    pull: Tensor


def wanders(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which columns wander, bool ``(C,)``, of rows ``(n, C)`` and those after them."""
    told: np.ndarray = np.nanstd(after - before, 0) < WANDERS * np.nanstd(after, 0)
    return told


def fit_continuation(windows: np.ndarray, lags: int) -> Continuation:
    """The continuation of each channel; φ = 0 for one that never moves.

    Args:
        windows: ``(W, T, C)``, NaN where missing; each gives one equation, if it is whole.
        lags: p.

    Raises:
        InputError: for windows of fewer than p + 2 rows.
    """
    if not 0 <= lags <= windows.shape[1] - 2:
        raise InputError(
            f"lags: expected 0 to {windows.shape[1] - 2} of windows of {windows.shape[1]} rows, "
            f"got {lags}; choose fewer lags, or a longer window"
        )
    columns = windows.shape[2]
    before, after = (x.reshape(-1, columns) for x in (windows[:, :-1], windows[:, 1:]))
    weights, pull = np.zeros((columns, lags)), np.zeros(columns)
    for channel, free in enumerate(wanders(before, after)):
        rows = windows[:, : lags + 2, channel]
        rows = rows[np.isfinite(rows).all(1)] - np.nanmedian(windows[..., channel])
        steps = np.diff(rows, axis=1)
        gaps = np.zeros(len(rows)) if free else -rows[:, -2]
        found = _ridged(np.column_stack((steps[:, -2::-1], gaps)), steps[:, -1])
        weights[channel], pull[channel] = found[:-1], max(found[-1], 0.0)
    return Continuation(torch.from_numpy(weights), torch.from_numpy(pull))


def _ridged(inputs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares with the ridge that is told of above; 0 for inputs that are."""
    products = inputs.T @ inputs
    size = np.diag(products).copy()
    size[:-1] = size[:-1].sum() / max(len(size) - 1, 1)
    ridge = RIDGE * size * np.append(np.ones(len(size) - 1), RIDGE)
    found: np.ndarray = np.linalg.solve(
        products + np.diag(np.where(ridge > 0, ridge, 1.0)), inputs.T @ target
    )
    return found


def continued(
    path: Tensor,
    last: Tensor,
    weights: Tensor,
    pull: Tensor | float = 0.0,
    at: Tensor | float = 0.0,
) -> Tensor:
    """A path whose rows beyond ``last`` follow from those up to it, ``(B, T, C)``.

    Args:
        path: ``(B, T, C)``, without NaN; what lies beyond ``last`` does not matter.
        last: the row that is known last in each channel, ``(B, 1, C)``.
        weights: φ, ``(C, p)``. Steps before the first row count as 0.
        pull: κ, ``(C,)``.
        at: m, ``(C,)``.
    """
    lags, beyond = weights.shape[1], last[:, 0]
    backwards = weights.flip(1).T.to(path)
    steps = F.pad(path.diff(dim=1), (0, 0, lags + 1, 0))  # row t + p is the step to row t
    made = list(path.unbind(1))
    for row in range(int(last.min()) + 1, len(made)):
        before = made[row - 1]
        ahead = (steps[:, row : row + lags] * backwards).sum(1) - pull * (before - at)
        made[row] = torch.where(row > beyond, before + ahead, made[row])
        steps[:, row + lags] = made[row] - before
    return torch.stack(made, 1)
