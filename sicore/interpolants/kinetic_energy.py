r"""The kinetic energy of a path from noise, by the posterior variance of the data.

On ``x_t = β x1 + γ z`` the velocity is ``b = E[β̇ x1 + γ̇ z | x_t]``. What the expectation takes
away is posterior variance: with ``q = E‖x1‖²/d`` and the noise level ``σ = γ/β``,

    ``E‖b‖²/d = q β̇² + γ̇² − V(σ) γ² ω̇²,   ω = 1/σ,   V(σ) = E‖x1 − E[x1|x_t]‖²/d``.

In polar coordinates ``√q β = r sin θ, γ = r cos θ`` this is a metric on the quarter plane,

    ``E‖b‖²/d = ṙ² + G(θ) r² θ̇²,   G(θ) = 1 − V(√q cot θ) / (q cos² θ)``,

and ``0 ≤ G ≤ 1``: the best linear estimate of x1 has the error ``q cos² θ`` in each dimension, so
G is the share of it that the posterior mean removes. G = 0 for isotropic Gaussian data, which a
rotation leaves alone; G = 1 where a state determines its data point.

Source: Shaul et al., "On kinetic optimal probability paths for generative models", 2023, for the
energy as a function of the data's posterior mean; the polar form is derived here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import OneSided
from sicore.progress import progress_bar
from sicore.states import Noise, State, leaves

CELLS = 64
DRAWS = 1000
LARGEST = 1000
"""Points that are measured; the cost grows with their number times that of the draws."""


@dataclass(frozen=True)
class VarianceCurve:
    """G on the cells of ``angles``, constant on each: the metric in which paths are measured.

    Args:
        metric: G at the middle of each cell, float64 ``(K,)``, in [0, 1].
        second_moment: ``q = E‖x1‖²/d``.

    Raises:
        InputError: if G leaves [0, 1], or the second moment is not positive.
    """

    metric: Tensor
    second_moment: float = 1.0

    def __post_init__(self) -> None:
        if not bool(((self.metric >= 0) & (self.metric <= 1)).all()):
            raise InputError("variance curve: expected a metric between 0 and 1 at every angle")
        if not 0 < self.second_moment < math.inf:
            raise InputError(
                f"variance curve: expected data of positive second moment, got {self.second_moment}"
            )

    @classmethod
    def from_points(
        cls,
        points: State,
        *,
        cells: int = CELLS,
        draws: int = DRAWS,
        largest: int = LARGEST,
        seed: int = 0,
        progress: bool = False,
    ) -> VarianceCurve:
        """The curve of a finite set of points, all equally likely.

        Posterior means are exact, over all points; the average over states is by Monte Carlo. Of
        more than ``largest`` points a random subset is taken: it is a sparser set, which a state
        determines at larger noise than it does the whole set.

        Args:
            points: ``(n, ...)``.
            cells: how many angles are measured.
            draws: states at each angle, the same points and noise at all; at least one per point.
            largest: how many points are used at most.
            seed: of the draws and the subset.
            progress: show a bar when standard error is a terminal.

        Raises:
            InputError: if a point is not finite, or all are zero.
        """
        cloud = _cloud(points, largest, seed)
        second_moment = float(cloud.square().mean())
        middles = _middles(cells)
        unit = cloud / math.sqrt(second_moment) if second_moment > 0 else cloud
        return cls(_metric(unit, middles, draws, seed, progress), second_moment)

    @classmethod
    def from_function(
        cls,
        variance: Callable[[Tensor], Tensor],
        second_moment: float = 1.0,
        *,
        cells: int = CELLS,
    ) -> VarianceCurve:
        """The curve of a law whose posterior variance is known.

        Args:
            variance: ``V(σ)`` in each dimension, float64 ``(K,)`` in and out.
            second_moment: q.
            cells: how many angles are measured.

        Raises:
            InputError: if V exceeds the error of the best linear estimate, ``q cos² θ``.
        """
        middles = _middles(cells)
        values = variance(math.sqrt(second_moment) / middles.tan())
        metric = 1 - values / (second_moment * middles.cos() ** 2)
        rounding = 1e-12  # of the difference of two numbers of size 1
        return cls(torch.where(metric.abs() < rounding, 0.0, metric), second_moment)

    @property
    def angles(self) -> Tensor:
        """The edges of the cells, from 0 to π/2, ``(K + 1,)``."""
        return _edges(len(self.metric))

    @property
    def lengths(self) -> Tensor:
        """``φ(θ) = ∫√G dθ`` at the edges, ``(K + 1,)``."""
        steps = self.metric.sqrt() * self.angles.diff()
        return torch.cat((torch.zeros(1, dtype=torch.float64), steps.cumsum(0)))

    def at(self, angle: Tensor) -> Tensor:
        """G at angles in [0, π/2]."""
        cell = torch.searchsorted(self.angles, angle.contiguous(), right=True) - 1
        return self.metric[cell.clamp(0, len(self.metric) - 1)]


def posterior_variance(
    points: State,
    sigma: Tensor,
    *,
    draws: int = DRAWS,
    largest: int = LARGEST,
    seed: int = 0,
) -> Tensor:
    """``E‖x1 − E[x1 | x1 + σz]‖²/d`` of a finite set of points, all equally likely.

    Measured as the share of the posterior variance in the error of the best linear estimate, which
    is known: exactly 0 where a state determines its point, and never below 0 elsewhere.

    Args:
        points: ``(n, ...)``.
        sigma: noise levels, positive, float64 of any shape.
        draws: states at each level, at least one per point.
        largest: of more points than this a random subset is used.
        seed: of the draws and the subset.
    """
    cloud = _cloud(points, largest, seed)
    second_moment = float(cloud.square().mean())
    root = math.sqrt(second_moment)
    angles = torch.atan(root / sigma.double()).flatten()
    metric = _metric(cloud / root, angles, draws, seed, progress=False)
    return ((1 - metric) * second_moment * angles.cos() ** 2).reshape(sigma.shape)


def kinetic_energy(interpolant: OneSided, curve: VarianceCurve, steps: int = 4096) -> float:
    """``∫ E‖b‖²/d dt`` over [0, 1], by the midpoint rule.

    It grows without bound in ``steps`` for a path of infinite γ̇ at t = 1 on a finite set.

    Args:
        interpolant: a path from noise.
        curve: the metric of the data.
        steps: of the rule.
    """
    t = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    p, root = interpolant.at(t), math.sqrt(curve.second_moment)
    beta, beta_dot = root * p.beta, root * p.beta_dot
    square = beta**2 + p.gamma**2
    radial = (beta * beta_dot + p.gamma_gamma_dot) ** 2 / square
    turning = (beta_dot * p.gamma - beta * p.gamma_dot) ** 2 / square
    angle = torch.atan2(beta, p.gamma)
    return float((radial + curve.at(angle) * turning).mean())


def _edges(cells: int) -> Tensor:
    """Finer towards π/2, where G of a large set changes from 0 to 1 within a small angle."""
    left = torch.linspace(1, 0, cells + 1, dtype=torch.float64)
    return math.pi / 2 * (1 - left**2)


def _middles(cells: int) -> Tensor:
    edges = _edges(cells)
    return (edges[1:] + edges[:-1]) / 2


def _cloud(points: State, largest: int, seed: int) -> Tensor:
    """Points as float64 ``(n, d)`` on the CPU, at most ``largest`` of them."""
    parts = leaves(points)
    flat = torch.cat([parts[name].flatten(1) for name in sorted(parts)], 1).to("cpu", torch.float64)
    if not (len(flat) and bool(flat.isfinite().all())):
        raise InputError("posterior variance: expected at least one point, and all of them finite")
    order = Noise.of(seed, len(flat)).named("subset").uniform().argsort()
    return flat[order[:largest]]


def _metric(cloud: Tensor, angles: Tensor, draws: int, seed: int, progress: bool) -> Tensor:
    """G at each angle of a cloud of unit second moment.

    With the posterior mean m, the best linear estimate l and the posterior variance v of a state,
    ``E‖m − l‖² + E v = d cos² θ``, so ``G = E‖m − l‖² / (E‖m − l‖² + E v)``. Both expectations are
    taken over the same states: their ratio stays in [0, 1] and needs no difference of large
    numbers at either end.
    """
    n, d = cloud.shape
    count = math.ceil(draws / n) * n
    distances = torch.cdist(cloud, cloud, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    sums = torch.zeros(2, len(angles), dtype=torch.float64)
    chunk = max(1, 2_000_000 // n)
    starts = range(0, count, chunk)
    with progress_bar("measuring the data", len(starts) * len(angles), progress) as bar:
        for first in starts:
            noise = Noise.of(seed, min(chunk, count - first), first).named("posterior variance")
            z = noise.normal((d,), torch.float64)
            own = noise.index % n
            x1, away = cloud[own], distances[own]
            along = (z * x1).sum(1, keepdim=True) - z @ cloud.T
            for i, angle in enumerate(angles):
                ratio = angle.tan()
                weights = torch.softmax(-ratio * (ratio / 2 * away + along), 1)
                error = weights @ cloud - x1
                spread = (weights * away).sum(1) - error.square().sum(1)
                linear = angle.cos() ** 2 * x1 - angle.sin() * angle.cos() * z
                sums[0, i] += (error + linear).square().sum()
                sums[1, i] += spread.clamp_min(0).sum()  # below 0 by rounding alone
                bar.advance()
    return sums[0] / sums.sum(0)
