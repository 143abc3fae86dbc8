"""What the simple forecasts share: their signature, gaps of the history, and random innovations."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sicore.errors import InputError


class Forecaster(Protocol):
    """A forecast from the history alone, without training before."""

    def __call__(self, history: np.ndarray, horizon: int, samples: int, seed: int) -> np.ndarray:
        """Paths of the steps that follow.

        Args:
            history: ``(n, C)``, equally far apart; gaps (NaN) are filled linearly.
            horizon: H, the number of steps.
            samples: S, the number of paths.
            seed: of the paths.

        Returns:
            Float64 ``(S, H, C)``.
        """


class Imputer(Protocol):
    """Paths through gaps, from the known values alone."""

    def __call__(
        self, values: np.ndarray, times: np.ndarray, samples: int, seed: int
    ) -> np.ndarray:
        """Values with their gaps filled, several times.

        Args:
            values: ``(n, C)``, NaN where not known.
            times: ``(n,)``, increasing.
            samples: S, the number of paths.
            seed: of the paths.

        Returns:
            Float64 ``(S, n, C)``, the known values where there are some.
        """


def filled(history: np.ndarray, least: int) -> np.ndarray:
    """The history as float64, with gaps filled linearly and by the nearest value at the ends.

    Args:
        history: ``(n, C)``.
        least: rows that a method needs.

    Raises:
        InputError: it is no matrix, is too short, or a channel has no value at all.
    """
    values = np.array(history, np.float64)
    if values.ndim != 2 or len(values) < least:
        raise InputError(
            f"history: got shape {values.shape}, expected (rows, channels) with at least {least} "
            "rows; give more rows, or take a simpler method"
        )
    rows = np.arange(len(values))
    for channel in range(values.shape[1]):
        known = np.isfinite(values[:, channel])
        if not known.any():
            raise InputError(f"history: channel {channel} has no value")
        values[:, channel] = np.interp(rows, rows[known], values[known, channel])
    return values


def innovations(
    residuals: np.ndarray, samples: int, horizon: int, rng: np.random.Generator
) -> np.ndarray:
    """Gaussian vectors ``(S, H, C)`` with the second moments of the residuals ``(n, C)``.

    Channels depend on each other as the residuals do: ε = z Σ^{1/2}, Σ = EᵀE/n.
    """
    _, scales, axes = np.linalg.svd(residuals / np.sqrt(len(residuals)), full_matrices=False)
    z = rng.standard_normal((samples, horizon, len(scales)))
    return np.asarray(z @ (scales[:, None] * axes))
