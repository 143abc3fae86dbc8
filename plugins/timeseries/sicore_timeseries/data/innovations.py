r"""Scalings of windows: what is new in each row, given the row before.

With the rows x_t of a window (columns of C numbers), a matrix A, and a lower-triangular L that has
ones on its diagonal,

    ``x_t = A x_{t−1} + L u_t``, ``y_t = F(u_t)``,

F being normal scores of each column. The first row has A = 0, and its own L and F. The innovations
u are what cannot be told from the row before and the columns before: small numbers beside x, which
a model of x itself would get wrong. Columns that follow exactly from others have none.

- ``innovations``: a vector autoregression by least squares. For columns that go together, such as
  prices (``[log, innovations]``).
- ``increments``: A and L are made of 0 and 1: a column that wanders (its steps vary less than half
  as much as itself) is given by its steps, others by themselves. Values that often come, such as
  steps of 0, come out exactly. For columns with many equal values, such as those of sensors.

A value that is missing is taken to be what was expected (``y = 0``) by what comes after it.

Source: Rosenblatt, "Remarks on a multivariate transformation", Annals of Mathematical Statistics 23
(1952), here with linear conditional means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.data.base_scaling import Scaling, like, read, written
from sicore_timeseries.data.normal_scores import NormalScores

WANDERS = 0.5  # the largest deviation of steps, in deviations of the column, of one that wanders


@dataclass(frozen=True)
class Step:
    """How a row follows from the one before.

    Args:
        lag: A, ``(C, C)``.
        mixing: L, ``(C, C)``.
        scores: F.
    """

    lag: np.ndarray
    mixing: np.ndarray
    scores: NormalScores

    @classmethod
    def fit(
        cls, before: np.ndarray, after: np.ndarray, lag: np.ndarray, mixing: np.ndarray
    ) -> Self:
        """With the normal scores of the innovations of rows ``(n, C)`` that follow others."""
        new = np.linalg.solve(mixing, (after - before @ lag.T).T).T
        return cls(lag, mixing, NormalScores.fit(new, _size(after)))

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        lag, mixing = read(config["lag"]), read(config["mixing"])
        return cls(lag, mixing, NormalScores.of(config["scores"]))

    @property
    def config(self) -> dict[str, Any]:
        """As plain numbers."""
        lag, mixing = written(self.lag), written(self.mixing)
        return {"lag": lag, "mixing": mixing, "scores": self.scores.config}

    def expected(self, row: Tensor) -> Tensor:
        """``A x`` of the row before, ``(..., C)``."""
        return row @ like(self.lag, row).mT

    def encode(self, residual: Tensor) -> Tensor:
        """Y of ``L u``, ``(..., C)``, without NaN."""
        rows = residual.reshape(-1, residual.shape[-1]).mT
        u = torch.linalg.solve_triangular(
            like(self.mixing, rows), rows, upper=False, unitriangular=True
        )
        return self.scores.encode(u.mT.reshape(residual.shape))

    def encode_some(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """y, NaN where the residual is; and ``L u`` with the usual u there."""
        missing, mixing = residual.isnan(), like(self.mixing, residual)
        u = self.scores.decode(torch.zeros_like(residual))
        for j in range(u.shape[-1]):
            own = residual[..., j] - u[..., :j] @ mixing[j, :j]
            own = torch.where(missing[..., j], u[..., j], own)
            u = torch.cat((u[..., :j], own.unsqueeze(-1), u[..., j + 1 :]), -1)
        return self.scores.encode(u).masked_fill(missing, torch.nan), u @ mixing.mT

    def decode(self, y: Tensor) -> Tensor:
        """``L u`` of y ``(..., C)``."""
        return self.scores.decode(y) @ like(self.mixing, y).mT


@dataclass(frozen=True)
class Innovations(Scaling):
    """See the top of this file; for windows ``(..., T, C)``.

    Args:
        first: from nothing to the first row.
        later: from a row to the next one.
    """

    name: ClassVar[str] = "innovations"
    of_windows: ClassVar[bool] = True
    first: Step
    later: Step

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Least squares over the rows of windows ``(W, T, C)`` that are complete.

        Raises:
            InputError: for fewer than two complete rows, or pairs of them.
        """
        start, before, after = _rows(values)
        nothing = np.zeros_like(start)
        return cls(
            Step.fit(nothing, start, *_regressed(nothing, start)),
            Step.fit(before, after, *_regressed(before, after)),
        )

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        return cls(Step.of(config["first"]), Step.of(config["later"]))

    @property
    def config(self) -> dict[str, Any]:
        """As plain numbers."""
        return {"name": self.name, "first": self.first.config, "later": self.later.config}

    def _encode(self, x: Tensor) -> Tensor:
        missing = x.isnan()
        if bool(missing.all()):
            return x
        if bool(missing.any()):
            return self._encode_some(x)
        start, rest = x[..., :1, :], x[..., 1:, :]
        new = rest - self.later.expected(x[..., :-1, :])
        return torch.cat((self.first.encode(start), self.later.encode(new)), -2)

    def _encode_some(self, x: Tensor) -> Tensor:
        """Row by row, since what is missing takes its usual innovation."""
        start, *rest = x.unbind(-2)
        y, row = self.first.encode_some(start)
        found = [y]
        for given in rest:
            expected = self.later.expected(row)
            y, new = self.later.encode_some(given - expected)
            found.append(y)
            row = expected + new
        return torch.stack(found, -2)

    def _decode(self, y: Tensor) -> Tensor:
        start, *rest = y.unbind(-2)
        rows = [self.first.decode(start)]
        for row in rest:
            rows.append(self.later.expected(rows[-1]) + self.later.decode(row))
        return torch.stack(rows, -2)


@dataclass(frozen=True)
class Increments(Innovations):
    """Steps of the columns that wander; see the top of this file."""

    name: ClassVar[str] = "increments"

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Of the windows ``(W, T, C)``.

        Raises:
            InputError: for fewer than two complete rows, or pairs of them.
        """
        start, before, after = _rows(values)
        wanders = (after - before).std(0) < WANDERS * after.std(0)
        mixing = np.eye(after.shape[1])
        for j, column in enumerate(after.T):
            twins = [i for i in range(j) if np.array_equal(after[:, i], column)]
            mixing[j, twins[:1]] = 1.0
        nothing = np.zeros_like(mixing)
        return cls(
            Step.fit(np.zeros_like(start), start, nothing, mixing),
            Step.fit(before, after, np.diag(wanders.astype(np.float64)), mixing),
        )


def _rows(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First rows, rows that another one follows, and those, ``(n, C)``, without NaN.

    Raises:
        InputError: for fewer than two of a kind.
    """
    columns = windows.shape[-1]
    start = windows[:, 0]
    before, after = (x.reshape(-1, columns) for x in (windows[:, :-1], windows[:, 1:]))
    start = start[~np.isnan(start).any(1)]
    whole = ~(np.isnan(before) | np.isnan(after)).any(1)
    if min(len(start), int(whole.sum())) < 2:
        raise InputError(
            "scaling of windows: needs windows with complete rows, and found none; choose "
            "'standard' or 'quantile'"
        )
    return start, before[whole], after[whole]


def _regressed(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A and L: each column regressed on the row before and the columns before it.

    With its coefficients a_j and b_j, ``(I − B) x_t = A' x_{t−1} + u``: L = (I − B)⁻¹, A = L A'.
    """
    columns = after.shape[1]
    lag, ties = np.zeros((columns, columns)), np.zeros((columns, columns))
    past, now = before - before.mean(0), after - after.mean(0)
    for j in range(columns):
        inputs = np.concatenate((past, now[:, :j]), 1)
        found = np.linalg.lstsq(inputs, now[:, j], rcond=None)[0]
        lag[j], ties[j, :j] = found[:columns], found[columns:]
    mixing = np.tril(np.linalg.inv(np.eye(columns) - ties))
    return mixing @ lag, mixing


def _size(rows: np.ndarray) -> np.ndarray:
    """The largest number of each column; 1 where all are 0."""
    size = np.abs(rows).max(0)
    return np.where(size > 0, size, 1.0)
