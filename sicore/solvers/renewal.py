"""How much of its noise a state keeps over a step of an SDE: ``ρ_{ts} = exp(−∫_t^s ε/γ²)``.

Given x0 and x1, the SDE of a path moves the noise in the state as an Ornstein–Uhlenbeck process
does, whatever the path: ``x_s = α_s x0 + β_s x1 + γ_s (ρ z_t + √(1 − ρ²) z)``, with z_t the noise
that was in x_t and z a new one. This is what exponential SDE solvers step with; ρ = σ_s/σ_t for the
reverse diffusions of score-based models (``sicore.dynamics.noising``).

Sources: Lu et al., "DPM-Solver++", 2022, section 3.3 and appendix (SDE-DPM-Solver++); Albergo,
Boffi and Vanden-Eijnden 2023, for ε.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.solvers.quadrature import gauss_legendre


def kept_noise(dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
    """ρ over steps from t to s, float64 ``(N,)``; 0 where γ_s = 0, and 1 for an ODE.

    Raises:
        InputError: backward in time.
    """
    if not dynamics.stochastic:
        return torch.ones_like(t)
    if dynamics.direction < 0:
        raise InputError("an exponential SDE solver runs from source to data only")
    epsilon = getattr(dynamics, "epsilon", None)
    exact = getattr(epsilon, "kept", None)
    if exact is not None:
        made: Tensor = exact(t, s)
        return made
    points, weights = gauss_legendre(t, s)
    p = dynamics.interpolant.at(points)
    rate = dynamics.diffusion(points) ** 2 / (2 * p.gamma**2)
    ends = dynamics.interpolant.at(s).gamma == 0
    return torch.where(ends, 0.0, torch.exp(-(rate * weights).sum(-1)))
