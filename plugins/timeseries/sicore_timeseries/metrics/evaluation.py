"""All figures of generated windows and of forecasts, beside those that a perfect model would get.

The figures of a finite sample depend on its size, so those of windows are given twice: for the
samples, and for as many training windows (the floor), both against the same test windows.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.data.scaling import MinMax
from sicore_timeseries.metrics import calibration, joint_scores, scores, tails, timegan
from sicore_timeseries.metrics.convolutions import convolution_frechet
from sicore_timeseries.metrics.dependence import autocorrelation_distance, correlational_score
from sicore_timeseries.metrics.distances import marginal_wasserstein
from sicore_timeseries.metrics.inputs import Values
from sicore_timeseries.metrics.memorisation import neighbour_ratio
from sicore_timeseries.metrics.prediction import ROWS, prediction_error
from sicore_timeseries.metrics.signatures import signature_mmd
from sicore_timeseries.metrics.two_sample import TooFewWindows, classifier_test

TESTED, KNOWN = 5000, 20_000  # windows of the two sets: what the figures do in a minute or two
WORDS = 10_000  # numbers of a signature
HALVES = 20  # blocks of the training windows


class Dataset(Protocol):
    """Windows by number, as all data sets of the platform have them."""

    def __len__(self) -> int:
        """How many."""
        ...

    def batch(self, indices: Tensor) -> tuple[Tensor, Any]:
        """Values ``(B, T, C)``, and their conditions."""
        ...


def evaluate_windows(
    samples: Values,
    test: Dataset,
    train: Dataset,
    *,
    seed: int = 0,
    published: bool = False,
) -> dict[str, Any]:
    """Generated windows beside test windows, and beside as many training windows.

    Args:
        samples: ``(n, T, C)``, in the units of the data.
        test: windows that the model was not trained on, in order of time.
        train: those that it was trained on. Windows with missing values are left out of both sets,
            and at most 5000 and 20,000 windows are taken, spread over the set.
        seed: of judges.
        published: also TimeGAN's protocol, against the training windows, as papers do; minutes.

    Returns:
        ``{"n", "n_test", "n_train", "memorisation", "kurtosis": {…}, "model": {…}, "floor": {…},
        "training": {"model": {…}, "floor": {…}}}``, and ``published``. Of these

        - ``memorisation``: `neighbour_ratio`; 1 is best, 0 are copies;
        - ``kurtosis``: of differences, mean over columns, of ``model``, ``train`` and ``test``;
        - ``model``: ``n``, ``correlational``, ``autocorrelation``,
          ``autocorrelation_of_differences``, ``convolution_frechet``, ``signature_mmd``,
          ``prediction_error``, ``marginal_w1``, ``quantile_error``,
          ``quantile_error_of_differences``, and, unless windows overlap too much for it, ``c2st``,
          ``c2st_low``, ``c2st_high``, ``c2st_auc`` (`classifier_test`); all against test windows,
          in units of the training windows' deviations;
        - ``floor``: the same of as many training windows. Where it is as bad as the model's, the
          series has moved on, and the comparison says little; then look at
        - ``training``: the same against training windows; its floor is one half of them against
          the other, in turn twenty blocks of time. A model that copies is best here;
        - ``published``: ``discriminative`` and ``predictive``, each with ``mean`` and ``std`` over
          ten judges; ``discriminative_floor``; ``predictive_real``, with training windows in place
          of samples; and ``predictive_constant``, of the best constant. The last three need two
          columns.

    Raises:
        InputError: for fewer than two complete windows, or as the metrics do.
    """
    made = torch.as_tensor(samples).double()
    held_out, known = _complete(test, "test", TESTED), _complete(train, "training", KNOWN)
    unit, n = known, min(len(made), len(known))
    half, other = _halves(known)
    found = {
        "n": len(made),
        "n_test": len(held_out),
        "n_train": len(known),
        "memorisation": neighbour_ratio(made, known, held_out),
        "kurtosis": {
            name: _kurtosis(x)
            for name, x in {"model": made, "train": known, "test": held_out}.items()
        },
        "model": _figures(made, held_out, unit, seed),
        "floor": _figures(_some(known, n), held_out, unit, seed),
        "training": {
            "model": _figures(made, _some(known, TESTED), unit, seed),
            "floor": _figures(_some(half, n), _some(other, TESTED), unit, seed),
        },
    }
    return found | ({"published": published_protocol(made, known, seed=seed)} if published else {})


def published_protocol(
    samples: Values,
    real: Values,
    *,
    judges: int = timegan.JUDGES,
    iterations: tuple[int, int] = (2000, 5000),
    seed: int = 0,
) -> dict[str, Any]:
    """Discriminative and predictive score of TimeGAN, in units of the real windows' range.

    Args:
        samples: ``(n, T, C)``, in the units of the data.
        real: ``(m, T, C)``; papers take all windows, of which the model has seen all.
        judges: of each score.
        iterations: of both.
        seed: of judges.

    Returns:
        See `evaluate_windows`.

    Raises:
        InputError: as `discriminative_score` and `predictive_score` do.
    """
    made, known = (torch.as_tensor(x).double() for x in (samples, real))
    n = min(len(made), len(known))
    made, known = _some(made, n), _some(known, n)
    scale = MinMax.fit(known.flatten(0, 1).numpy(force=True))
    a, b = scale.encode(made), scale.encode(known)
    first, second = iterations
    told = timegan.discriminative_score(a, b, judges=judges, iterations=first, seed=seed)
    found = {
        "n": n,
        "discriminative": _spread_of(told),
        "discriminative_floor": timegan.discriminative_floor(n),
    }
    if a.shape[2] < 2:
        return found
    options: dict[str, Any] = {"judges": judges, "iterations": second, "seed": seed}
    return found | {
        "predictive": _spread_of(timegan.predictive_score(a, b, **options)),
        "predictive_real": _spread_of(timegan.predictive_score(b, b, **options)),
        "predictive_constant": timegan.constant_prediction(b),
    }


def evaluate_forecasts(
    ensemble: Values,
    truth: Values,
    past: Values | None = None,
    *,
    season: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Forecasts beside what came.

    Args:
        ensemble: ``(S, B, T, C)``, in the units of the data.
        truth: ``(B, T, C)``, NaN where missing.
        past: ``(B, P, C)``, for MASE.
        season: of MASE.
        seed: of the ties of PIT.

    Returns:
        ``{"n", "draws", "crps", "crps_fair", "crps_sum", "quantile_loss", "weighted_quantile_loss",
        "weighted_quantile_loss_sum", "energy_score", "variogram_score", "coverage": {"0.5", "0.8",
        "0.9", "0.95"}, "pit": {"shares", "p_value"}}``, and ``mase``. ``n`` is the number of
        truths; ``weighted_quantile_loss`` is what many papers call CRPS, and
        ``weighted_quantile_loss_sum``, at 19 levels, what they call CRPS-sum. Energy and variogram
        score take channels in units of the standard deviation of their truths. Figures that need
        more than there is (two draws, two values in a row) are left out.

    Raises:
        InputError: for shapes that do not fit, or as the scores do.
    """
    draws, y = scores.ensemble_of(ensemble, truth)
    if y.ndim != 3:
        raise InputError(f"truth: expected (B, T, C), got {tuple(y.shape)}")
    unit = _deviation(y)
    pit = calibration.pit_histogram(calibration.pit_values(draws, y, seed=seed))
    total, sums = y.sum(-1), draws.sum(-1)
    found: dict[str, Any] = {
        "n": pit.n,
        "draws": len(draws),
        "crps": scores.crps(draws, y),
        "quantile_loss": scores.mean_quantile_loss(draws, y),
        "weighted_quantile_loss": scores.mean_weighted_quantile_loss(draws, y),
        "energy_score": joint_scores.energy_score(draws / unit, y / unit),
        "coverage": {f"{p:g}": calibration.coverage(draws, y, p) for p in (0.5, 0.8, 0.9, 0.95)},
        "pit": {"shares": pit.shares.tolist(), "p_value": pit.p_value},
    }
    if len(draws) > 1:
        found["crps_fair"] = scores.crps(draws, y, fair=True)
    if not bool(total.isnan().all()):
        found["crps_sum"] = scores.crps(sums, total)
        found["weighted_quantile_loss_sum"] = scores.mean_weighted_quantile_loss(
            sums, total, levels=scores.NINETEEN
        )
    if bool(((~y.isnan()).flatten(1).sum(1) > 1).any()):
        found["variogram_score"] = joint_scores.variogram_score(draws / unit, y / unit)
    if past is not None:
        found["mase"] = scores.mase(draws, y, past, season=season)
    return found


def _figures(given: Tensor, real: Tensor, unit: Tensor, seed: int) -> dict[str, float]:
    _, length, columns = given.shape
    depth = 3 if (columns + 1) ** 3 <= WORDS else 2
    steps, real_steps = given.diff(dim=1), real.diff(dim=1)
    rows = min(ROWS, length - 1)
    return {
        "n": len(given),
        **_told(given, real, seed),
        "correlational": correlational_score(given, real),
        "autocorrelation": autocorrelation_distance(given, real),
        "autocorrelation_of_differences": autocorrelation_distance(steps, real_steps),
        "convolution_frechet": convolution_frechet(given, real, unit=unit),
        "signature_mmd": signature_mmd(given, real, depth=depth, unit=unit),
        "prediction_error": prediction_error(given, real, rows=rows, unit=unit),
        "marginal_w1": marginal_wasserstein(given, real, unit=unit),
        "quantile_error": tails.quantile_error(given, real, unit=unit),
        "quantile_error_of_differences": tails.quantile_error(
            given, real, differences=True, unit=unit
        ),
    }


def _told(given: Tensor, real: Tensor, seed: int) -> dict[str, float]:
    try:
        told = classifier_test(given, real, seed=seed)
    except TooFewWindows:
        return {}
    return {
        "c2st": told.accuracy,
        "c2st_low": told.low,
        "c2st_high": told.high,
        "c2st_auc": told.auc,
    }


def _halves(windows: Tensor) -> tuple[Tensor, Tensor]:
    """Every other of `HALVES` blocks, and those between them."""
    block = np.arange(len(windows)) * HALVES // len(windows)
    return windows[block % 2 == 0], windows[block % 2 == 1]


def _kurtosis(windows: Tensor) -> float:
    """Of differences; mean over the columns that change."""
    return float(tails.kurtosis(windows.diff(dim=1)).nanmean())


def _complete(data: Dataset, name: str, most: int) -> Tensor:
    """The windows without missing values, float64 ``(n, T, C)``, in their order, each once."""
    places = torch.arange(0, len(data), -(-len(data) // most))
    parts = [data.batch(part)[0] for part in places.split(1024)]
    windows = torch.cat(parts).double()
    kept = windows[~windows.isnan().flatten(1).any(1)]
    if len(kept) < 2:
        raise InputError(
            f"evaluation: {len(kept)} of {len(windows)} {name} windows have no missing value, "
            "expected two or more: compare with the complete data, or fill them"
        )
    _, first = np.unique(kept.flatten(1).numpy(force=True), axis=0, return_index=True)
    return kept[np.sort(first)]


def _some(windows: Tensor, n: int) -> Tensor:
    """At most n of the windows, spread over them."""
    return windows[_places(len(windows), min(n, len(windows)))]


def _places(size: int, n: int) -> np.ndarray:
    """Places of n of them at equal distances."""
    return np.arange(n) * size // n


def _deviation(truth: Tensor) -> Tensor:
    """Of each channel, ``(C,)``; 1 for those that never change."""
    centred = truth - truth.flatten(0, 1).nanmean(0)
    std = centred.square().flatten(0, 1).nanmean(0).sqrt()
    return torch.where(std > 0, std, 1.0)


def _spread_of(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean()), "std": float(values.std())}
