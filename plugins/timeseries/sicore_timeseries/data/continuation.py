r"""How values go on beyond the last known one: by the steps before it.

    y_t = y_{t−1} + Σ_{k ≤ p} φ_k (y_{t−k} − y_{t−k−1})

for each channel: an autoregression of steps, which knows no level, and is the flat line for φ = 0.
φ is by least squares with a ridge of 10⁻³ of the lags' mean square: a random walk is its prior.

Source: Box and Jenkins, "Time series analysis: forecasting and control", 1970 (ARI models).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sicore.errors import InputError

RIDGE = 1e-3


def fit_continuation(windows: np.ndarray, lags: int) -> Tensor:
    """φ of each channel, float64 ``(C, p)``; 0 for one that never moves.

    Args:
        windows: ``(W, T, C)``, NaN where missing; each gives one equation, if it is whole.
        lags: p.

    Raises:
        InputError: for windows of fewer than p + 2 rows.
    """
    if not 0 < lags <= windows.shape[1] - 2:
        raise InputError(
            f"lags: expected 1 to {windows.shape[1] - 2} of windows of {windows.shape[1]} rows, "
            f"got {lags}; choose fewer lags, or a longer window"
        )
    steps = np.diff(windows[:, : lags + 2], axis=1)
    found = []
    for channel in range(steps.shape[2]):
        whole = steps[np.isfinite(steps[..., channel]).all(1), :, channel]
        past, target = whole[:, -2::-1], whole[:, -1]
        products = past.T @ past
        ridge = RIDGE * np.trace(products) / lags
        found.append(np.linalg.solve(products + (ridge or 1.0) * np.eye(lags), past.T @ target))
    return torch.from_numpy(np.stack(found))


def continued(path: Tensor, last: Tensor, weights: Tensor) -> Tensor:
    """A path whose rows beyond ``last`` follow from those up to it, ``(B, T, C)``.

    Args:
        path: ``(B, T, C)``, without NaN; what lies beyond ``last`` does not matter.
        last: the row that is known last in each channel, ``(B, 1, C)``.
        weights: φ, ``(C, p)``. Steps before the first row count as 0.
    """
    lags, length = weights.shape[1], path.shape[1]
    backwards = weights.flip(1).T.to(path)
    steps = F.pad(path.diff(dim=1), (0, 0, lags + 1, 0))  # row t + p is the step to row t
    for row in range(int(last.min()) + 1, length):
        ahead = (steps[:, row : row + lags] * backwards).sum(1)
        steps[:, row + lags] = torch.where(row > last[:, 0], ahead, steps[:, row + lags])
    height = steps[:, lags:].cumsum(1)
    rows = torch.arange(length, device=path.device).unsqueeze(-1)
    beyond = path.gather(1, last) + height - height.gather(1, last)
    return torch.where(rows > last, beyond, path)
