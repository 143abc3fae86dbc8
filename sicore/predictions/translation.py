r"""A prediction trained on one Gaussian path, used on another: exact, without retraining.

At the same noise level ``σ = γ/β`` two one-sided paths hold the same state up to a factor. For the
time r of the target path with coefficients ``β̄, γ̄``, let t be the time of the prediction's own
path with ``γ_t/β_t = γ̄_r/β̄_r``, and ``c = β_t/β̄_r = γ_t/γ̄_r``. Then ``x_t = c x̄_r`` in law, so

    ``E[x1 | x̄_r = x] = E[x1 | x_t = c x]``,  ``s̄(x, r) = c s(c x, t)``.

A value of the prediction at ``(t, c x)`` therefore is one on the target path, whose row (see
``kinds``) is the old one with the score's column divided by c. Nothing is converted beforehand: the
one linear solve makes whatever is wanted from the value that the network gave, at the ends too.

For a velocity this is ``ū(x, r) = (ṡ/s) x + ṫ s u(x/s, t)`` with ``s = 1/c``.

Source of that formula: Kim et al., "Inference-time scaling for flow models via stochastic
generation and rollover budget forcing", 2025.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import cast

import torch
from torch import Tensor

from sicore.errors import ConversionError, InputError
from sicore.interpolants import Interpolant, OneSided, Point, Time
from sicore.predictions.kinds import Kind, Row, Value
from sicore.predictions.network import Condition, Prediction, part_of
from sicore.states import State, scale

ROUNDING = 1e-9  # relative; how far a noise level may be outside because its time was rounded


@dataclass(frozen=True)
class AsInterpolant:
    """A prediction moved to another path; one like any other, with as many network calls.

    It works on the states and at the times of the target path, and composes with guidance,
    measurements, dynamics and solvers like the prediction that it holds, inside or outside of them.
    The state and its value keep their dtype; factors are float64.

    Args:
        prediction: on a one-sided path with normal noise.
        interpolant: the target, another such path.

    Raises:
        InputError: if one of the paths starts from samples, has noise that is not normal, or is a
            product, which has no one noise level.
        ConversionError: where it is evaluated at a noise level that the prediction's own path does
            not reach; see ``first_time`` and ``last_time``.
    """

    prediction: Prediction
    interpolant: Interpolant

    def __post_init__(self) -> None:
        for path in (self.prediction.interpolant, self.interpolant):
            if not isinstance(path, OneSided) or not path.gaussian:
                raise InputError(
                    f"as_interpolant: {type(path).__name__} is not a path from normal noise with "
                    f"one noise level, and only between such paths is the conversion exact"
                )

    @property
    def kind(self) -> Kind:
        """The kind of the inner prediction, as it reads on the target path."""
        inner = self.prediction.kind
        return _TranslatedKind(inner.name, inner, self)

    @property
    def calls(self) -> int:
        """Those of the inner prediction."""
        return self.prediction.calls

    @property
    def first_time(self) -> float:
        """The first time of the target path at which the prediction is known; 0 is the usual."""
        return self.span()[0]

    @property
    def last_time(self) -> float:
        """The last time of the target path at which the prediction is known; 1 is the usual."""
        return self.span()[1]

    def span(self, start: float = 0.0, end: float = 1.0) -> tuple[float, float]:
        """Where the part from ``start`` to ``end`` of the prediction's path is on the target."""
        own, target = self._own, cast("OneSided", self.interpolant)
        times = torch.tensor([start, end], dtype=torch.float64)
        high, low = own.noise_level(times)
        most, least = target.noise_level(torch.tensor([0.0, 1.0], dtype=torch.float64))
        first = 0.0 if high >= most else float(target.time_at(high))
        last = 1.0 if low <= least else float(target.time_at(low))
        return first, last

    def __call__(self, t: Time, x: State, condition: Condition = None) -> Value:
        """Evaluate the inner prediction where it has the same noise level."""
        time, factor = self.match(self.interpolant.at(t))
        return self.prediction(time, scale(factor, x), condition)

    def take(self, index: Tensor) -> AsInterpolant:
        """For a part of the batch."""
        return replace(self, prediction=part_of(self.prediction, index))

    def match(self, p: Point) -> tuple[Tensor, Tensor]:
        """The time t of the prediction's path at a point of the target, and the factor c.

        Both are float64, of the shape of the point.

        Raises:
            ConversionError: if there is no such time.
        """
        sigma, own = p.gamma / p.beta, self._own
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=sigma.device)
        high, low = own.noise_level(ends)
        outside = (sigma > high * (1 + ROUNDING)) | (sigma < low * (1 - ROUNDING))
        if bool(outside.any()):
            raise ConversionError(self._refusal(p.t.expand(outside.shape)[outside][0]))
        # The ends are met exactly: what is determined there hangs on coefficients that are zero.
        start, end = sigma >= high, sigma <= low
        inside = own.time_at(torch.where(start | end, 1.0, sigma))
        time = torch.where(start, 0.0, torch.where(end, 1.0, inside))
        q, pure = own.at(time), p.beta == 0
        by_noise = q.gamma / torch.where(pure, p.gamma, 1.0)
        return time, torch.where(pure, by_noise, q.beta / torch.where(pure, 1.0, p.beta))

    @property
    def _own(self) -> OneSided:
        return cast("OneSided", self.prediction.interpolant)

    def _refusal(self, t: Tensor) -> str:
        target, own = type(self.interpolant).__name__, type(self._own).__name__
        first, last = self.span()
        return (
            f"as_interpolant: the noise level of {target} at t = {float(t):g} is outside of those "
            f"that the prediction on {own} knows: take times from {ceil(first * 1e6) / 1e6:g} to "
            f"{floor(last * 1e6) / 1e6:g} (first_time and last_time)"
        )


@dataclass(frozen=True, repr=False)
class _TranslatedKind(Kind):
    """The inner kind's rows at t, for the target's score ``s̄ = c s``."""

    name: str
    inner: Kind
    translation: AsInterpolant

    def rows(self, p: Point) -> tuple[Row, ...]:
        time, factor = self.translation.match(p)
        rows = self.inner.rows(self.translation.prediction.interpolant.at(time))
        return tuple(Row(row.x0, row.x1, row.score / factor) for row in rows)

    def parts(self, value: Value) -> tuple[State, ...]:
        return self.inner.parts(value)
