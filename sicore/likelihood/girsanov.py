r"""Girsanov's bound: how far the law of an SDE can be from another's with the same noise.

For ``dX = b_F dt + √(2ε) dW`` and ``dX = b̂_F dt + √(2ε) dW`` from the same start,

``KL(ρ_1 ‖ ρ̂_1) ≤ ∫ E‖b_F − b̂_F‖² / (4 ε(t)) dt``,

the expectation over the states of the first. The right side is the divergence of the two laws on
whole paths; starts that differ add their own ``KL(ρ_0 ‖ ρ̂_0)``.

Source: Albergo, Boffi and Vanden-Eijnden 2023, section 2.4, for constant ε.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.states import State, combine, inner_by_leaf


@dataclass(frozen=True)
class GirsanovBound:
    """The bound in nats.

    Attributes:
        value: the estimate.
        standard_error: of the mean over the samples; the error of the quadrature is not in it.
        rate: ``E‖b_F − b̂_F‖² / (4ε)`` at each time, nats per unit of t, float64 ``(T,)``.
    """

    value: float
    standard_error: float
    rate: Tensor


def girsanov_bound(
    truth: Dynamics, model: Dynamics, states: Callable[[Tensor], State], times: Tensor
) -> GirsanovBound:
    """Estimate the bound on ``KL(truth ‖ model)`` at the end of the grid.

    The mean over samples of each one's own integral, by the trapezoidal rule; states of one
    sample at different times may depend on each other, as on a simulated path they do.

    Args:
        truth: an SDE whose states are known, such as that of the exact prediction or a teacher.
        model: an SDE with the same diffusion.
        states: ``t -> x_t``, states ``(B, ...)`` of the truth: exact samples of the path, or one
            simulation recorded at the times of the grid. Sample k keeps its place.
        times: rising, float64 ``(T,)``; ε must be positive at all of them.

    Raises:
        InputError: for fewer than two times or samples, a grid that does not rise, an ε that is
            zero, or dynamics whose diffusions differ.
    """
    times = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    if len(times) < 2 or not bool((times.diff() > 0).all()):
        raise InputError("girsanov: expected at least two times, strictly rising")
    with torch.no_grad():
        rates = torch.stack([_rate(truth, model, t, states(t)) for t in times])
    integrals = torch.trapezoid(rates, times.to(rates.device), dim=0)
    if len(integrals) < 2:
        raise InputError("girsanov: expected at least two samples, for the standard error")
    error = integrals.std() / len(integrals) ** 0.5
    return GirsanovBound(float(integrals.mean()), float(error), rates.mean(1))


def _rate(truth: Dynamics, model: Dynamics, t: Tensor, x: State) -> Tensor:
    """``‖b_F − b̂_F‖² / (4ε)`` of each sample, summed over the leaves, float64 ``(B,)``."""
    diffusion, other = truth.diffusion(t), model.diffusion(t)
    if not torch.equal(diffusion, other):
        raise InputError(f"girsanov: the two diffusions differ at t = {float(t):g}")
    if not bool((diffusion > 0).all()):
        raise InputError(
            f"girsanov: ε = 0 at t = {float(t):g}, where no bound holds: both must be SDEs, and "
            f"the grid must stay where ε > 0"
        )
    gap = combine(1.0, truth.drift(t, x), -1.0, model.drift(t, x))
    squares = inner_by_leaf(gap, gap).double()
    return (squares / (2 * diffusion**2).to(squares.device)).sum(0)
