"""Train on samples, test on real windows: one step ahead, all columns."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values, standardised

ROWS = 3
RIDGE = 1e-3


def prediction_error(
    samples: Values, real: Values, *, rows: int = ROWS, unit: Values | None = None
) -> float:
    """Mean absolute error of the next row, by a linear rule learnt from samples.

    The rule is a ridge regression of ``x_t`` on ``x_{t−1}, …, x_{t−K}`` and 1. The error is in
    units of each column's standard deviation. Beside it belongs the same figure with training
    windows for ``samples``: samples are as good as data for this task if they agree.

    Args:
        samples: ``(n, T, C)``, what the rule is learnt from.
        real: ``(m, T, C)``, what it is tested on.
        rows: K, fewer than T.
        unit: see `standardised`.

    Raises:
        InputError: as `pair_of` does, or for a K that is out of range.

    Source: the idea is Esteban et al., "Real-valued (medical) time series generation", 2017 (train
    on synthetic, test on real), and Yoon et al. 2019, who predict the last column only.
    """
    a, b = standardised(samples, real, unit)
    if not 1 <= rows < a.shape[1]:
        raise InputError(f"rows: expected 1 to {a.shape[1] - 1} previous rows, got {rows}")
    x, y = _pairs(a, rows)
    gram = x.T @ x / len(x) + RIDGE * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    rule = torch.linalg.solve(gram, x.T @ y / len(x))
    x, y = _pairs(b, rows)
    return float((x @ rule - y).abs().mean())


def _pairs(windows: Tensor, rows: int) -> tuple[Tensor, Tensor]:
    """``(x_{t−K}, …, x_{t−1}, 1)`` and ``x_t``, for all t of all windows."""
    length = windows.shape[1] - rows
    before = [windows[:, k : k + length] for k in range(rows)]
    one = torch.ones_like(windows[:, :length, :1])
    return torch.cat([*before, one], -1).flatten(0, 1), windows[:, rows:].flatten(0, 1)
