"""Correlation between columns and in time."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values, pair_of


def correlational_score(samples: Values, real: Values) -> float:
    """``Σ_{i≥j} |ρ_ij − ρ̂_ij| / 10``, of the correlations of columns over all rows.

    It grows with the number of columns: compare only on one data set. Columns that never change
    correlate with nothing.

    Args:
        samples: ``(n, T, C)``.
        real: ``(m, T, C)``.

    Source: Liao et al., "Conditional Sig-Wasserstein GANs", 2020; the published figures are those
    of the code of Yuan and Qiao, "Diffusion-TS", 2024, whose sum over half of the pairs this is.
    """
    a, b = (correlations(windows) for windows in pair_of(samples, real))
    return float((a - b).tril().abs().sum() / 10)


def correlations(windows: Tensor) -> Tensor:
    """Of the columns over all rows of all windows, ``(C, C)``."""
    rows = windows.double().flatten(0, 1)
    x = _unit(rows, (0,))
    return x.T @ x / len(x)


def autocorrelation(windows: Tensor, lags: int) -> Tensor:
    """``ρ_c(k) = E x_{t,c} x_{t+k,c}`` of standardised columns, k = 1 … K, ``(K, C)``.

    Mean and deviation are over all rows of all windows, so it is that of the process, whatever the
    length of the windows.

    Args:
        windows: ``(n, T, C)``.
        lags: K, below T.
    """
    x = _unit(windows.double(), (0, 1))
    return torch.stack([(x[:, k:] * x[:, :-k]).mean((0, 1)) for k in range(1, lags + 1)])


def autocorrelation_distance(samples: Values, real: Values, *, lags: int | None = None) -> float:
    """``√mean_{k,c} (ρ_c(k) − ρ̂_c(k))²``.

    Args:
        samples: ``(n, T, C)``.
        real: ``(m, T, C)``.
        lags: K; half of T if not given.

    Raises:
        InputError: as `pair_of` does, or for a K that is out of range.
    """
    a, b = pair_of(samples, real)
    most = a.shape[1] // 2 if lags is None else lags
    if not 1 <= most < a.shape[1]:
        raise InputError(f"lags: expected 1 to {a.shape[1] - 1}, got {most}")
    gap = autocorrelation(a, most) - autocorrelation(b, most)
    return float(gap.square().mean().sqrt())


def _unit(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Mean 0 and variance 1 over these axes; columns that never change become 0."""
    mean, std = x.mean(axes, keepdim=True), x.std(axes, keepdim=True, correction=0)
    changes = std > 1e-12 * mean.abs()
    return torch.where(changes, (x - mean) / torch.where(changes, std, 1.0), 0.0)
