r"""Rows whose missing values are drawn: from an autoregression, given all rows that are there.

    x_t = Σ_{k ≤ p} A_k x_{t−k} + ε_t,    ε_t ~ N(0, Q),

with x without its mean, and rows without p others before them as drawn from the covariance of all.
The values that are missing, given the others, have a precision with a band of (p + 1) C entries: a
path of the autoregression, corrected by its Gaussian regression on what is there, is a draw of
them, at a cost linear in the number of rows. The parameters are those of the last draw's rows by
least squares, in turn, from interpolated rows on: data augmentation.

Sources: Tanner and Wong, "The calculation of posterior distributions by data augmentation", Journal
of the American Statistical Association 82 (1987); Durbin and Koopman, "A simple and efficient
simulation smoother for state space time series analysis", Biometrika 89 (2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solveh_banded

from sicore.errors import InputError

ORDER = 2
ROUNDS = 10
RIDGE = 1e-6  # of the mean variance: of columns that follow from others
PIECE = 2048  # rows that are drawn at a time, given those before them
AHEAD = 128  # rows after them that are looked at


def filled_rows(
    values: np.ndarray, linked: np.ndarray, seed: int = 0, rounds: int = ROUNDS
) -> np.ndarray:
    """The rows ``(N, C)``, float64, with draws where they are NaN.

    Args:
        values: scaled, so that all columns matter alike.
        linked: whether a row follows the one before it, bool ``(N,)``.
        seed: of the draws.
        rounds: of drawing parameters and values.

    Raises:
        InputError: a column is never there, or no three rows follow each other.
    """
    depth = _depth(linked)
    if np.isnan(values).all(0).any() or depth.max(initial=0) < ORDER:
        raise InputError("filling: expected values in each column, and three rows in a row")
    rng = np.random.default_rng(seed)
    mean = np.nanmean(values, 0)
    x, places = values - mean, np.arange(len(values))
    whole = np.stack([np.interp(places, places[~np.isnan(c)], c[~np.isnan(c)]) for c in x.T], 1)
    for _ in range(rounds):
        model = Autoregression.fit(whole, depth, ORDER)
        whole = x.copy()
        for start in range(0, len(x), PIECE):
            before = min(start, ORDER)
            part = slice(start - before, start + PIECE + AHEAD)
            known = np.minimum(depth[part], np.arange(len(depth[part])))
            drawn = model.drawn(whole[part], known, rng)[before : before + PIECE]
            whole[start : start + PIECE] = drawn
    return whole + mean


def _depth(linked: np.ndarray) -> np.ndarray:
    """How many rows of the same stretch come before each."""
    rows = np.arange(len(linked))
    first = np.where(linked, 0, rows)
    first[:1] = 0
    depth: np.ndarray = rows - np.maximum.accumulate(first)
    return depth


@dataclass(frozen=True)
class Autoregression:
    """A model of rows.

    Args:
        lags: A of the row before, and so on, ``(p, C, C)``.
        new: Q, ``(C, C)``.
        whole: the covariance of a row that none come before, ``(C, C)``.
    """

    lags: np.ndarray
    new: np.ndarray
    whole: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, depth: np.ndarray, order: int) -> Autoregression:
        """By least squares.

        Args:
            x: rows ``(N, C)``.
            depth: how many rows of the same stretch come before each, ``(N,)``.
            order: p.
        """
        rows = np.flatnonzero(depth >= order)
        columns = x.shape[1]
        past = np.concatenate([x[rows - k] for k in range(1, order + 1)], 1)
        products, whole = past.T @ past, x.T @ x / len(x)
        ridge = RIDGE * np.trace(products) / len(products) * np.eye(len(products))
        found = np.linalg.solve(products + ridge, past.T @ x[rows])
        residual = x[rows] - past @ found
        small = RIDGE * np.trace(whole) / columns * np.eye(columns)
        lags = found.reshape(order, columns, columns).transpose(0, 2, 1)
        return cls(lags, residual.T @ residual / len(rows) + small, whole + small)

    def residual(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """ε of rows with p others before them, and the rows themselves where there are fewer."""
        deep = (depth >= len(self.lags))[:, None]
        return x - deep * sum(np.roll(x, k, 0) @ lag.T for k, lag in enumerate(self.lags, 1))

    def path(self, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows drawn one after another, ``(N, C)``."""
        order, columns = len(self.lags), len(self.new)
        normal = rng.standard_normal((len(depth), columns))
        new, whole = (normal @ cholesky(q, lower=True).T for q in (self.new, self.whole))
        x = np.where((depth >= order)[:, None], new, whole)
        for row in np.flatnonzero(depth >= order):
            for k, lag in enumerate(self.lags, 1):
                x[row] += lag @ x[row - k]
        return x

    def drawn(self, x: np.ndarray, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The rows ``(N, C)`` with draws where they are NaN."""
        missing = np.isnan(x)
        path = self.path(depth, rng)
        known = np.where(missing, 0.0, x - path)
        band, right = self._band(depth), -self._pulled(known, depth)
        unknown = missing.reshape(-1)
        for apart in range(1, len(band)):
            both = unknown[apart:] & unknown[:-apart]
            band[apart, : len(both)] *= both
            band[apart, len(both) :] = 0
        band[0] = np.where(unknown, band[0], 1.0)
        right = np.where(unknown, right.reshape(-1), 0.0)
        change = solveh_banded(band, right, lower=True, overwrite_ab=True, check_finite=False)
        return np.where(missing, path + change.reshape(x.shape), x)

    def _pulled(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """The precision of all rows, times x: ``Gᵀ R⁻¹ G x`` for the residual G x."""
        deep = (depth >= len(self.lags))[:, None]
        residual = self.residual(x, depth)
        new, whole = (cho_solve(cho_factor(q), residual.T).T for q in (self.new, self.whole))
        weighted = np.where(deep, new, whole)
        inner = deep * weighted
        total = weighted.copy()
        for k, lag in enumerate(self.lags, 1):
            total[:-k] -= (inner @ lag)[k:]
        return total

    def _band(self, depth: np.ndarray) -> np.ndarray:
        """The precision of all rows as the lower band that LAPACK wants, ``((p + 1) C, N C)``."""
        order, columns = len(self.lags), len(self.new)
        count = len(depth)
        eye = np.eye(columns)
        inverse, first = (cho_solve(cho_factor(q), eye) for q in (self.new, self.whole))
        factors = [eye, *(-lag for lag in self.lags)]
        deep = depth >= order
        blocks = np.zeros((order + 1, count, columns, columns))  # between rows t and t + d
        blocks[0] += np.where(deep[:, None, None], inverse, first)
        for later in range(order + 1):
            for earlier in range(max(later, 1), order + 1):
                product = factors[later].T @ inverse @ factors[earlier]
                rows = np.flatnonzero(deep) - earlier
                blocks[earlier - later, rows] += product
        return _banded(blocks)


def _banded(blocks: np.ndarray) -> np.ndarray:
    """Blocks between rows t and t + d, ``[d, t, i, j]`` for entry j of t and i of t + d."""
    order, count, columns, _ = blocks.shape
    band = np.zeros((order * columns, count, columns))
    for apart in range(order):
        for j in range(columns):
            for i in range(columns):
                down = apart * columns + i - j
                if down >= 0:
                    band[down, :, j] = blocks[apart, :, i, j]
    return band.reshape(order * columns, -1)
