r"""Scalings of windows: what is new in each row, given the rows before.

With the rows x_t of a window (columns of C numbers), matrices A_k, and a lower-triangular L that
has ones on its diagonal,

    ``x_t = Σ_{k ≤ p} A_k x_{t−k} + L u_t``, ``y_t = c F(u_t)``,

F being normal scores of each column. The first p rows look at the rows that there are, and have
matrices and an F of their own; c is √(T − 1) in the first row, which thereby counts as much as all
others together, since all of them depend on where the window is, and 1 in others. The innovations
u are what cannot be told from the rows before and the columns before: small numbers beside x, which
a model of x itself would get wrong. Columns that follow exactly from others have none.

- ``innovations``: p = 1, a vector autoregression by least squares. For columns that go together,
  such as prices (``[log, innovations]``).
- ``increments``: p = 2; A and L are made of whole numbers. A column that wanders is given by its
  steps; one that glides along lines, such as hourly values of a weather station that were
  interpolated, by what its steps change by; others by themselves. Values that often come, such as
  steps of 0, come out exactly. For columns with many equal values, such as those of sensors.

A value that is missing is taken to be what was expected (``y = 0``) by what comes after it.

Source: Rosenblatt, "Remarks on a multivariate transformation", Annals of Mathematical Statistics 23
(1952), here with linear conditional means.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.data.base_scaling import Scaling, like, read, written
from sicore_timeseries.data.continuation import wanders
from sicore_timeseries.data.normal_scores import ROUNDING, NormalScores

GLIDES = 0.5  # the least share of steps that equal the step before, of a column that glides


@dataclass(frozen=True)
class Step:
    """How a row follows from those before.

    Args:
        lags: A of the row before, of the one before that, …, ``(p, C, C)``.
        mixing: L, ``(C, C)``.
        scores: F.
        size: c.
    """

    lags: np.ndarray
    mixing: np.ndarray
    scores: NormalScores
    size: float = 1.0

    @classmethod
    def fit(
        cls, stretches: np.ndarray, lags: np.ndarray, mixing: np.ndarray, size: float = 1.0
    ) -> Self:
        """With the normal scores of the innovations of the last rows of ``(n, p + 1, C)``."""
        *_, after = stretches.swapaxes(0, 1)
        expected = np.einsum("nkc,kdc->nd", stretches[:, -2::-1], lags)
        new = np.linalg.solve(mixing, (after - expected).T).T
        return cls(lags, mixing, NormalScores.fit(new, _largest(after)), size)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        mixing = read(config["mixing"])
        lags = np.stack([np.zeros_like(mixing), *map(read, config["lags"])])[1:]
        return cls(lags, mixing, NormalScores.of(config["scores"]), float(config["size"]))

    @property
    def config(self) -> dict[str, Any]:
        """As plain numbers."""
        lags = [written(lag) for lag in self.lags]
        return {
            "lags": lags,
            "mixing": written(self.mixing),
            "scores": self.scores.config,
            "size": self.size,
        }

    def expected(self, x: Tensor) -> Tensor:
        """``Σ A_k x_{t−k}`` of rows ``(..., n, C)`` that p others come before, and of the next one.

        ``(..., n − p + 1, C)``.
        """
        count = x.shape[-2] - len(self.lags) + 1
        total = x.new_zeros(*x.shape[:-2], count, x.shape[-1])
        for k, lag in enumerate(self.lags):
            start = len(self.lags) - 1 - k
            total = total + x[..., start : start + count, :] @ like(lag, x).mT
        return total

    def encode(self, residual: Tensor) -> Tensor:
        """Y of ``L u``, ``(..., C)``, without NaN."""
        rows = residual.reshape(-1, residual.shape[-1]).mT
        u = torch.linalg.solve_triangular(
            like(self.mixing, rows), rows, upper=False, unitriangular=True
        )
        return self.size * self.scores.encode(u.mT.reshape(residual.shape))

    def encode_some(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """y, NaN where the residual is; and ``L u`` with the usual u there."""
        missing, mixing = residual.isnan(), like(self.mixing, residual)
        u = self.scores.decode(torch.zeros_like(residual))
        for j in range(u.shape[-1]):
            own = residual[..., j] - u[..., :j] @ mixing[j, :j]
            own = torch.where(missing[..., j], u[..., j], own)
            u = torch.cat((u[..., :j], own.unsqueeze(-1), u[..., j + 1 :]), -1)
        y = self.size * self.scores.encode(u)
        return y.masked_fill(missing, torch.nan), u @ mixing.mT

    def decode(self, y: Tensor) -> Tensor:
        """``L u`` of y ``(..., C)``."""
        return self.scores.decode(y / self.size) @ like(self.mixing, y).mT


@dataclass(frozen=True)
class Innovations(Scaling):
    """See the top of this file; for windows ``(..., T, C)``.

    Args:
        steps: of the first row, the second, …; the last one is that of all later rows.
    """

    name: ClassVar[str] = "innovations"
    of_windows: ClassVar[bool] = True
    steps: tuple[Step, ...]

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Least squares over the rows of windows ``(W, T, C)`` that are complete.

        Raises:
            InputError: for fewer than two complete rows, or pairs of them.
        """
        sizes = (math.sqrt(values.shape[1] - 1), 1.0)
        stretches = zip(_stretches(values, 1), sizes, strict=True)
        return cls(tuple(Step.fit(x, *_regressed(x), size) for x, size in stretches))

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        return cls(tuple(map(Step.of, config["steps"])))

    @property
    def config(self) -> dict[str, Any]:
        """As plain numbers."""
        return {"name": self.name, "steps": [step.config for step in self.steps]}

    def _encode(self, x: Tensor) -> Tensor:
        missing = x.isnan()
        if bool(missing.all()):
            return x
        if bool(missing.any()):
            return self._encode_some(x)
        *early, later = self.steps
        parts = [
            step.encode(x[..., row : row + 1, :] - step.expected(x[..., :row, :]))
            for row, step in enumerate(early)
        ]
        parts.append(later.encode(x[..., len(early) :, :] - later.expected(x[..., :-1, :])))
        return torch.cat(parts, -2)

    def _encode_some(self, x: Tensor) -> Tensor:
        """Row by row, since what is missing takes its usual innovation."""
        made, whole = [], x[..., :0, :]
        for given in x.unbind(-2):
            step, expected = self._next(whole)
            y, new = step.encode_some(given - expected)
            made.append(y)
            whole = torch.cat((whole, (expected + new).unsqueeze(-2)), -2)
        return torch.stack(made, -2)

    def _decode(self, y: Tensor) -> Tensor:
        x = y[..., :0, :]
        for row in y.unbind(-2):
            step, expected = self._next(x)
            x = torch.cat((x, (expected + step.decode(row)).unsqueeze(-2)), -2)
        return x

    def _next(self, x: Tensor) -> tuple[Step, Tensor]:
        """The step to the row after ``(..., n, C)``, and what is expected there ``(..., C)``."""
        step = self.steps[min(x.shape[-2], len(self.steps) - 1)]
        return step, step.expected(x[..., x.shape[-2] - len(step.lags) :, :])[..., 0, :]


@dataclass(frozen=True)
class Increments(Innovations):
    """Steps of the columns that wander, and their changes; see the top of this file."""

    name: ClassVar[str] = "increments"

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Of the windows ``(W, T, C)``.

        Raises:
            InputError: for fewer than two complete rows, or stretches of two or three.
        """
        stretches = _stretches(values, 2)
        first, middle, last = np.moveaxis(stretches[-1], 1, 0)
        free = wanders(middle, last)
        change = np.abs(last - 2 * middle + first)
        glides = free & ((change <= ROUNDING * _largest(last)).mean(0) >= GLIDES)
        glides &= (last == middle).mean(0) < GLIDES  # one that mostly stands still does not glide
        columns = values.shape[-1]
        mixing = np.eye(columns)
        for j, column in enumerate(last.T):
            twins = [i for i in range(j) if np.array_equal(last[:, i], column)]
            mixing[j, twins[:1]] = 1.0
        nothing = np.zeros((0, columns, columns))
        once = np.diag(1.0 * free)[None]
        twice = np.stack((np.diag(1.0 * free + glides), np.diag(-1.0 * glides)))
        lags = (nothing, once, twice)
        sizes = (math.sqrt(values.shape[1] - 1), 1.0, 1.0)
        steps = zip(stretches, lags, sizes, strict=True)
        return cls(tuple(Step.fit(x, lag, mixing, size) for x, lag, size in steps))


def _stretches(windows: np.ndarray, order: int) -> list[np.ndarray]:
    """Of 1, 2, … rows at the start of windows, and all of ``order + 1``, without NaN.

    Raises:
        InputError: for fewer than two of a kind.
    """
    found = [windows[:, : k + 1] for k in range(order)]
    every = sliding_window_view(windows, min(order + 1, windows.shape[1]), axis=1)
    found.append(np.moveaxis(every, -1, 2).reshape(-1, every.shape[-1], windows.shape[-1]))
    whole = [x[~np.isnan(x).any((1, 2))] for x in found]
    if min(map(len, whole)) < 2 or whole[-1].shape[1] <= order:
        raise InputError(
            f"scaling of windows: needs windows with {order + 1} complete rows in a row, and found "
            "none; choose 'standard' or 'quantile'"
        )
    return whole


def _regressed(stretches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The A and L: each column regressed on the rows before and the columns before it.

    With its coefficients a_j and b_j, ``(I − B) x_t = A' x_{t−1} + u``: L = (I − B)⁻¹, A = L A'.

    Args:
        stretches: ``(n, p + 1, C)``.
    """
    count, rows, columns = stretches.shape
    centred = stretches - stretches.mean(0)
    past, now = centred[:, -2::-1].reshape(count, -1), centred[:, -1]
    lag, ties = np.zeros((columns, past.shape[1])), np.zeros((columns, columns))
    for j in range(columns):
        inputs = np.concatenate((past, now[:, :j]), 1)
        found = np.linalg.lstsq(inputs, now[:, j], rcond=None)[0]
        lag[j], ties[j, :j] = found[: past.shape[1]], found[past.shape[1] :]
    mixing = np.tril(np.linalg.inv(np.eye(columns) - ties))
    lags = (mixing @ lag).reshape(columns, rows - 1, columns)
    return np.moveaxis(lags, 1, 0), mixing


def _largest(rows: np.ndarray) -> np.ndarray:
    """The largest number of each column; 1 where all are 0."""
    size = np.abs(rows).max(0)
    return np.where(size > 0, size, 1.0)
