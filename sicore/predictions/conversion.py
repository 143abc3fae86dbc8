r"""The one conversion between predictions: a small linear solve over rows (see ``kinds``).

A wanted quantity with row r is written as ``λ x_t + Σ μ_i value_i`` from the state's row p and
the rows q_i of the prediction. For a one-sided path this is Cramer's rule on the columns
``(x1, s)``; in closed form, for example, ``s = (b − (β̇/β) x) / (γ² β̇/β − γγ̇)``. Where p and q
are dependent (an end point) a row parallel to one of them is still determined, and anything
else raises instead of being clamped.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sicore.errors import ConversionError
from sicore.interpolants import Interpolant, Point
from sicore.predictions.kinds import Kind, Row, Value, state_row
from sicore.states import State, combine


class Combination(NamedTuple):
    """``wanted = of_state · x_t + Σ of_value[i] · value_i``; float64, shaped as t."""

    of_state: Tensor
    of_value: tuple[Tensor, ...]

    def apply(self, x: State, parts: tuple[State, ...]) -> State:
        """Evaluate it."""
        first, *rest = parts
        result = combine(self.of_state, x, self.of_value[0], first)
        for mu, part in zip(self.of_value[1:], rest, strict=True):
            result = combine(1.0, result, mu, part)
        return result


def combination(
    interpolant: Interpolant, p: Point, kind: Kind, wanted: Row, name: str = "the quantity"
) -> Combination:
    """Coefficients that make the row ``wanted`` from the state and a prediction of ``kind``.

    Raises:
        ConversionError: where the prediction does not determine it.
    """
    state, rows = state_row(p), kind.rows(p)
    if len(rows) == 2:
        result, determined = _from_pair(wanted, state, rows)
    else:
        result, determined = _from_single(wanted, state, rows[0], _columns(interpolant))
    if not bool(determined.all()):
        times = p.t.expand(determined.shape)[~determined].flatten()
        raise ConversionError(
            f"{name} is not determined by a {kind.name} prediction at t = {float(times[0]):g} "
            f"on the path {type(interpolant).__name__}: end the time grid short of it, or use "
            f"a prediction that determines it"
        )
    return result


def convert(
    interpolant: Interpolant, t: Tensor | float, x: State, value: Value, kind: Kind, to: Kind
) -> State:
    """A prediction of one kind as another kind, exactly, end points included.

    Args:
        interpolant: the path.
        t: time, ``()`` or ``(B,)``.
        x: the state ``x_t``.
        value: the prediction at (t, x), of kind ``kind``.
        kind: what ``value`` is.
        to: what is wanted; a kind of one part.

    Raises:
        ConversionError: if it is not determined at t, such as the score from the data
            prediction at t = 1, or anything else from the velocity alone of a two-sided path.
    """
    parts = kind.parts(value)
    if to is kind and len(parts) == 1:
        return parts[0]
    p = interpolant.at(t)
    (wanted,) = to.rows(p)
    made = combination(interpolant, p, kind, wanted, f"the {to.name}")
    return made.apply(x, parts)


def _columns(interpolant: Interpolant) -> tuple[int, ...]:
    present = (interpolant.two_sided, True, interpolant.noisy)
    return tuple(i for i, here in enumerate(present) if here)


def _ratio(numerator: Tensor, denominator: Tensor) -> tuple[Tensor, Tensor]:
    """``n/d``, with 0/0 = 0; also says where it is determined."""
    zero = denominator == 0
    value = torch.where(zero, 0.0, numerator / torch.where(zero, 1.0, denominator))
    return value, ~zero | (numerator == 0)


def _parallel(r: list[Tensor], q: list[Tensor]) -> tuple[Tensor, Tensor]:
    """μ with ``r = μ q`` and where there is one; the test is exact, not within a tolerance."""
    square = sum((a * a for a in q), torch.zeros_like(q[0]))
    dot = sum((a * b for a, b in zip(r, q, strict=True)), torch.zeros_like(q[0]))
    mu, _ = _ratio(dot, square)
    pairs = [(i, j) for i in range(len(q)) for j in range(i)]
    aligned = [(r[i] * q[j] == r[j] * q[i]) for i, j in pairs]
    aligned += [(a == 0) | (square != 0) for a in r]
    return mu, torch.stack(aligned).all(0)


def _cramer(r: list[Tensor], p: list[Tensor], q: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """λ, μ with ``r = λ p + μ q`` on two columns, and where the determinant is not zero."""
    det = p[0] * q[1] - p[1] * q[0]
    safe = torch.where(det == 0, 1.0, det)
    lam = (r[0] * q[1] - r[1] * q[0]) / safe
    mu = (p[0] * r[1] - p[1] * r[0]) / safe
    return lam, mu, det != 0


def _from_single(
    wanted: Row, state: Row, row: Row, columns: tuple[int, ...]
) -> tuple[Combination, Tensor]:
    r, p, q = ([each[i] for i in columns] for each in (wanted, state, row))
    zero = torch.zeros_like(r[0])
    mu, along_value = _parallel(list(wanted), list(row))
    lam, along_state = _parallel(r, p)
    of_state, of_value = torch.where(along_value, zero, lam), torch.where(along_value, mu, zero)
    determined = along_state
    if len(columns) == 2:
        lam, mu, regular = _cramer(r, p, q)
        solved = regular & ~along_value
        of_state, of_value = torch.where(solved, lam, of_state), torch.where(solved, mu, of_value)
        determined = determined | regular
    for absent in set(range(len(wanted))) - set(columns):  # nothing is known of what is not there
        determined = determined & (wanted[absent] == 0)
    return Combination(of_state, (of_value,)), determined | along_value


def _from_pair(wanted: Row, state: Row, rows: tuple[Row, ...]) -> tuple[Combination, Tensor]:
    """η alone carries the score column, so it is eliminated, and (x0, x1) is left."""
    v, eta = rows
    lam, mu, regular = _cramer(*([row.x0, row.x1] for row in (wanted, state, v)))
    of_eta, left = _ratio(wanted.score - lam * state.score - mu * v.score, eta.score)
    return Combination(lam, (mu, of_eta)), regular & left
