"""Are forecasts as sure as they may be? Coverage of intervals, and the PIT.

Source: Gneiting et al., "Probabilistic forecasts, calibration and sharpness", 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chisquare
from torch import Tensor

from sicore import evaluation
from sicore.errors import InputError
from sicore.evaluation import rank_interval
from sicore.states import Noise
from sicore_timeseries.metrics.inputs import Values
from sicore_timeseries.metrics.scores import ensemble_of

BINS = 20


@dataclass(frozen=True)
class PitHistogram:
    """How often the truth falls into each part of the forecast law.

    Args:
        shares: ``(bins,)``, they add up to 1: flat if calibrated, ∪ if too sure of itself, ∩ if
            not sure enough, sloped if biased.
        n: how many truths.
        p_value: of the χ² test that the shares are equal. It takes the truths for independent: the
            steps of one forecast are not, so small values are too frequent for them.
    """

    shares: np.ndarray
    n: int
    p_value: float


def pit_values(ensemble: Values, truth: Values, *, seed: int = 0) -> np.ndarray:
    """The place of each truth in its forecast law, in (0, 1): uniform if the law is right.

    The truth's rank r among S draws, spread at random: ``(r + U)/(S + 1)``. With ties, r is one of
    the ranks that are possible. So it is exactly uniform for draws of the true law, of any number.

    Args:
        ensemble: ``(S, ...)``.
        truth: ``(...)``; missing ones are left out.
        seed: of the U.

    Returns:
        One value per truth, float64.

    Raises:
        InputError: as `ensemble_of` does.

    Source: Gneiting et al. 2007, section 3.1; the randomisation is Smith 1985's.
    """
    draws, y = _there(ensemble, truth)
    low, high = rank_interval(y, draws)
    u = Noise.of(seed, len(y)).named("pit").uniform()
    return (low.cpu() + u * (high - low).cpu()).numpy()


def pit_histogram(values: np.ndarray, bins: int = BINS) -> PitHistogram:
    """Of the values of `pit_values`.

    Args:
        values: in [0, 1].
        bins: equal parts of [0, 1].

    Raises:
        InputError: for no values, or values outside.
    """
    places = np.asarray(values, np.float64).reshape(-1)
    if not len(places) or not ((places >= 0) & (places <= 1)).all():
        raise InputError("PIT: expected values in [0, 1], at least one")
    counts = np.histogram(places, bins, (0, 1))[0]
    return PitHistogram(counts / len(places), len(places), float(chisquare(counts).pvalue))


def coverage(ensemble: Values, truth: Values, level: float = 0.9) -> float:
    """Share of truths in the ensemble's central interval of this level.

    Its mean is ``level`` for draws of the true law, of any number; see the core's `coverage`.

    Args:
        ensemble: ``(S, ...)``.
        truth: ``(...)``; missing ones do not count.
        level: in (0, 1).

    Raises:
        InputError: as `ensemble_of` does, or for another level.
    """
    if not 0 < level < 1:
        raise InputError(f"coverage: expected a level in (0, 1), got {level}")
    draws, y = _there(ensemble, truth)
    return evaluation.coverage(y, draws, level)


def _there(ensemble: Values, truth: Values) -> tuple[Tensor, Tensor]:
    """``(S, n)`` and ``(n,)``, of the truths that are there."""
    draws, y = ensemble_of(ensemble, truth)
    there = ~y.isnan()
    return draws[:, there], y[there]
