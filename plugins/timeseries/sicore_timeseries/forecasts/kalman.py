"""Gaps filled by a Kalman smoother: an Ornstein–Uhlenbeck process seen with noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from sicore_timeseries.forecasts.bridges import checked


@dataclass(frozen=True)
class NoisyOU:
    """y(t) = μ + x(t) + e, where x is stationary with covariance v exp(−|t − s|/ℓ), e ~ N(0, w).

    At equal steps Δ, x is the AR(1) process with coefficient exp(−Δ/ℓ).

    Args:
        mean: μ.
        variance: v.
        length: ℓ, in the unit of the times.
        noise: w.
    """

    mean: float
    variance: float
    length: float
    noise: float

    def filter(
        self, values: np.ndarray, times: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """The Kalman filter.

        Args:
            values: ``(n,)``, NaN where not known.
            times: ``(n,)``, increasing.

        Returns:
            The log-likelihood of the known values; the mean and the variance of x at each moment,
            given the values up to it; and the coefficients exp(−Δ/ℓ) from each to the next.
        """
        decay = np.exp(-np.diff(times) / self.length)
        likelihood, m, p = 0.0, 0.0, self.variance
        means, variances = [], []
        for a, value in zip([0.0, *decay.tolist()], (values - self.mean).tolist(), strict=True):
            m, p = a * m, a * a * p + (1 - a * a) * self.variance
            if value == value:
                s = p + self.noise
                gain, error = p / s, value - m
                likelihood -= 0.5 * (np.log(2 * np.pi * s) + error * error / s)
                m, p = m + gain * error, p * self.noise / s
            means.append(m)
            variances.append(p)
        return likelihood, np.array(means), np.array(variances), decay

    def paths(
        self, values: np.ndarray, times: np.ndarray, samples: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draws ``(S, n)`` of y given the known values, which stay as they are.

        x is drawn from its last moment back to its first (Carter and Kohn, "On Gibbs sampling for
        state space models", Biometrika 1994).
        """
        _, means, variances, decay = self.filter(values, times)
        x = means[-1] + np.sqrt(variances[-1]) * rng.standard_normal(samples)
        states = [x]
        for m, p, a in zip(means[-2::-1], variances[-2::-1], decay[::-1], strict=True):
            ahead = a * a * p + (1 - a * a) * self.variance
            spread = p * (1 - a * a) * self.variance / ahead
            x = m + a * p / ahead * (x - a * m) + np.sqrt(spread) * rng.standard_normal(samples)
            states.append(x)
        drawn = np.stack(states[::-1], axis=1)
        drawn += self.mean + np.sqrt(self.noise) * rng.standard_normal(drawn.shape)
        return np.where(np.isfinite(values), values, drawn)


def fit_noisy_ou(values: np.ndarray, times: np.ndarray) -> NoisyOU:
    """Maximum likelihood of v, ℓ and w; μ is the mean of the known values.

    Args:
        values: ``(n,)``, NaN where not known.
        times: ``(n,)``, increasing.
    """
    known = np.isfinite(values)
    data, moments = values[known], times[known]
    mean, scale = float(data.mean()), float(data.std()) or 1.0
    step = float(np.median(np.diff(moments)))
    standard = (data - mean) / scale

    def model(theta: np.ndarray) -> NoisyOU:
        v, length, w = np.exp(theta)
        return NoisyOU(0.0, float(v), float(length * step), float(w))

    def cost(theta: np.ndarray) -> float:
        return -model(theta).filter(standard, moments)[0] / len(standard)

    limits = [(-12.0, 4.0), (-3.0, np.log(10.0 * len(data)) + 1), (-16.0, 1.0)]
    starts = ([0.0, 2.3, -3.0], [0.0, 5.0, -9.0])
    fits = [
        minimize(cost, start, method="L-BFGS-B", bounds=limits, options={"maxiter": 40})
        for start in starts
    ]
    best = model(min(fits, key=lambda fit: fit.fun).x)
    return NoisyOU(mean, best.variance * scale**2, best.length, best.noise * scale**2)


@dataclass(frozen=True)
class KalmanSmoother:
    """Each channel as an Ornstein–Uhlenbeck process seen with noise, see `NoisyOU`.

    Args:
        most: rows from the first one on that the parameters are fitted to.
    """

    most: int = 1000

    def __call__(
        self, values: np.ndarray, times: np.ndarray, samples: int, seed: int
    ) -> np.ndarray:
        """See `Imputer`; each channel has at least four known values."""
        data, moments = checked(values, times, 4)
        rng = np.random.default_rng(seed)
        paths = []
        for channel in data.T:
            rows = np.flatnonzero(np.isfinite(channel))[: self.most]
            model = fit_noisy_ou(channel[rows], moments[rows])
            paths.append(model.paths(channel, moments, samples, rng))
        return np.stack(paths, axis=-1)
