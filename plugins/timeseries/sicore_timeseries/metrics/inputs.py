"""What metrics of windows take: two sets of windows of one shape, without missing values."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError

OFTEN = 0.1  # windows that were picked from such a set are not all equally far apart
Values = Tensor | np.ndarray
"""Numbers as a tensor or an array."""


def pair_of(samples: Values, real: Values) -> tuple[Tensor, Tensor]:
    """Both as float64 tensors ``(n, T, C)`` and ``(m, T, C)``.

    Raises:
        InputError: for other shapes, fewer than two windows a side, or values that are not finite.
    """
    a, b = (torch.as_tensor(values).double() for values in (samples, real))
    if a.ndim != 3 or a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise InputError(
            "windows: expected (n, T, C) and (m, T, C) with n and m above 1, got "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    for name, values in (("samples", a), ("real windows", b)):
        if not bool(values.isfinite().all()):
            bad = int((~values.isfinite()).flatten(1).any(1).sum())
            raise InputError(
                f"{name}: {bad} of {len(values)} windows have values that are missing or infinite; "
                "leave these windows out, or fill them"
            )
    return a, b


def standardised(
    samples: Values, real: Values, unit: Values | None = None
) -> tuple[Tensor, Tensor]:
    """Both with each channel centred, in units of its standard deviation.

    Args:
        samples: ``(n, T, C)``.
        real: ``(m, T, C)``.
        unit: the windows ``(k, T, C)`` whose means and deviations are meant, such as the training
            windows, where the real ones are a short stretch of time; the real ones if not given. A
            channel that never changes there is only centred.

    Raises:
        InputError: as `pair_of` does.
    """
    a, b = pair_of(samples, real)
    rows = (b if unit is None else pair_of(samples, unit)[1]).flatten(0, 1)
    mean, std = rows.mean(0), rows.std(0)
    scale = torch.where(std > 1e-12 * mean.abs(), std, torch.ones_like(std))
    return (a - mean) / scale, (b - mean) / scale


def overlap(windows: Tensor) -> int:
    """How many of the windows after a window share rows with it, in a set that is in order of time.

    Windows that are cut at every s-th row share rows with the next ``⌈T/s⌉ − 1``, s the smallest
    step of those between them; 0 where they were cut apart, or drawn.

    Args:
        windows: ``(n, T, C)``.
    """
    length = windows.shape[1]
    first, second = windows[:-1], windows[1:]
    for stride in range(1, length):
        same = (first[:, stride:] == second[:, :-stride]).flatten(1).all(1)
        if float(same.double().mean()) > OFTEN:
            return -(-length // stride) - 1
    return 0
