"""Figures of a series of returns, each a number."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

LAGS = 10
SLOW = 50  # lags of the power law
COARSE = 5  # returns of a coarse scale
DECAY = 0.94  # of the moving average of squares (RiskMetrics)


def acf(x: np.ndarray, lags: int) -> np.ndarray:
    """Autocorrelations at lags 1 to ``lags``, ``(lags,)``."""
    centred = x - x.mean()
    size = 1 << int(np.ceil(np.log2(2 * len(x))))
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    covariance = np.fft.irfft(power, size)[: lags + 1]
    ratio: np.ndarray = covariance[1:] / covariance[0]
    return ratio


def excess_kurtosis(r: np.ndarray) -> float:
    """``E[(r − m)⁴]/σ⁴ − 3``."""
    centred = r - r.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2 - 3)


def skewness(r: np.ndarray) -> float:
    """``E[(r − m)³]/σ³``."""
    centred = r - r.mean()
    return float(np.mean(centred**3) / np.mean(centred**2) ** 1.5)


def tail_index(r: np.ndarray, share: float = 0.05) -> float:
    """Hill's estimate from the largest share of ``|r|``: ``1 / mean log(x_i / x_k)``."""
    largest = np.sort(np.abs(r))[::-1][: int(share * len(r)) + 1]
    mean = float(np.log(largest[:-1] / largest[-1]).mean())
    return 1 / mean if mean > 0 else np.inf


def aggregated(r: np.ndarray, length: int) -> np.ndarray:
    """Sums over neighbouring blocks."""
    whole = len(r) // length * length
    sums: np.ndarray = r[:whole].reshape(-1, length).sum(1)
    return sums


def clustering(r: np.ndarray) -> float:
    """The mean of the first autocorrelations of ``|r|``."""
    return float(acf(np.abs(r), LAGS).mean())


def decay_exponent(r: np.ndarray) -> float:
    """The b of ``acf ∝ lag^(−b)``, by least squares; NaN unless four in five lags are positive."""
    values, lags = acf(np.abs(r), SLOW), np.arange(1, SLOW + 1)
    positive = values > 0
    if positive.sum() < 0.8 * SLOW:
        return np.nan
    return -float(np.polyfit(np.log(lags[positive]), np.log(values[positive]), 1)[0])


def fano_factor(r: np.ndarray, window: int = 50) -> float:
    """Variance over mean of how many of the largest 5 % of ``|r|`` fall into each window."""
    large = np.abs(r) > np.quantile(np.abs(r), 0.95)
    counts = aggregated(large.astype(float), window)
    return float(counts.var() / counts.mean())


def leverage(r: np.ndarray) -> float:
    """The mean over lags k of ``corr(r_t, r²_{t+k})``."""
    squares = r**2
    return float(np.mean([correlation(r[:-k], squares[k:]) for k in range(1, LAGS + 1)]))


def devolatilised(r: np.ndarray) -> np.ndarray:
    """Returns over the root of the moving average of the squares before them."""
    weights = lfilter([1 - DECAY], [1, -DECAY], r**2)
    warm = 100  # returns after which the start is forgotten
    scaled: np.ndarray = r[warm:] / np.sqrt(weights[warm - 1 : -1])
    return scaled


def time_asymmetry(r: np.ndarray) -> float:
    """``corr(|sum|_k, Σ|r|_{k+1}) − corr(Σ|r|_k, |sum|_{k+1})`` of neighbouring blocks k.

    Source: Müller et al., "Volatilities of different time resolutions", Journal of Empirical
    Finance 4, 1997.
    """
    coarse, fine = np.abs(aggregated(r, COARSE)), aggregated(np.abs(r), COARSE)
    return correlation(coarse[:-1], fine[1:]) - correlation(fine[:-1], coarse[1:])


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's."""
    return float(np.corrcoef(x, y)[0, 1])
