"""Gaps filled by straight lines, and by Brownian bridges around them."""

from __future__ import annotations

import numpy as np

from sicore.errors import InputError


def brownian_bridges(values: np.ndarray, times: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Paths of a Brownian motion that passes through the known values (see `Imputer`).

    Between known values at a and b, a path has at t the mean of linear interpolation and the
    variance σ²(t − a)(b − t)/(b − a); before the first and after the last known value it is a free
    Brownian motion. σ² is the mean of (Δy)²/Δt over neighbouring known values, its
    maximum-likelihood estimate.

    Args:
        values: ``(n, C)``, NaN where not known; two known values in each channel.
        times: ``(n,)``, increasing.
        samples: S.
        seed: of the paths.

    Returns:
        Float64 ``(S, n, C)``; the mean over paths is linear interpolation.

    Raises:
        InputError: the shapes do not fit, times do not increase, or a channel has fewer than two
            known values.
    """
    data, moments = checked(values, times, 2)
    rng = np.random.default_rng(seed)
    return np.stack([_bridged(channel, moments, samples, rng) for channel in data.T], axis=-1)


def checked(values: np.ndarray, times: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64.

    Args:
        values: ``(n, C)``.
        times: ``(n,)``.
        least: known values that each channel needs.

    Raises:
        InputError: see `brownian_bridges`.
    """
    data, moments = np.asarray(values, np.float64), np.asarray(times, np.float64)
    if data.ndim != 2 or moments.shape != data.shape[:1]:
        raise InputError(
            f"gaps: got values {data.shape} and times {moments.shape}, expected (n, C) and (n,)"
        )
    if not (np.diff(moments) > 0).all():
        raise InputError("gaps: times do not increase; sort the rows, and leave out doubles")
    known = np.isfinite(data).sum(0)
    if (known < least).any():
        raise InputError(
            f"gaps: channel {int(known.argmin())} has {int(known.min())} known values, expected at "
            f"least {least}"
        )
    return data, moments


def _bridged(
    values: np.ndarray, times: np.ndarray, samples: int, rng: np.random.Generator
) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(values))
    deviation = np.sqrt(np.mean(np.diff(values[known]) ** 2 / np.diff(times[known])))
    paths = np.tile(values, (samples, 1))
    for row in range(known[0] - 1, -1, -1):
        step = deviation * np.sqrt(times[row + 1] - times[row])
        paths[:, row] = paths[:, row + 1] + step * rng.standard_normal(samples)
    for row in range(known[0] + 1, len(values)):
        if np.isfinite(values[row]):
            continue
        gone = times[row] - times[row - 1]
        after = known[np.searchsorted(known, row) :]
        step, share = gone, 0.0
        if len(after):
            left = times[after[0]] - times[row]
            step, share = gone * left / (gone + left), gone / (gone + left)
        mean = paths[:, row - 1] * (1 - share) + (values[after[0]] * share if len(after) else 0.0)
        paths[:, row] = mean + deviation * np.sqrt(step) * rng.standard_normal(samples)
    return paths
