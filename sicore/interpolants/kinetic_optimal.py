r"""The path from noise of least kinetic energy, for the posterior variance of given data.

In the polar coordinates of ``kinetic_energy``, ``√q β = r sin θ, γ = r cos θ``, the energy of a
path is ``∫ ṙ² + G(θ) r² θ̇² dt``. With ``φ(θ) = ∫√G dθ`` this is ``∫ ṙ² + r² φ̇² dt``: the metric
of the flat plane, in which the path of least energy between two points is the straight line at
constant speed. Noise is the point ``(r, φ) = (1, 0)`` and the data ``(√q, Φ)``, ``Φ = φ(π/2)``, so

    ``r² = (1 − t)² + 2 t (1 − t) √q cos Φ + t² q``,   ``energy = 1 + q − 2 √q cos Φ``,

and only the map from φ back to θ is a table. Φ is at most π/2, reached for ``G = 1``: then
``θ = φ``, and the path is ``β = t, γ = 1 − t``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import OneSided
from sicore.interpolants.kinetic_energy import LARGEST, VarianceCurve
from sicore.states import State

KNOTS = 32
HALVINGS = 60  # of an interval of length 1, down to the rounding of float64


@dataclass(frozen=True)
class KineticOptimal(OneSided):
    r"""The kinetic-optimal path of a data set; made by ``from_data``, or when a training starts.

    θ is a monotone cubic of ``w = φ/Φ``, continuous with its derivative. Data of mean 0 have
    G(0) = 0, and their exact θ leaves φ = 0 like a square root. The table makes β̇(0) finite: it
    grows as √knots, and the energy exceeds ``1 + q − 2 √q cos Φ`` by a share that falls as 1/knots,
    under 0.8 per cent at 32 knots on clouds of 20 to 500 normal points.

    For ``Φ = 0``, isotropic Gaussian data, turning costs nothing and the energy leaves θ open. The
    path is then ``w = t √q / (1 − t + t √q)``, the limit of the general one: with ``q = 1`` and
    the two angles 0 and 1 it is the quarter circle, ``β = sin(πt/2), γ = cos(πt/2)``.

    Args:
        turn: Φ, at most π/2 for data; the line exists below π.
        radius: ``√q = √(E‖x1‖²/d)``.
        angles: ``θ/(π/2)`` at equal steps of φ from 0 to Φ; rises from 0 to 1.

    Raises:
        InputError: if there are no angles, or they are no such table.

    Source: Shaul et al., "On kinetic optimal probability paths for generative models", 2023, where
    the path solves an ordinary differential equation in one dimension.
    """

    turn: float = 0.0
    radius: float = 1.0
    angles: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.angles:
            raise InputError(
                "kinetic-optimal: this path is made from data and has no table yet; train with it "
                "(the table is measured when the training starts), or use "
                "KineticOptimal.from_data(x)"
            )
        rising = all(a < b for a, b in zip(self.angles, self.angles[1:], strict=False))
        if len(self.angles) < 2 or (self.angles[0], self.angles[-1]) != (0, 1) or not rising:
            raise InputError("kinetic-optimal: expected angles that rise from 0 to 1")
        if not (0 <= self.turn < math.pi and 0 < self.radius < math.inf):
            raise InputError(
                f"kinetic-optimal: expected turn from 0 to π and radius > 0, "
                f"got {self.turn} and {self.radius}"
            )

    @classmethod
    def from_data(cls, x: State, *, knots: int = KNOTS, **measured: Any) -> KineticOptimal:
        """The path of the points ``(n, ...)``, taken as the whole law of the data.

        Args:
            x: the points, as states.
            knots: how many pieces the table has.
            measured: passed on to ``VarianceCurve.from_points``; of many points it takes a random
                subset.
        """
        return cls.from_curve(VarianceCurve.from_points(x, **measured), knots=knots)

    @classmethod
    def from_curve(cls, curve: VarianceCurve, *, knots: int = KNOTS) -> KineticOptimal:
        """The path of a known posterior variance.

        Args:
            curve: the metric of the data.
            knots: how many pieces the table has.
        """
        lengths = curve.lengths
        turn, radius = float(lengths[-1]), math.sqrt(curve.second_moment)
        if turn == 0:
            return cls(turn, radius, (0.0, 1.0))
        inside = torch.arange(1, knots, dtype=torch.float64) / knots * turn
        after = torch.searchsorted(lengths, inside, right=True).clamp_max(len(lengths) - 1)
        low, high = lengths[after - 1], lengths[after]
        share = (inside - low) / (high - low)
        angles = torch.lerp(curve.angles[after - 1], curve.angles[after], share)
        table = (0.0, *(angles / (math.pi / 2)).tolist(), 1.0)
        return cls(turn, radius, table)

    @classmethod
    def completed(
        cls, parameters: Mapping[str, Any], states: Callable[[int], State]
    ) -> Mapping[str, Any]:
        """Parameters with the table that belongs to the data, if they have none.

        Args:
            parameters: as in a configuration.
            states: gives this many of the data's states, or all if there are fewer.

        Returns:
            The parameters, rounded so that repeated measurements agree digit for digit.
        """
        if parameters.get("angles"):
            return parameters
        made = asdict(cls.from_data(states(LARGEST), progress=True))
        return {key: _rounded(value) for key, value in made.items()}

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, r sin θ / √q, r cos θ``."""
        left, _ = self._left(t)
        r = self._distance(t)
        return torch.zeros_like(t), r / self.radius * _sine(1 - left), r * _sine(left)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """By the product rule; ``r² φ̇ = √q sin Φ`` at all times, as on every straight line."""
        left, slope = self._left(t)
        r, end = self._distance(t), self.radius
        spin = end * (math.sin(self.turn) / self.turn if self.turn else 1.0) / r**2  # ẇ
        turning = math.pi / 2 * slope * spin  # θ̇
        outward = (t * end**2 - (1 - t) + (1 - 2 * t) * end * math.cos(self.turn)) / r  # ṙ
        sine, cosine = _sine(1 - left), _sine(left)
        beta_dot = (outward * sine + r * cosine * turning) / end
        product = r * cosine * (outward * cosine - r * sine * turning)
        return torch.zeros_like(t), beta_dot, product

    def time_at(self, sigma: Tensor) -> Tensor:
        """By bisection in the table, then from φ to t on the line."""
        left = 2 / math.pi * torch.atan(sigma.double() / self.radius)
        table = _table(self.angles).to(left.device)
        count = len(self.angles) - 1
        piece = torch.searchsorted(table[0].contiguous(), left.contiguous(), right=True) - 1
        piece = piece.clamp(0, count - 1)
        low, high = torch.zeros_like(left), torch.ones_like(left)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = _cubic(table, piece, middle)[0] > left
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        remaining = (piece + low) / count
        near = (1 - remaining) * _ratio((1 - remaining) * self.turn)
        far = remaining * _ratio(remaining * self.turn)
        return near / (near + self.radius * far)

    def _distance(self, t: Tensor) -> Tensor:
        """``r(t)``."""
        end = self.radius
        return ((1 - t) ** 2 + 2 * t * (1 - t) * end * math.cos(self.turn) + (t * end) ** 2).sqrt()

    def _left(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """``1 − θ/(π/2)``, and its derivative in ``1 − w``; accurate to its own size at t = 1."""
        count = len(self.angles) - 1
        place = self._remaining(t) * count
        piece = place.detach().long().clamp(0, count - 1)
        value, slope = _cubic(_table(self.angles).to(t.device), piece, place - piece)
        return value, slope * count

    def _remaining(self, t: Tensor) -> Tensor:
        """``1 − w``, from the angles at the origin to both ends: exactly 1 and 0 at them."""
        start, end = 1 - t, t * self.radius
        if self.turn == 0:
            return start / (start + end)
        sine, cosine = math.sin(self.turn), math.cos(self.turn)
        passed = torch.atan2(end * sine, start + end * cosine)
        left = torch.atan2(start * sine, end + start * cosine)
        return left / (passed + left)


@lru_cache(maxsize=64)
def _table(angles: tuple[float, ...]) -> Tensor:
    """``1 − θ/(π/2)`` and its slopes from the data to the noise, in units of one piece.

    Slopes are harmonic means of the two differences, which keeps the cubic monotone; at the ends
    they are the one difference. ``(2, K + 1)``.

    Source: Fritsch and Butland, "A method for constructing local monotone piecewise cubic
    interpolants", 1984, for equal pieces.
    """
    values = 1 - torch.tensor(angles, dtype=torch.float64).flip(0)
    steps = values.diff()
    inner = 2 * steps[1:] * steps[:-1] / (steps[1:] + steps[:-1])
    return torch.stack((values, torch.cat((steps[:1], inner, steps[-1:]))))


def _cubic(table: Tensor, piece: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """The cubic on a piece at s in [0, 1], and its derivative in s; exact at both knots."""
    (before, rise), (after, climb) = table[:, piece], table[:, piece + 1]
    rest = 1 - s
    value = before * rest**2 * (1 + 2 * s) + after * s**2 * (1 + 2 * rest)
    value = value + s * rest * (rise * rest - climb * s)
    slope = 6 * s * rest * (after - before) + rise * rest * (1 - 3 * s) + climb * s * (1 - 3 * rest)
    return value, slope


def _sine(share: Tensor) -> Tensor:
    """The sine of a share of the right angle."""
    return torch.sin(math.pi / 2 * share)


def _ratio(angle: Tensor) -> Tensor:
    """``sin(x)/x``, 1 at 0."""
    return torch.sinc(angle / math.pi)


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_rounded(item) for item in value)
    return round(value, 9)
