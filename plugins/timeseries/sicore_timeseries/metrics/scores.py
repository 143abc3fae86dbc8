r"""Scores of probabilistic forecasts, entry by entry: the smaller, the better.

An ensemble is ``(S, ...)``: S draws of what the truth ``(...)`` was to be. Entries whose truth is
NaN do not count. All are proper: in the mean, no law scores better than the true one.

Source: Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation", 2007.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values

NINE = tuple(k / 10 for k in range(1, 10))
"""The levels of quantiles of GluonTS's evaluation."""

NINETEEN = tuple(k / 20 for k in range(1, 20))
"""Those of the published CRPS-sum of TimeGrad and its successors."""

LOG_2PI = 1.8378770664093453


def ensemble_of(ensemble: Values, truth: Values) -> tuple[Tensor, Tensor]:
    """Both as float64 tensors, ``(S, ...)`` and ``(...)``.

    Raises:
        InputError: for shapes that do not fit, draws that are not finite, or no truth at all.
    """
    draws, y = (torch.as_tensor(values).double() for values in (ensemble, truth))
    if draws.ndim < 1 or draws.shape[1:] != y.shape or not len(draws):
        raise InputError(
            f"ensemble: expected (S, ...) for a truth of shape {tuple(y.shape)}, got "
            f"{tuple(draws.shape)}"
        )
    if bool(y.isnan().all()):
        raise InputError("truth: expected at least one value, all are missing")
    if not bool(draws[:, ~y.isnan()].isfinite().all()):
        raise InputError("ensemble: expected numbers, some draws are missing or infinite")
    return draws, y


def crps(ensemble: Values, truth: Values, *, fair: bool = False) -> float:
    """Continuous ranked probability score, in the units of the data, mean over entries.

    ``E|X − y| − ½ E|X − X'|``, which is ``∫ (F(x) − 1{x ≥ y})² dx``. As it stands it is the score
    of the ensemble as the law, with pairs of a draw with itself, and S draws of the true law score
    more than the law does. The fair one leaves these pairs out: its mean is that of the law that
    draws come from, whatever S.

    Args:
        ensemble: ``(S, ...)``.
        truth: ``(...)``.
        fair: for what the law would score; needs two draws.

    Raises:
        InputError: as `ensemble_of` does, or for a fair score of one draw.

    Source: Gneiting and Raftery 2007, equation 21; Ferro, "Fair scores for ensemble forecasts",
    2014.
    """
    draws, y = ensemble_of(ensemble, truth)
    return float(crps_values(draws, y, fair=fair).nanmean())


def crps_values(draws: Tensor, truth: Tensor, *, fair: bool = False) -> Tensor:
    """The score of each entry, shaped as the truth; NaN where it is missing."""
    count = len(draws)
    if fair and count < 2:
        raise InputError("CRPS: a fair score needs two draws or more, got 1")
    order = torch.arange(1, count + 1, dtype=draws.dtype, device=draws.device)
    weight = (2 * order - count - 1).view(-1, *(1 for _ in truth.shape))
    pairs = count * (count - 1) if fair else count**2
    spread = (weight * draws.sort(0).values).sum(0) / pairs  # half of E|X − X'|
    return (draws - truth).abs().mean(0) - spread


def gaussian_crps(mean: Values, std: Values, truth: Values) -> float:
    """The CRPS of normal laws, exactly: ``σ (z (2 Φ(z) − 1) + 2 φ(z) − π^{−1/2})``, mean.

    ``z = (y − μ)/σ``.

    Args:
        mean: μ, shaped as the truth.
        std: σ > 0, the same.
        truth: y.

    Raises:
        InputError: when no truth is there, or a σ is not above 0.

    Source: Gneiting et al., "Calibrated probabilistic forecasting using ensemble model output
    statistics and minimum CRPS estimation", 2005, equation 5.
    """
    m, s, y = _normal_laws(mean, std, truth)
    z = (y - m) / s
    density = torch.exp(-z.square() / 2) / (2 * torch.pi) ** 0.5
    below = torch.special.ndtr(z)
    return float((s * (z * (2 * below - 1) + 2 * density - torch.pi**-0.5)).mean())


def gaussian_log_score(mean: Values, std: Values, truth: Values) -> float:
    """``−log N(y; μ, σ²)`` in nats, mean over entries; arguments as of `gaussian_crps`."""
    m, s, y = _normal_laws(mean, std, truth)
    return float((((y - m) / s).square() / 2 + s.log() + 0.5 * LOG_2PI).mean())


def mean_quantile_loss(
    ensemble: Values, truth: Values, *, levels: tuple[float, ...] = NINE
) -> float:
    """Twice the mean pinball loss over levels and entries, in the units of the data.

    ``2 (y − q_p)(p − 1{y < q_p})``. With ever more levels, evenly spread, this is the CRPS. With
    nine it is not: of a perfect normal forecast it reads 9 % more, since the levels leave the tails
    out. Many papers call this "CRPS".

    Args:
        ensemble: ``(S, ...)``; its quantiles are draws, the nearest ones, as GluonTS has it.
        truth: ``(...)``.
        levels: p.

    Raises:
        InputError: as `ensemble_of` does.
    """
    draws, y = ensemble_of(ensemble, truth)
    return float(_quantile_losses(draws, y, levels).mean())


def mean_weighted_quantile_loss(
    ensemble: Values, truth: Values, *, levels: tuple[float, ...] = NINE
) -> float:
    """The same sum of losses over ``Σ |y|``: without units, depends on where zero is.

    GluonTS's ``mean_wQuantileLoss``, published as "CRPS"; and of sums over channels, with
    `NINETEEN` levels, as "CRPS-sum" (Salinas et al. 2019, Rasul et al. 2021).

    Args:
        ensemble: ``(S, ...)``.
        truth: ``(...)``.
        levels: p.

    Raises:
        InputError: as `ensemble_of` does, or when the truth is 0 everywhere.
    """
    draws, y = ensemble_of(ensemble, truth)
    size = y[~y.isnan()].abs().sum()
    if not float(size) > 0:
        raise InputError("weighted quantile loss: the truth is 0 everywhere, so it has no weight")
    return float(_quantile_losses(draws, y, levels).mean(0).sum() / size)


def crps_sum(ensemble: Values, truth: Values, *, fair: bool = False) -> float:
    """CRPS of the sum over channels, in the units of the data; no row with a missing value counts.

    What papers call CRPS-sum is `mean_weighted_quantile_loss` of ``ensemble.sum(-1)``.

    Args:
        ensemble: ``(S, ..., C)``.
        truth: ``(..., C)``.
        fair: see `crps`.

    Raises:
        InputError: as `crps` does.
    """
    draws, y = ensemble_of(ensemble, truth)
    return crps(draws.sum(-1), y.sum(-1), fair=fair)


def mase(ensemble: Values, truth: Values, past: Values, *, season: int = 1) -> float:
    """Mean absolute error of the median, over that of the seasonal naive forecast in the past.

    ``mean_t |y_t − median_t| / mean_t |p_t − p_{t−m}|`` of each series and channel, and the mean
    of these; below 1 is better than repeating the last season, one step ahead. Series whose past
    repeats itself exactly have no scale and do not count.

    Args:
        ensemble: ``(S, B, T, C)``.
        truth: ``(B, T, C)``.
        past: ``(B, P, C)``, P above m; NaN where missing.
        season: m, the rows of a season.

    Raises:
        InputError: as `ensemble_of` does; for a past that does not fit; or when no series counts.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy", 2006.
    """
    draws, y = ensemble_of(ensemble, truth)
    before = torch.as_tensor(past).to(y)
    if y.ndim != 3 or before.ndim != 3 or before[:, 0].shape != y[:, 0].shape:
        raise InputError(
            f"past: expected (B, P, C) for a truth (B, T, C) of {tuple(y.shape)}, got "
            f"{tuple(before.shape)}"
        )
    if not 1 <= season < before.shape[1]:
        raise InputError(f"season: expected 1 to {before.shape[1] - 1} rows, got {season}")
    scale = (before[:, season:] - before[:, :-season]).abs().nanmean(1)
    error = (y - draws.median(0).values).abs().nanmean(1)
    counts = (scale > 0) & ~error.isnan()
    if not bool(counts.any()):
        raise InputError("MASE: no series has both a truth and a past that changes")
    return float((error[counts] / scale[counts]).mean())


def _quantile_losses(draws: Tensor, truth: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Of each level and each entry that is there, ``(levels, n)``."""
    there = ~truth.isnan()
    y, p = truth[there], torch.tensor(levels, dtype=draws.dtype, device=draws.device)
    nearest = (p * (len(draws) - 1)).round().long()
    q = draws[:, there].sort(0).values[nearest]
    return 2 * (y - q) * (p.unsqueeze(1) - (y < q).double())


def _normal_laws(mean: Values, std: Values, truth: Values) -> tuple[Tensor, Tensor, Tensor]:
    """Means, deviations and truths of the entries that are there, ``(n,)`` each."""
    y = torch.as_tensor(truth).double()
    there = ~y.isnan()
    m, s = (torch.as_tensor(x).to(y).expand(y.shape)[there] for x in (mean, std))
    if not len(m) or not bool((s > 0).all()):
        raise InputError("normal forecast: expected a truth and deviations above 0")
    return m, s, y[there]
