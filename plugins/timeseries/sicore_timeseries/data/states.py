"""Values as states, and the states that two-sided paths start from."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.data.base_scaling import Scaling

ALMOST = 1e-12  # instead of 0 for a value that is there


def states(values: Tensor, scaling: Scaling) -> Tensor:
    """Standardised float32 values, of the shape of the raw ones; 0 where they are NaN, only there.

    Args:
        values: ``(..., C)``.
        scaling: of the columns.
    """
    scaled = scaling.encode(values.double()).float()
    return torch.where(scaled == 0, ALMOST, scaled).nan_to_num(0.0)


def bridged(observed: Tensor, times: Tensor) -> Tensor:
    """What the present says of a window: lines between known values, and level beyond them.

    A forecast begins as the last known value, a gap as the line between its neighbours.

    Args:
        observed: ``(B, T, C)``, NaN where not known.
        times: increasing moments ``(B, T)``.

    Returns:
        ``(B, T, C)``; NaN in a channel of which nothing is known.

    Raises:
        InputError: for moments of another shape.
    """
    if observed.ndim != 3 or times.shape != observed.shape[:2]:
        raise InputError(
            f"observed and times: expected (B, T, C) and (B, T), got {tuple(observed.shape)} and "
            f"{tuple(times.shape)}"
        )
    known, length = ~observed.isnan(), observed.shape[1]
    rows = torch.arange(length, device=observed.device).view(1, -1, 1)
    before = torch.where(known, rows, -1).cummax(1).values
    after = torch.where(known, rows, length).flip(1).cummin(1).values.flip(1)
    left = torch.where(before >= 0, before, after).clamp(max=length - 1)
    right = torch.where(after < length, after, left)
    at = times.unsqueeze(-1).expand_as(observed)
    start, end = (at.gather(1, side) for side in (left, right))
    share = torch.where(right > left, (at - start) / (end - start), 0.0)
    return torch.lerp(observed.gather(1, left), observed.gather(1, right), share)
