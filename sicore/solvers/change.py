r"""The change ``∫_t^s K(s, τ) dq(τ)`` of a held quantity, as a sum over values that are known.

With q the polynomial in a clock c through its values at some times, this is ``Σ_j w_j q_j`` with
``w_j = ∫ K(s, τ(c)) L_j'(c) dc``. Gauss–Legendre quadrature gives the weights, to rounding for the
usual paths and steps; they sum to zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.clocks import Clock
from sicore.solvers.held import Held
from sicore.solvers.quadrature import gauss_legendre
from sicore.solvers.renewal import kept_noise
from sicore.solvers.table import Form


def node_weights(
    held: Held, clock: Clock, dynamics: Dynamics, nodes: Tensor, t: Tensor, s: Tensor
) -> list[list[Tensor]]:
    """``w_j`` of each held quantity and node.

    Args:
        held: the quantities.
        clock: the variable of the polynomial.
        dynamics: gives the path, and ε.
        nodes: times ``(N, K)`` at which values are known.
        t: where the steps start, ``(N,)``.
        s: where they end.
    """
    path = dynamics.path
    points, weights = gauss_legendre(clock.read(path, t), clock.read(path, s))
    slopes = lagrange_slopes(clock.read(path, nodes), points)
    tau, end = clock.time(path, points), s.unsqueeze(-1)
    kernels = held.kernels(dynamics, tau, end, kept_noise(dynamics, tau, end))
    return [[(k * slope * weights).sum(-1) for slope in slopes.unbind(1)] for k in kernels]


def total_change(weights: Sequence[Sequence[Tensor]], known: Sequence[Sequence[Form]]) -> Form:
    """``Σ_j w_j q_j`` over the quantities and their first values."""
    total = Form({})
    for by_node, forms in zip(weights, known, strict=True):
        for weight, form in zip(by_node, forms, strict=False):
            total = total + weight * form
    return total


def lagrange_slopes(nodes: Tensor, at: Tensor) -> Tensor:
    """Derivatives of the Lagrange polynomials of nodes ``(N, K)`` at points ``(N, Q)``: (N, K, Q).

    Node 0's polynomial is one less the others', whose derivatives sum to the negative of its own.
    """
    k = nodes.shape[-1]
    slopes = []
    for j in range(k):
        others = [m for m in range(k) if m != j]
        total = torch.zeros_like(at)
        for left_out in others:
            product = torch.ones_like(at)
            for m in others:
                gap = (nodes[:, j] - nodes[:, m]).unsqueeze(-1)
                product = product * (1 / gap if m == left_out else (at - nodes[:, m, None]) / gap)
            total = total + product
        slopes.append(total)
    return torch.stack(slopes, 1)
