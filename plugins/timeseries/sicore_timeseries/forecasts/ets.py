"""Exponential smoothing (ETS) with additive errors, by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from sicore_timeseries.forecasts.histories import filled, innovations

DAMPING = (0.8, 0.98)
RATE = (1e-3, 0.999)


@dataclass(frozen=True)
class ETS:
    """Additive Holt–Winters smoothing as a state space model, each channel on its own.

    y_t = l_{t−1} + φ b_{t−1} + s_{t−m} + ε_t, l_t = l_{t−1} + φ b_{t−1} + α ε_t,
    b_t = φ b_{t−1} + β ε_t, s_t = s_{t−m} + γ ε_t, with ε ~ N(0, σ²). Models without trend (φ = 0),
    with a damped and with a full trend are fitted, with the season and without, and that of the
    lowest AICc is taken (Hyndman, Koehler, Ord and Snyder, "Forecasting with exponential
    smoothing", 2008, chapters 3 and 5). The first states come from the first seasons and are not
    optimised. The ε of the channels depend on each other as the residuals do.

    Args:
        season: m, in steps; 1 for none. Histories of fewer than three seasons are taken as without.
        recent: rows at the end of the history that are fitted.
    """

    season: int = 1
    recent: int = 1000

    def __call__(self, history: np.ndarray, horizon: int, samples: int, seed: int) -> np.ndarray:
        """See `Forecaster`; the history has at least 8 rows."""
        values = filled(history[-self.recent :], 8)
        fits = [fit_ets(channel, self.season) for channel in values.T]
        residuals = np.stack([fit.residuals for fit in fits], axis=1)
        noise = innovations(residuals, samples, horizon, np.random.default_rng(seed))
        return np.stack([fit.paths(noise[..., c]) for c, fit in enumerate(fits)], axis=-1)


@dataclass(frozen=True)
class FittedETS:
    """One channel's model and its states at the end.

    Args:
        rates: α, β, γ, φ.
        level: l_n.
        slope: b_n.
        cycle: s_{n−m+1}, …, s_n; one zero without a season.
        residuals: ε, ``(n,)``.
        aicc: −2 log-likelihood and the penalty, up to a constant.
    """

    rates: tuple[float, float, float, float]
    level: float
    slope: float
    cycle: np.ndarray
    residuals: np.ndarray
    aicc: float

    def paths(self, noise: np.ndarray) -> np.ndarray:
        """Paths ``(S, H)`` driven by innovations of that shape."""
        alpha, beta, gamma, phi = self.rates
        samples, horizon = noise.shape
        level, slope = np.full(samples, self.level), np.full(samples, self.slope)
        cycle = np.tile(self.cycle, (samples, 1))
        out = np.empty_like(noise)
        for h in range(horizon):
            place, eps = h % cycle.shape[1], noise[:, h]
            base = level + phi * slope
            out[:, h] = base + cycle[:, place] + eps
            level, slope = base + alpha * eps, phi * slope + beta * eps
            cycle[:, place] += gamma * eps
        return out


def fit_ets(values: np.ndarray, season: int) -> FittedETS:
    """The model of the lowest AICc.

    Args:
        values: ``(n,)`` of one channel.
        season: m.
    """
    scale = float(np.std(values)) or 1.0
    seasons = (1, season) if 1 < season <= len(values) // 3 else (1,)
    fits = [
        _fitted(values, m, trend, scale) for m in seasons for trend in ("none", "damped", "full")
    ]
    return min(fits, key=lambda fit: fit.aicc)


def _fitted(values: np.ndarray, m: int, trend: str, scale: float) -> FittedETS:
    level, slope, cycle = _first_states(values, m, trend)
    data = values.tolist()

    def rates(theta: np.ndarray) -> tuple[float, float, float, float]:
        """α; β = α u; γ = (1 − α) v; φ."""
        parts = iter(theta.tolist())
        alpha = next(parts)
        beta = alpha * next(parts) if trend != "none" else 0.0
        gamma = (1 - alpha) * next(parts) if m > 1 else 0.0
        phi = {"none": 0.0, "full": 1.0}.get(trend)
        return alpha, beta, gamma, next(parts) if phi is None else phi

    def cost(theta: np.ndarray) -> float:
        """−2 log-likelihood up to a constant, σ² being the mean square; finite for exact fits."""
        errors = np.array(_filter(data, rates(theta), level, slope, cycle)[0]) / scale
        return len(data) * float(np.log(np.mean(errors**2) + 1e-20))

    bounds = [RATE] * (1 + (trend != "none") + (m > 1)) + [DAMPING] * (trend == "damped")
    start = np.array([0.3, *[0.1] * (len(bounds) - 1)])
    if trend == "damped":
        start[-1] = 0.95
    best = minimize(cost, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40})
    chosen = rates(best.x)
    errors, end, steepness, around = _filter(data, chosen, level, slope, cycle)
    n, k = len(data), len(start) + 2 + (trend != "none") + (m if m > 1 else 0)
    penalty = 2 * k * n / (n - k - 1) if n > k + 1 else np.inf
    order = [(n + j) % m for j in range(m)]  # the next step's place comes first
    return FittedETS(
        chosen, end, steepness, np.array(around)[order], np.array(errors), cost(best.x) + penalty
    )


def _first_states(values: np.ndarray, m: int, trend: str) -> tuple[float, float, list[float]]:
    """Level, slope and season before the first row, from the first rows."""
    first = values[: max(10, 3 * m)]
    rows = np.arange(len(first))
    slope, level = np.polyfit(rows + 1.0, first, 1) if trend != "none" else (0.0, first.mean())
    if m == 1:
        return float(level), float(slope), [0.0]
    rest = first - level - slope * (rows + 1)
    cycle = np.array([rest[place::m].mean() for place in range(m)])
    return float(level + cycle.mean()), float(slope), (cycle - cycle.mean()).tolist()


def _filter(
    data: list[float],
    rates: tuple[float, float, float, float],
    level: float,
    slope: float,
    cycle: list[float],
) -> tuple[list[float], float, float, list[float]]:
    """Errors of one step ahead, and the last states."""
    alpha, beta, gamma, phi = rates
    around, m = list(cycle), len(cycle)
    errors = []
    for t, value in enumerate(data):
        base = level + phi * slope
        place = t % m
        error = value - base - around[place]
        errors.append(error)
        level, slope = base + alpha * error, phi * slope + beta * error
        around[place] += gamma * error
    return errors, level, slope, around
