r"""The change ``∫_t^s K(s, τ) dq(τ)`` of a held quantity, as a sum over values that are known.

With q the polynomial in a clock c through its values at some times, this is ``Σ_j w_j q_j``. In the
share ``u = (c(τ) − c(t))/(c(s) − c(t))`` of the step the weights solve

``Σ_j w_j u_j^k = ∫_0^1 K(s, τ(u)) d(u^k)``,  k = 0, 1, …,

as many equations as there are values. The right sides are made by Gauss–Legendre quadrature, to
rounding for the usual paths and steps. The first says that the weights sum to zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.clocks import Clock
from sicore.solvers.held import Held
from sicore.solvers.quadrature import POINTS, WEIGHTS
from sicore.solvers.renewal import kept_noise


def moments(
    held: Held, clock: Clock, dynamics: Dynamics, t: Tensor, s: Tensor, count: int
) -> tuple[Tensor, ...]:
    """``∫ K(s, τ(u)) d(u^k)`` for k below count: ``(..., N, count)`` for each held quantity.

    Args:
        held: the quantities.
        clock: the variable of the polynomial; finite at all these times.
        dynamics: gives the path, and ε.
        t: where the steps start, ``(N,)``.
        s: where they end.
        count: how many.
    """
    low, high = clock.read(dynamics.path, torch.stack((t, s))).unsqueeze(-1)
    tau, end = clock.time(dynamics.path, torch.lerp(low, high, POINTS)), s.unsqueeze(-1)
    kernels = held.kernels(dynamics, tau, end, kept_noise(dynamics, tau, end))
    powers = torch.arange(count, dtype=torch.float64)
    slopes = powers * POINTS.unsqueeze(-1) ** (powers - 1)
    return tuple((kernel * WEIGHTS) @ slopes for kernel in kernels)


def node_weights(nodes: Tensor, right: Tensor) -> Tensor:
    """The weights w from the shares u_j of the step at which values are known.

    Args:
        nodes: ``(N, K)``.
        right: the moments, ``(..., N, K)``.

    Returns:
        ``(..., N, K)``.
    """
    vandermonde = nodes.unsqueeze(-1) ** torch.arange(nodes.shape[-1], dtype=torch.float64)
    solved: Tensor = torch.linalg.solve(vandermonde.mT, right.unsqueeze(-1)).squeeze(-1)
    return solved
