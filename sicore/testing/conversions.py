"""The conversions between kinds of prediction on a path, against made-up expectations.

Any numbers for ``E[x0|x]``, ``E[x1|x]`` and the score will do: they fix the state and every
prediction by their rows, so each conversion has a known answer, and exact arithmetic on the rows
says which conversions exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.errors import ConversionError
from sicore.interpolants import Interpolant, Point
from sicore.predictions import DATA, NOISE, PAIR, SCORE, VELOCITY, Kind, Pair, V, Value, convert
from sicore.predictions.conversion import combination
from sicore.predictions.kinds import Row, state_row
from sicore.states import Noise
from sicore.testing.require import require

TIMES = (0.0, 0.25, 0.7, 1.0)
SINGLE = (VELOCITY, SCORE, NOISE, DATA, V)
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-6}  # relative to the terms of the sum


class _Known(NamedTuple):
    """``E[x0|x]``, ``E[x1|x]`` and the score: ``(B, d)``."""

    x0: Tensor
    x1: Tensor
    score: Tensor

    def evaluate(self, row: Row) -> Tensor:
        return row.x0 * self.x0 + row.x1 * self.x1 + row.score * self.score


class _Case(NamedTuple):
    """One conversion at one point of a path."""

    p: Point
    x: Tensor
    x0: Tensor | None
    kind: Kind
    value: Value
    to: Kind
    right: Tensor

    @property
    def name(self) -> str:
        given = " given x0" if self.x0 is not None else ""
        return f"the {self.to.name} from a {self.kind.name} at t = {float(self.p.t):g}{given}"


def check_conversions(interpolant: Interpolant, what: str) -> None:
    """Check every conversion at both ends and inside.

    A conversion that the rows determine must be right, within rounding of the terms that it adds
    up, in float64 and float32, and come back by the reverse one; any other must raise
    ``ConversionError``. On a two-sided path all is checked once more with x0 observed.

    Args:
        interpolant: the path.
        what: its name, for messages.
    """
    for case in _cases(interpolant):
        exists = _exists(case) and (interpolant.gaussian or not case.to.is_score)
        made = {dtype: _converted(interpolant, case, dtype) for dtype in TOLERANCE}
        state = "" if exists else " not"
        require(
            all(exists == (values is not None) for values in made.values()),
            f"{what}: the rows do{state} determine {case.name}, so it must{state} be made",
        )
        if exists:
            size = _terms(interpolant, case)
            for dtype, values in made.items():
                _check_values(values, case, dtype, size, what)
            _check_round_trip(interpolant, case, made[torch.float64], size, what)


def _cases(interpolant: Interpolant) -> Iterator[_Case]:
    normal = Noise.of(5, 3).named("expectations").normal((3, 4), torch.float64).unbind(1)
    for t in TIMES:
        p = interpolant.at(t)
        noise = normal[2] / p.gamma if p.gamma > 0 else normal[2]
        known = _Known(normal[0] if interpolant.two_sided else 0 * normal[0], normal[1], -noise)
        x = known.evaluate(state_row(p))
        for kind in (*SINGLE, PAIR) if interpolant.two_sided else SINGLE:
            if kind.is_score and not interpolant.gaussian:
                continue
            parts = [known.evaluate(row) for row in kind.rows(p)]
            value = Pair(*parts) if kind is PAIR else parts[0]
            for to in SINGLE:
                right = known.evaluate(to.rows(p)[0])
                yield _Case(p, x, None, kind, value, to, right)
                if interpolant.two_sided:
                    yield _Case(p, x, known.x0, kind, value, to, right)


def _exists(case: _Case) -> bool:
    """Whether the wanted row is a combination of the known ones, or the value itself."""
    if case.to is case.kind:
        return True
    known = [state_row(case.p), *case.kind.rows(case.p)]
    if case.x0 is not None:
        one, zero = torch.ones_like(case.p.beta), torch.zeros_like(case.p.beta)
        known.append(Row(one, zero, zero))
    rank = _rank(known)
    return rank == 3 or _rank([*known, case.to.rows(case.p)[0]]) == rank


def _rank(rows: Sequence[Row]) -> int:
    """The rank of rows of floating-point numbers, in exact rational arithmetic."""
    left = [[Fraction(float(entry)) for entry in row] for row in rows]
    found = 0
    for column in range(3):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        left = [
            [a - b * row[column] / pivot[column] for a, b in zip(row, pivot, strict=True)]
            for row in left
        ]
        found += 1
    return found


def _converted(interpolant: Interpolant, case: _Case, dtype: torch.dtype) -> Tensor | None:
    parts = [part.to(dtype) for part in case.kind.parts(case.value)]  # type: ignore[union-attr]
    value = Pair(*parts) if case.kind is PAIR else parts[0]
    x0 = None if case.x0 is None else case.x0.to(dtype)
    try:
        made = convert(interpolant, case.p.t, case.x.to(dtype), value, case.kind, case.to, x0)
    except ConversionError:
        return None
    return torch.as_tensor(made)


def _terms(interpolant: Interpolant, case: _Case) -> float:
    """The size of the largest term of the sum that a conversion is."""
    if case.to is case.kind:
        return float(case.right.abs().max()) or 1.0
    wanted, observed = case.to.rows(case.p)[0], case.x0 is not None
    made = combination(interpolant, case.p, case.kind, wanted, observed=observed)
    sizes = [made.of_state * case.x, case.right]
    for weight, part in zip(made.of_value, case.kind.parts(case.value), strict=True):
        sizes.append(weight * torch.as_tensor(part))
    if case.x0 is not None:
        sizes.append(made.of_x0 * case.x0)
    return max(float(size.abs().max()) for size in sizes) or 1.0


def _check_values(
    made: Tensor | None, case: _Case, dtype: torch.dtype, size: float, what: str
) -> None:
    values = torch.as_tensor(made)
    kept = values.dtype == dtype
    require(kept, f"{what}: {case.name} must keep {dtype}, got {values.dtype}")
    error = float((values.double() - case.right).abs().max()) / size
    require(error < TOLERANCE[dtype], f"{what}: {case.name} is off by {error:.2g} in {dtype}")


def _check_round_trip(
    interpolant: Interpolant, case: _Case, made: Tensor | None, size: float, what: str
) -> None:
    if case.kind is PAIR or case.to is case.kind:
        return
    start, value = torch.as_tensor(case.value), torch.as_tensor(made)
    back = case._replace(kind=case.to, value=value, to=case.kind, right=start)
    if _exists(back):
        again = torch.as_tensor(_converted(interpolant, back, torch.float64))
        error = float((again - start).abs().max())
        error /= max(1.0, size) * _terms(interpolant, back)
        message = f"{what}: {case.name}, and back, is off by {error:.2g}"
        require(error < TOLERANCE[torch.float64], message)
