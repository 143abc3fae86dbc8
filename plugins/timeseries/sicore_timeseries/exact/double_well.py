r"""A particle in two wells: ``dX = −V'(X) dt + σ dW``, ``V = b ((x/a)² − 1)² + c x``.

Its law at rest is ``∝ exp(−2V/σ²)``. Transitions are rare when the barrier is high (Kramers).

Sources: Kramers, "Brownian motion in a field of force", Physica 7 (1940); Gardiner, "Handbook of
stochastic methods", 2004, sections 5.2.7 and 9.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise

POINTS = 20_001  # of the grid for integrals
WIDE = 30.0  # where the density is e^−30 of its maximum


@dataclass(frozen=True)
class DoubleWell:
    """One channel.

    Args:
        barrier: b > 0, the height of the barrier without a tilt.
        width: a > 0, half the distance of the wells.
        tilt: c; above 0 the left well is the deeper one.
        noise: σ > 0.

    Raises:
        InputError: for numbers that are not above 0, or a tilt that leaves only one well.
    """

    barrier: float = 1.0
    width: float = 1.0
    tilt: float = 0.0
    noise: float = 0.7

    def __post_init__(self) -> None:
        if min(self.barrier, self.width, self.noise) <= 0:
            raise InputError("double well: expected barrier, width and noise above 0")
        if len(self._stationary_points) != 3:
            raise InputError(f"double well: a tilt of {self.tilt:g} leaves only one well")

    def potential(self, x: Tensor) -> Tensor:
        """V, elementwise."""
        return self.barrier * ((x / self.width) ** 2 - 1) ** 2 + self.tilt * x

    def drift(self, x: Tensor) -> Tensor:
        """``−V'``, elementwise."""
        return -4 * self.barrier / self.width**2 * x * ((x / self.width) ** 2 - 1) - self.tilt

    @property
    def wells(self) -> tuple[float, float]:
        """Where the two minima of V are."""
        return self._stationary_points[0], self._stationary_points[2]

    @property
    def top(self) -> float:
        """Where the maximum between them is."""
        return self._stationary_points[1]

    def density(self, x: Tensor) -> Tensor:
        """The density at rest, elementwise."""
        return (-2 * self.potential(x.double()) / self.noise**2 - self._log_mass).exp()

    @cached_property
    def right(self) -> float:
        """The probability at rest to be right of the top."""
        end = float(self._rest[0][-1])
        at = torch.linspace(self.top, end, POINTS, dtype=torch.float64)
        return float(torch.trapezoid(self.density(at), at))

    def sample(self, noise: Noise, times: Tensor, step: float = 1e-3) -> Tensor:
        """Paths at rest, float64 ``(n, T, 1)``, by Euler steps no longer than ``step``.

        Args:
            noise: n streams.
            times: increasing moments ``(T,)``.
            step: its error is of first order.
        """
        streams = noise.named("double well")
        x = self._drawn(streams.uniform())
        values = [x]
        for k, lasts in enumerate(times.double().diff().tolist()):
            count = math.ceil(lasts / step)
            z = streams.named("steps").at(k).normal((count,), torch.float64)
            h = lasts / count
            for xi in z.unbind(1):
                x = x + h * self.drift(x) + self.noise * math.sqrt(h) * xi
            values.append(x)
        return torch.stack(values, 1).unsqueeze(-1)

    def kramers_rate(self) -> float:
        """``√(V''(x_w) |V''(x_t)|)/(2π) exp(−2ΔV/σ²)`` of leaving the left well: low noise."""
        left, top = self.wells[0], self.top
        bends = [
            4 * self.barrier / self.width**2 * (3 * (x / self.width) ** 2 - 1) for x in (left, top)
        ]
        height = float(self.potential(torch.tensor(top).double()))
        height -= float(self.potential(torch.tensor(left).double()))
        speed = math.sqrt(bends[0] * abs(bends[1])) / (2 * math.pi)
        return speed * math.exp(-2 * height / self.noise**2)

    def passage_time(self, start: float, end: float) -> float:
        """The mean time from ``start`` to ``end`` > start, to the accuracy of a grid.

        ``(2/σ²) ∫_start^end e^{2V(y)/σ²} ∫_{−∞}^y e^{−2V(z)/σ²} dz dy``.
        """
        grid, _ = self._rest
        x = torch.linspace(float(grid[0]), end, POINTS, dtype=torch.float64)
        scaled = 2 * self.potential(x) / self.noise**2
        shift = scaled.min()
        inner = torch.cumulative_trapezoid((shift - scaled).exp(), x)
        outer = (scaled[1:] - shift).exp() * inner
        inside = x[1:] >= start
        return 2 / self.noise**2 * float(torch.trapezoid(outer[inside], x[1:][inside]))

    def transition(self, grid: Tensor, time: float) -> Tensor:
        """``P(X_t in cell j | X_0 = x_i)``, float64 ``(N, N)``; rows add up to 1.

        A walk on the grid that has the law at rest exactly: the rate from a cell to a neighbour is
        ``σ²/(2Δ²) exp((V_i − V_j)/σ²)``. Its error is of second order in Δ.

        Args:
            grid: N centres of cells, evenly spaced, wide enough that nothing leaves.
            time: t.
        """
        x = grid.double()
        v, rate = self.potential(x), self.noise**2 / (2 * (x[1] - x[0]) ** 2)
        generator = torch.zeros(len(x), len(x), dtype=torch.float64)
        up = rate * ((v[:-1] - v[1:]) / self.noise**2).exp()
        down = rate * ((v[1:] - v[:-1]) / self.noise**2).exp()
        generator += torch.diag(up, 1) + torch.diag(down, -1)
        generator -= torch.diag(generator.sum(1))
        return torch.from_numpy(scipy.linalg.expm((time * generator).numpy()))

    @cached_property
    def _stationary_points(self) -> tuple[float, ...]:
        """The real roots of V', in order."""
        a, b = self.width, self.barrier
        roots = np.roots([4 * b / a**4, 0, -4 * b / a**2, self.tilt])
        return tuple(sorted(float(r.real) for r in roots if abs(r.imag) < 1e-9 * a))

    @cached_property
    def _rest(self) -> tuple[Tensor, Tensor]:
        """A grid on which the density is not negligible, and ``exp(−2(V − min V)/σ²)`` on it."""
        reach = 2 * max(map(abs, self.wells))
        while True:
            grid = torch.linspace(-reach, reach, POINTS, dtype=torch.float64)
            exponent = -2 * self.potential(grid) / self.noise**2
            exponent = exponent - exponent.max()
            if float(exponent[[0, -1]].max()) < -WIDE:
                return grid, exponent.exp()
            reach *= 1.5

    @cached_property
    def _log_mass(self) -> float:
        """``log ∫ exp(−2V/σ²)``."""
        grid, weight = self._rest
        least = float(self.potential(grid).min())
        return math.log(float(torch.trapezoid(weight, grid))) - 2 * least / self.noise**2

    def _drawn(self, u: Tensor) -> Tensor:
        """Quantiles of the law at rest, linear between the points of the grid."""
        grid, weight = self._rest
        below = torch.cumulative_trapezoid(weight, grid)
        below = torch.cat((below.new_zeros(1), below)) / below[-1]
        place = torch.searchsorted(below, u).clamp(1, len(grid) - 1)  # u is inside (0, 1)
        share = (u - below[place - 1]) / (below[place] - below[place - 1])
        return grid[place - 1] + share * (grid[place] - grid[place - 1])
