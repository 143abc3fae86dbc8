r"""What exponential solvers hold: quantities whose change is all that they approximate.

On a path, hold a quantity q (the data prediction, say) constant from τ on, and the state at s is
known in closed form. If q changes by dq at τ, that changes the state at s by ``K(s, τ) dq``. So,
exactly,

``x_s = jump(t → s; x_t, q_t) + ∫_t^s K(s, τ) dq(τ)``,

on any path that determines q. The jump is a row over the path's expectations (see
``sicore.predictions.kinds``), and K is bounded where the paths of diffusion models have their
singularities:

=========  =================================  ==================================
held       jump                               K(s, τ)
=========  =================================  ==================================
data       ``α_s E0 + β_s E1 + γ_s ρ E[z]``   ``β_s − ρ_{τs} γ_s β_τ/γ_τ``
noise      the same, ρ = 1                    ``γ_s − β_s γ_τ/β_τ``
velocity   ``x_t + (s − t) b``                ``s − τ``
pair       ``x_t + (s − t) v + (γ_s − γ_t)η`` ``s − τ`` for v, ``γ_s − γ_τ`` for η
residual   see ``HeldResidual``               ``√S_s (θ_s − θ_τ)``
=========  =================================  ==================================

For an SDE with ``ε(t)``, the noise that is in the state is kept by the factor
``ρ_{ts} = exp(−∫_t^s ε/γ²)`` and renewed with deviation ``γ_s √(1 − ρ²)``; for an ODE ρ is 1.

Sources, of the special cases: Song et al. 2021 (DDIM); Lu et al., "DPM-Solver++", 2022; Zhang and
Chen, "Fast sampling of diffusion models with exponential integrator" (DEIS), 2023; Zhao et al.,
"UniPC", 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.interpolants import Point
from sicore.predictions import Combination, Row, state_row


class Held(Protocol):
    """Quantities, each with its kernel."""

    def jump(self, dynamics: Dynamics, t: Tensor, s: Tensor, kept: Tensor) -> Combination:
        """The state at s if the quantities stay as they are at t."""
        ...

    def quantities(self, dynamics: Dynamics, t: Tensor) -> tuple[Combination, ...]:
        """How they are made from the state and the value at t."""
        ...

    def kernels(
        self, dynamics: Dynamics, tau: Tensor, s: Tensor, kept: Tensor
    ) -> tuple[Tensor, ...]:
        """``K(s, τ)`` for each."""
        ...

    def carried(self, dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
        """By what a change of the state at t changes the state at s, with the quantities held."""
        ...


def jump(dynamics: Dynamics, t: Tensor, s: Tensor, kept: Tensor) -> Combination:
    """``α_s E0 + β_s E1 + γ_s ρ E[z]``, the step of DDIM: finite at both ends of a path."""
    p, q = dynamics.interpolant.at(t), dynamics.interpolant.at(s)
    return dynamics.express(p, Row(q.alpha, q.beta, -p.gamma * q.gamma * kept), "the step")


@dataclass(frozen=True)
class HeldData:
    """The data prediction ``E[x1|x_t]``: smooth where data dominate, and exact for one point."""

    def jump(self, dynamics: Dynamics, t: Tensor, s: Tensor, kept: Tensor) -> Combination:
        """``α_s E0 + β_s E1 + γ_s ρ E[z]``."""
        return jump(dynamics, t, s, kept)

    def quantities(self, dynamics: Dynamics, t: Tensor) -> tuple[Combination, ...]:
        """``E1``."""
        p = dynamics.interpolant.at(t)
        zero = torch.zeros_like(p.beta)
        return (dynamics.express(p, Row(zero, torch.ones_like(zero), zero), "the data"),)

    def kernels(
        self, dynamics: Dynamics, tau: Tensor, s: Tensor, kept: Tensor
    ) -> tuple[Tensor, ...]:
        """``β_s − ρ γ_s β_τ/γ_τ``."""
        p, q = dynamics.interpolant.at(tau), dynamics.interpolant.at(s)
        return (q.beta - kept * (q.gamma / p.gamma) * p.beta,)

    def carried(self, dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
        """``γ_s/γ_t``."""
        return dynamics.interpolant.at(s).gamma / dynamics.interpolant.at(t).gamma


@dataclass(frozen=True)
class HeldNoise:
    """The noise prediction ``E[z|x_t]``: smooth where noise dominates."""

    def jump(self, dynamics: Dynamics, t: Tensor, s: Tensor, kept: Tensor) -> Combination:
        """As for the data."""
        return jump(dynamics, t, s, kept)

    def quantities(self, dynamics: Dynamics, t: Tensor) -> tuple[Combination, ...]:
        """``−γ`` times the score."""
        p = dynamics.interpolant.at(t)
        zero = torch.zeros_like(p.beta)
        return (dynamics.express(p, Row(zero, zero, -p.gamma), "the noise"),)

    def kernels(
        self, dynamics: Dynamics, tau: Tensor, s: Tensor, kept: Tensor
    ) -> tuple[Tensor, ...]:
        """``γ_s − β_s γ_τ/β_τ``."""
        p, q = dynamics.interpolant.at(tau), dynamics.interpolant.at(s)
        return (q.gamma - (q.beta / p.beta) * p.gamma,)

    def carried(self, dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
        """``β_s/β_t``."""
        return dynamics.interpolant.at(s).beta / dynamics.interpolant.at(t).beta


@dataclass(frozen=True)
class HeldResidual:
    """What the data prediction has beyond that of Gaussian data ``N(0, v I)``.

    ``F = (D − c_skip x)/c_out`` with the factors of EDM's preconditioning for data of variance v;
    for v = 1 it is v-prediction, up to its sign. With ``S = γ² + β² v`` and the angle
    ``θ = arctan(√v β/γ)``, ``d(x/√S) = F dθ``: Gaussian data are solved exactly, and nothing is
    singular at either end of a path from noise.

    Args:
        variance: v, of the data; 1 for standardised states.

    Source: Karras et al. 2022, table 1, for F; Salimans and Ho 2022, for v = 1.
    """

    variance: float = 1.0

    def jump(self, dynamics: Dynamics, t: Tensor, s: Tensor, kept: Tensor) -> Combination:
        """``√(S_s/S_t) x + √S_s (θ_s − θ_t) F``."""
        p = dynamics.interpolant.at(t)
        factor, (kernel,) = self.carried(dynamics, t, s), self.kernels(dynamics, t, s, kept)
        pairs = zip(state_row(p), self._row(p), strict=True)
        return dynamics.express(p, Row(*(factor * a + kernel * b for a, b in pairs)), "the step")

    def quantities(self, dynamics: Dynamics, t: Tensor) -> tuple[Combination, ...]:
        """``F``."""
        p = dynamics.interpolant.at(t)
        return (dynamics.express(p, self._row(p), "the residual"),)

    def kernels(
        self, dynamics: Dynamics, tau: Tensor, s: Tensor, kept: Tensor
    ) -> tuple[Tensor, ...]:
        """``√S_s (θ_s − θ_τ)``."""
        p, q = dynamics.interpolant.at(tau), dynamics.interpolant.at(s)
        return (self._size(q) * (self._angle(q) - self._angle(p)),)

    def carried(self, dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
        """``√(S_s/S_t)``."""
        p, q = dynamics.interpolant.at(t), dynamics.interpolant.at(s)
        return self._size(q) / self._size(p)

    def _size(self, p: Point) -> Tensor:
        return (p.gamma**2 + p.beta**2 * self.variance).sqrt()

    def _angle(self, p: Point) -> Tensor:
        return torch.atan2(self.variance**0.5 * p.beta, p.gamma)

    def _row(self, p: Point) -> Row:
        ratio, root = p.gamma / self._size(p), self.variance**0.5
        return Row(torch.zeros_like(ratio), ratio / root, ratio * root * p.beta)


@dataclass(frozen=True)
class HeldVelocity:
    """The drift of an ODE, on a path or not: what Adams's methods hold."""

    def jump(self, dynamics: Dynamics, t: Tensor, s: Tensor, kept: Tensor) -> Combination:
        """``x + (s − t) b``."""
        drift, h = dynamics.split(t), s - t
        of_value = tuple(h * mu for mu in drift.of_value)
        return Combination(1 + h * drift.of_state, of_value, h * drift.of_x0)

    def quantities(self, dynamics: Dynamics, t: Tensor) -> tuple[Combination, ...]:
        """``b``."""
        return (dynamics.split(t),)

    def kernels(
        self, dynamics: Dynamics, tau: Tensor, s: Tensor, kept: Tensor
    ) -> tuple[Tensor, ...]:
        """``s − τ``."""
        return (s - tau,)

    def carried(self, dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)


@dataclass(frozen=True)
class HeldPair:
    """v and η of a two-sided path: the noise's own motion ``γ̇ η`` is integrated exactly."""

    def jump(self, dynamics: Dynamics, t: Tensor, s: Tensor, kept: Tensor) -> Combination:
        """``x_t + (s − t) v + (γ_s − γ_t) η``."""
        p, q, h = dynamics.interpolant.at(t), dynamics.interpolant.at(s), s - t
        x, v, eta = state_row(p), *_pair_rows(p)
        grown = q.gamma - p.gamma
        row = Row(*(a + h * b + grown * c for a, b, c in zip(x, v, eta, strict=True)))
        return dynamics.express(p, row, "the step")

    def quantities(self, dynamics: Dynamics, t: Tensor) -> tuple[Combination, ...]:
        """``E[α̇ x0 + β̇ x1]`` and ``E[z]``."""
        p = dynamics.interpolant.at(t)
        v, eta = _pair_rows(p)
        return dynamics.express(p, v, "the velocity's share"), dynamics.express(p, eta, "the noise")

    def kernels(
        self, dynamics: Dynamics, tau: Tensor, s: Tensor, kept: Tensor
    ) -> tuple[Tensor, ...]:
        """``s − τ`` and ``γ_s − γ_τ``."""
        return s - tau, dynamics.interpolant.at(s).gamma - dynamics.interpolant.at(tau).gamma

    def carried(self, dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(t)


def _pair_rows(p: Point) -> tuple[Row, Row]:
    zero = torch.zeros_like(p.beta)
    return Row(p.alpha_dot, p.beta_dot, zero), Row(zero, zero, -p.gamma)
