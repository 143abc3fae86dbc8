"""Scores of forecasts: the same for ensembles and for Gaussian laws.

Sources: Gneiting and Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA
2007, equations 20 to 22; Hyndman and Koehler, "Another look at measures of forecast accuracy",
International Journal of Forecasting 2006 (MASE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import norm
from series_windows import Gaps


class Law(Protocol):
    """What is forecast for each entry of an array of some shape."""

    def crps(self, truth: np.ndarray) -> np.ndarray:
        """∫(F(z) − 1{z ≥ y})² dz of each entry."""

    def quantile(self, level: float) -> np.ndarray:
        """Of each entry."""

    def total(self) -> Law:
        """The law of the sum over the last axis."""


@dataclass(frozen=True)
class Ensemble:
    """Members along the first axis.

    The CRPS is E|X − y| − E|X − X'|/2 over pairs of two different members, so its mean does not
    depend on how many there are.
    """

    paths: np.ndarray

    def crps(self, truth: np.ndarray) -> np.ndarray:
        """See `Law`."""
        ordered = np.sort(self.paths, axis=0)
        n = len(ordered)
        weights = (2 * np.arange(1, n + 1) - n - 1).reshape(-1, *[1] * truth.ndim)
        spread = (weights * ordered).sum(0) / (n * (n - 1))
        return np.abs(self.paths - truth).mean(0) - spread

    def quantile(self, level: float) -> np.ndarray:
        """See `Law`."""
        return np.quantile(self.paths, level, axis=0)

    def total(self) -> Ensemble:
        """See `Law`."""
        return Ensemble(self.paths.sum(-1))


@dataclass(frozen=True)
class Gaussian:
    """Independent normal laws."""

    mean: np.ndarray
    deviation: np.ndarray

    def crps(self, truth: np.ndarray) -> np.ndarray:
        """See `Law`: σ(z(2Φ(z) − 1) + 2φ(z) − 1/√π), and |y − μ| where σ = 0."""
        sure = self.deviation == 0
        sigma = np.where(sure, 1.0, self.deviation)
        z = (truth - self.mean) / sigma
        score = sigma * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
        return np.where(sure, np.abs(truth - self.mean), score)

    def quantile(self, level: float) -> np.ndarray:
        """See `Law`."""
        return self.mean + norm.ppf(level) * self.deviation

    def total(self) -> Gaussian:
        """See `Law`."""
        return Gaussian(self.mean.sum(-1), np.sqrt((self.deviation**2).sum(-1)))


def energy_score(paths: np.ndarray, truth: np.ndarray) -> float:
    """E‖X − y‖ − E‖X − X'‖/2 over pairs of two different members.

    Args:
        paths: ``(S, d)``.
        truth: ``(d,)``.
    """
    n = len(paths)
    squares = (paths**2).sum(1)
    products = squares[:, None] + squares - 2 * paths @ paths.T
    pairs = np.sqrt(np.maximum(products, 0)).sum() / (n * (n - 1))  # rounding makes some negative
    return float(np.linalg.norm(paths - truth, axis=1).mean() - pairs / 2)


def forecast_figures(law: Law, truths: np.ndarray, naive: np.ndarray) -> dict[str, float]:
    """The scores of all windows of a back-test.

    Args:
        law: of ``(W, H, C)``.
        truths: ``(W, H, C)``.
        naive: ``(W, C)``, the mean |y_t − y_{t−m}| of each history, by which MASE is scaled.
    """
    crps, total = law.crps(truths), truths.sum(-1)
    low, median, high = (law.quantile(level) for level in (0.05, 0.5, 0.95))
    scale = naive[:, None, :]
    return {
        "crps": float(crps.sum() / np.abs(truths).sum()),
        "crps of scaled columns": float((crps / scale).mean()),
        "crps sum": float(law.total().crps(total).sum() / np.abs(total).sum()),
        "mase": float((np.abs(truths - median) / scale).mean()),
        "coverage of 90 %": float(((low <= truths) & (truths <= high)).mean()),
    }


def gap_figures(paths: np.ndarray, test: Gaps) -> dict[str, float]:
    """The scores of all gaps.

    Args:
        paths: of the block, ``(S, n, C)``.
        test: the gaps.
    """
    seen, hidden = test.seen, test.hidden
    scale = np.nanstd(seen, axis=0)
    truth, law = test.values[hidden], Ensemble(paths[:, hidden])
    unit = np.broadcast_to(scale, seen.shape)[hidden]
    low, median, high = (law.quantile(level) for level in (0.05, 0.5, 0.95))
    joint = [
        energy_score(paths[:, a : a + n, c], test.values[a : a + n, c]) / scale[c] / np.sqrt(n)
        for c, a, n in test.gaps
    ]
    return {
        "crps in deviations": round(float((law.crps(truth) / unit).mean()), 4),
        "absolute error in deviations": round(float((abs(truth - median) / unit).mean()), 4),
        "energy score of a gap": round(float(np.mean(joint)), 4),
        "coverage of 90 %": round(float(((low <= truth) & (truth <= high)).mean()), 3),
    }
