"""Autoregression by least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sicore_timeseries.forecasts.histories import filled, innovations


@dataclass(frozen=True)
class AutoRegression:
    """Each channel y_t = c + Σ_{k≤p} φ_k y_{t−k} + ε_t, by least squares; paths are Gaussian.

    The order of each channel minimises the AIC, n log(RSS/n) + 2(p + 1), over the same rows for all
    orders (Brockwell and Davis, "Time series: theory and methods", section 9.3). The ε of the
    channels depend on each other as the residuals do.

    Args:
        most: the highest order; histories of fewer than 4 · most rows take a fourth of their rows.
    """

    most: int = 30

    def __call__(self, history: np.ndarray, horizon: int, samples: int, seed: int) -> np.ndarray:
        """See `Forecaster`; the history has at least 8 rows."""
        values = filled(history, 8)
        most = min(self.most, len(values) // 4)
        fits = [fit_autoregression(channel, most) for channel in values.T]
        residuals = np.stack([residual for _, residual in fits], axis=1)
        noise = innovations(residuals, samples, horizon, np.random.default_rng(seed))
        return np.stack(
            [_paths(values[:, c], fits[c][0], noise[..., c]) for c in range(values.shape[1])], -1
        )


def fit_autoregression(values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The order of the lowest AIC up to ``most``.

    Args:
        values: ``(n,)`` of one channel.
        most: the highest order.

    Returns:
        ``(c, φ_1, …, φ_p)``; and the residuals ``(n − most,)``.
    """
    scale = np.ptp(values) or 1.0
    scaled = (values - values.mean()) / scale
    windows = sliding_window_view(scaled, most + 1)
    target = windows[:, -1]
    best = (np.inf, np.zeros(1), target)
    for order in range(most + 1):
        lags = windows[:, most - order : most][:, ::-1]
        design = np.concatenate([np.ones((len(target), 1)), lags], axis=1)
        weights = np.linalg.lstsq(design, target, rcond=None)[0]
        residual = target - design @ weights
        n, mean_square = len(target), float(residual @ residual) / len(target)
        if mean_square < 1e-24:  # predicted exactly, as a constant is
            best = (-np.inf, weights, residual)
            break
        aic = n * np.log(mean_square) + 2 * (order + 1)
        if aic < best[0]:
            best = (aic, weights, residual)
    _, weights, residual = best
    level = scale * weights[0] + values.mean() * (1 - weights[1:].sum())
    return np.concatenate([[level], weights[1:]]), residual * scale


def _paths(values: np.ndarray, weights: np.ndarray, noise: np.ndarray) -> np.ndarray:
    samples, horizon = noise.shape
    order = len(weights) - 1
    path = np.empty((samples, order + horizon))
    path[:, :order] = values[len(values) - order :]
    for step in range(order, order + horizon):
        past = path[:, step - order : step][:, ::-1]
        path[:, step] = weights[0] + past @ weights[1:] + noise[:, step - order]
    return path[:, order:]
