"""Scores of whole forecasts: do the draws know what belongs together?

CRPS looks at each entry alone, and so cannot tell a forecast of paths from one that shuffles them.

Source: Gneiting and Raftery 2007; Scheuerer and Hamill 2015.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values
from sicore_timeseries.metrics.scores import LOG_2PI, ensemble_of


def energy_score(ensemble: Values, truth: Values, *, fair: bool = False) -> float:
    """``E‖X − y‖ − ½ E‖X − X'‖`` of each item as one vector, mean over items.

    The CRPS where an item has one entry. Entries whose truth is missing are left out of the
    vectors; items without any do not count.

    Args:
        ensemble: ``(S, B, ...)``; give channels of different units in one unit.
        truth: ``(B, ...)``.
        fair: without the pairs of a draw with itself, see `crps`.

    Raises:
        InputError: as `ensemble_of` does, or for a fair score of one draw.

    Source: Gneiting and Raftery 2007, equation 22.
    """
    draws, y, there = _vectors(ensemble, truth)
    count = len(draws)
    if fair and count < 2:
        raise InputError("energy score: a fair score needs two draws or more, got 1")
    pairs = count * (count - 1) if fair else count**2
    by_item = draws.transpose(0, 1)  # (B, S, D)
    error = (by_item - y.unsqueeze(1)).norm(dim=2).mean(1)
    within = [torch.cdist(item, item).sum() for item in by_item]
    score = error - torch.stack(within) / (2 * pairs)
    return float(score[there.any(1)].mean())


def variogram_score(ensemble: Values, truth: Values, *, order: float = 0.5) -> float:
    """``mean_{i≠j} (|y_i − y_j|^p − E|X_i − X_j|^p)²`` over pairs of entries, mean over items.

    It sees wrong correlations better than the energy score; it does not see a shift of all entries
    by the same number. Items with fewer than two entries do not count.

    Args:
        ensemble: ``(S, B, ...)``.
        truth: ``(B, ...)``; for D entries of an item it takes ``D²`` numbers at once.
        order: p > 0.

    Raises:
        InputError: as `ensemble_of` does, for a p that is not above 0, or when no item counts.

    Source: Scheuerer and Hamill, "Variogram-based proper scoring rules for probabilistic forecasts
    of multivariate quantities", 2015, with equal weights that add up to 1.
    """
    if not order > 0:
        raise InputError(f"variogram score: expected an order > 0, got {order}")
    draws, y, there = _vectors(ensemble, truth)
    scores = [
        _variogram(draws[:, b, there[b]], y[b, there[b]], order)
        for b in range(len(y))
        if int(there[b].sum()) > 1
    ]
    if not scores:
        raise InputError("variogram score: no item has two values")
    return float(torch.stack(scores).mean())


def joint_gaussian_log_score(mean: Values, covariance: Values, truth: Values) -> float:
    """``−log N(y; μ, Σ)`` in nats, mean over items: what a Kalman filter minimises.

    Of the entries that are there, with the part of μ and Σ that is theirs.

    Args:
        mean: ``(B, D)``.
        covariance: ``(B, D, D)``, positive definite.
        truth: ``(B, D)``.

    Raises:
        InputError: when no truth is there, or shapes do not fit.
    """
    y = torch.as_tensor(truth).double()
    m, cov = (torch.as_tensor(x).to(y) for x in (mean, covariance))
    if m.shape != y.shape or cov.shape != (*y.shape, y.shape[-1]) or y.ndim != 2:
        raise InputError(
            f"normal forecast: expected (B, D), (B, D, D) and (B, D), got {tuple(m.shape)}, "
            f"{tuple(cov.shape)} and {tuple(y.shape)}"
        )
    scores = []
    for mu, sigma, value in zip(m, cov, y, strict=True):
        there = ~value.isnan()
        if bool(there.any()):
            scores.append(_log_score(mu[there], sigma[there][:, there], value[there]))
    if not scores:
        raise InputError("truth: expected at least one value, all are missing")
    return float(torch.stack(scores).mean())


def _log_score(mean: Tensor, covariance: Tensor, truth: Tensor) -> Tensor:
    factor = torch.linalg.cholesky(covariance)
    z = torch.linalg.solve_triangular(factor, (truth - mean).unsqueeze(1), upper=False)
    return z.square().sum() / 2 + factor.diagonal().log().sum() + len(truth) * LOG_2PI / 2


def _variogram(draws: Tensor, truth: Tensor, order: float) -> Tensor:
    def differences(x: Tensor) -> Tensor:
        return (x.unsqueeze(0) - x.unsqueeze(1)).abs() ** order

    expected = torch.zeros(len(truth), len(truth)).to(truth)
    for draw in draws:
        expected += differences(draw) / len(draws)
    gap = (differences(truth) - expected).square()
    return gap.sum() / (len(truth) * (len(truth) - 1))


def _vectors(ensemble: Values, truth: Values) -> tuple[Tensor, Tensor, Tensor]:
    """``(S, B, D)`` and ``(B, D)``, both 0 where the truth is missing, and where it is there."""
    draws, y = ensemble_of(ensemble, truth)
    if y.ndim < 2:
        raise InputError(f"truth: expected items (B, ...), got shape {tuple(y.shape)}")
    y, draws = y.flatten(1), draws.flatten(2)
    there = ~y.isnan()
    return torch.where(there, draws, 0.0), torch.where(there, y, 0.0), there
