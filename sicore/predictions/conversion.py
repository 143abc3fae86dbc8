r"""The one conversion between predictions: a small linear solve over rows (see ``kinds``).

A wanted quantity with row r is written as ``λ x_t + Σ μ_i value_i`` from the state's row p and
the rows q_i of the prediction. Two rows determine two columns: on a one-sided path ``(x1, s)``, by
Cramer's rule; in closed form, for example, ``s = (b − (β̇/β) x) / (γ² β̇/β − γγ̇)``. A column that
is zero in all rows takes no part, so a path is asked at each time for what it determines there.
Where p and q are dependent (an end point) a row parallel to one of them is still determined, and
anything else raises instead of being clamped.

Where x0 is observed (a bridge from a known recording), its column is not unknown: the rest is
solved on ``(x1, s)``, and ``ν = r_0 − λ p_0 − μ q_0`` times x0 is added.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from sicore.errors import ConversionError
from sicore.interpolants import Interpolant, Point
from sicore.predictions.kinds import Kind, Row, Value, state_row
from sicore.states import State, combine


class Combination(NamedTuple):
    """``of_state · x_t + Σ of_value[i] · value_i + of_x0 · x0``; float64, shaped as the path's."""

    of_state: Tensor
    of_value: tuple[Tensor, ...]
    of_x0: Tensor

    def at(self, index: Any) -> Combination:
        """For some of the times."""
        of_value = tuple(mu[..., index] for mu in self.of_value)
        return Combination(self.of_state[..., index], of_value, self.of_x0[..., index])

    def apply(self, x: State, parts: tuple[State, ...], x0: State | None = None) -> State:
        """Evaluate it; x0 where it is observed."""
        first, *rest = parts
        result = combine(self.of_state, x, self.of_value[0], first)
        for mu, part in zip(self.of_value[1:], rest, strict=True):
            result = combine(1.0, result, mu, part)
        return result if x0 is None else combine(1.0, result, self.of_x0, x0)


def combination(
    interpolant: Interpolant,
    p: Point,
    kind: Kind,
    wanted: Row,
    name: str = "the quantity",
    observed: bool = False,
) -> Combination:
    """Coefficients that make the row ``wanted`` from the state and a prediction of ``kind``.

    Args:
        interpolant: the path, for the error message.
        p: a point of it.
        kind: of the prediction.
        wanted: the row.
        name: what the row is, for the error message.
        observed: whether x0 is known.

    Raises:
        ConversionError: where the prediction does not determine it.
    """
    rows = (wanted, state_row(p), *kind.rows(p))
    r, state, *parts = (tuple(torch.broadcast_tensors(*row, p.beta)[:3]) for row in rows)
    solve = _from_pair if len(parts) == 2 else _from_single
    made, determined = solve(
        *((_without_x0(row) if observed else row) for row in (r, state, *parts))
    )
    if not bool(determined.all()):
        times = p.t.expand(determined.shape)[~determined].flatten()
        raise ConversionError(
            f"{name} is not determined by a {kind.name} prediction at t = {float(times[0]):g} "
            f"on the path {type(interpolant).__name__}: end the time grid short of it, or use "
            f"a prediction that determines it"
        )
    left = r[0] - made[0] * state[0]
    for mu, row in zip(made[1:], parts, strict=True):
        left = left - mu * row[0]
    return Combination(made[0], tuple(made[1:]), left)


def convert(
    interpolant: Interpolant,
    t: Tensor | float,
    x: State,
    value: Value,
    kind: Kind,
    to: Kind,
    x0: State | None = None,
) -> State:
    """A prediction of one kind as another kind, exactly, end points included.

    Args:
        interpolant: the path.
        t: time, ``()`` or ``(B,)``.
        x: the state ``x_t``.
        value: the prediction at (t, x), of kind ``kind``.
        kind: what ``value`` is.
        to: what is wanted; a kind of one part.
        x0: the source states, where they are observed and the prediction is given them.

    Raises:
        ConversionError: if it is not determined at t, such as the score from the data
            prediction at t = 1, or anything else from the velocity alone of a two-sided path;
            and for the score of a path whose noise is not normal.
    """
    parts = kind.parts(value)
    if to is kind and len(parts) == 1:
        return parts[0]
    if to.is_score and not interpolant.gaussian:
        path = type(interpolant).__name__
        raise ConversionError(f"{path}: its noise is not normal, so no prediction gives the score")
    p = interpolant.at(t)
    (wanted,) = to.rows(p)
    made = combination(interpolant, p, kind, wanted, f"the {to.name}", observed=x0 is not None)
    return made.apply(x, parts, x0)


_Row = tuple[Tensor, ...]


def _without_x0(row: _Row) -> _Row:
    return torch.zeros_like(row[0]), *row[1:]


def _ratio(numerator: Tensor, denominator: Tensor) -> tuple[Tensor, Tensor]:
    """``n/d``, with 0/0 = 0; also says where it is determined."""
    zero = denominator == 0
    value = torch.where(zero, 0.0, numerator / torch.where(zero, 1.0, denominator))
    return value, ~zero | (numerator == 0)


def _parallel(r: _Row, q: _Row) -> tuple[Tensor, Tensor]:
    """μ with ``r = μ q`` and where there is one; the test is exact, not within a tolerance."""
    square = q[0] ** 2 + q[1] ** 2 + q[2] ** 2
    mu, _ = _ratio(r[0] * q[0] + r[1] * q[1] + r[2] * q[2], square)
    aligned = [r[i] * q[j] == r[j] * q[i] for i, j in ((0, 1), (0, 2), (1, 2))]
    aligned += [(a == 0) | (square != 0) for a in r]
    return mu, torch.stack(aligned).all(0)


def _cramer(r: _Row, p: _Row, q: _Row, i: int, j: int) -> tuple[Tensor, Tensor, Tensor]:
    """λ, μ with ``r = λ p + μ q`` on columns i, j, and where they alone determine them."""
    det = p[i] * q[j] - p[j] * q[i]
    safe = torch.where(det == 0, 1.0, det)
    lam = (r[i] * q[j] - r[j] * q[i]) / safe
    mu = (p[i] * r[j] - p[j] * r[i]) / safe
    k = 3 - i - j
    return lam, mu, (det != 0) & (r[k] == 0) & (p[k] == 0) & (q[k] == 0)


def _from_single(r: _Row, p: _Row, q: _Row) -> tuple[tuple[Tensor, ...], Tensor]:
    """``r = λ p + μ q``: along q, on two columns where the third is zero, or along p."""
    zero = torch.zeros_like(r[0])
    mu, determined = _parallel(r, q)
    of_state, of_value = zero, torch.where(determined, mu, zero)
    for i, j in ((1, 2), (0, 1), (0, 2)):
        lam, mu, regular = _cramer(r, p, q, i, j)
        new = regular & ~determined
        of_state, of_value = torch.where(new, lam, of_state), torch.where(new, mu, of_value)
        determined = determined | regular
    lam, along_state = _parallel(r, p)
    of_state = torch.where(along_state & ~determined, lam, of_state)
    return (of_state, of_value), determined | along_state


def _from_pair(r: _Row, p: _Row, v: _Row, eta: _Row) -> tuple[tuple[Tensor, ...], Tensor]:
    """η alone carries the score column, so it is eliminated, and (x0, x1) is left."""
    ends = [(row[0], row[1], torch.zeros_like(row[2])) for row in (r, p, v)]
    (lam, mu), solved = _from_single(*ends)
    of_eta, left = _ratio(r[2] - lam * p[2] - mu * v[2], eta[2])
    return (lam, mu, of_eta), solved & left
