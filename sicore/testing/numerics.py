"""Checks of solvers and operators against what is known in closed form."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor

from sicore.dynamics import PathDynamics, proportional
from sicore.interpolants import Linear
from sicore.predictions import VELOCITY, FunctionPrediction
from sicore.solvers import Solver, solve
from sicore.states import Noise, State, inner, scale, take
from sicore.testing.require import require, require_close

DEVIATION = 2.0  # of the Gaussian data on which solvers are checked


def check_solver(solver: Solver) -> None:
    """Check a solver on Gaussian data: statelessness, calls, batch independence, accuracy.

    An ODE solver must reach its declared order (less 0.3); an SDE solver the law of the data.

    Args:
        solver: an instance of a registered solver.
    """
    what = f"solver {type(solver).__name__}"
    before = copy.deepcopy(getattr(solver, "__dict__", {}))
    noise = Noise.of(0, 6)
    start = noise.named("start").normal((2,), torch.float64)
    whole = _solve(solver, start, 8, noise)
    require_close(_solve(solver, start, 8, noise), whole, f"{what}: it must be deterministic")
    part = _solve(solver, take(start, slice(2, 4)), 8, noise.take(slice(2, 4)))
    require_close(
        part,
        take(whole, slice(2, 4)),
        f"{what}: a sample must not depend on the others of its batch",
        tolerance=1e-12,
    )
    after = getattr(solver, "__dict__", {})
    require(after == before, f"{what}: it must hold no state, history belongs into `carry`")
    if solver.stochastic:
        _check_law(solver, what)
    else:
        _check_order(solver, what, start)


def _gaussian_ode() -> FunctionPrediction:
    """The velocity of Gaussian data of deviation 2 on the linear path: ``x v̇/(2v)``."""
    path = Linear()

    def velocity(t: Tensor, x: State) -> State:
        p = path.at(t)
        variance = (p.beta * DEVIATION) ** 2 + p.gamma**2
        return scale((p.beta * p.beta_dot * DEVIATION**2 + p.gamma_gamma_dot) / variance, x)

    return FunctionPrediction(velocity, path, VELOCITY)


def _solve(solver: Solver, x: State, steps: int, noise: Noise) -> State:
    prediction = _gaussian_ode()
    epsilon = proportional(0.5, prediction.interpolant) if solver.stochastic else None
    times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    solution = solve(PathDynamics(prediction, epsilon), x, times, solver, noise)
    calls = solver.evaluations * steps
    require(
        solution.nfe == calls,
        f"solver {type(solver).__name__}: it declares {solver.evaluations} evaluations a step, "
        f"so {calls} for {steps} steps, but made {solution.nfe}",
    )
    return solution.x


def _check_order(solver: Solver, what: str, start: State) -> None:
    exact = scale(DEVIATION, start)
    noise = Noise.of(0, 6)
    errors = []
    for steps in (32, 64):
        difference = scale(-1.0, _solve(solver, start, steps, noise))
        gap = torch.as_tensor(difference) + torch.as_tensor(exact)
        errors.append(float(gap.abs().max()))
    order = math.log2(errors[0] / errors[1]) if errors[1] > 1e-13 else math.inf
    reached = order > solver.order - 0.3
    require(reached, f"{what}: it declares order {solver.order}, but reaches {order:.2f}")


def _check_law(solver: Solver, what: str) -> None:
    noise = Noise.of(1, 20_000)
    start = noise.named("start").normal((1,), torch.float64)
    end = torch.as_tensor(_solve(solver, start, 64, noise))
    deviation = float(end.std())
    right = abs(deviation - DEVIATION) < 0.1
    require(
        right, f"{what}: the data's deviation is {DEVIATION}, that of its samples {deviation:.2f}"
    )


def check_operator(operator: Any, x: State, *, tolerance: float = 1e-4) -> None:
    """Check a linear measurement: linearity, adjoint, pseudoinverse, batch independence.

    Args:
        operator: an instance of a registered operator.
        x: a batch of at least two states.
        tolerance: relative to the size of what is compared.
    """
    what = f"operator {type(operator).__name__}"
    y = operator(x)
    require_close(operator(x), y, f"{what}: it must be deterministic")
    require_close(
        operator(take(x, slice(0, 1))),
        take(y, slice(0, 1)),
        f"{what}: a sample must not depend on the others of its batch",
        tolerance=1e-5,
    )
    require_close(
        operator(scale(2.0, x)), scale(2.0, y), f"{what}: A(2x) must be 2 A(x)", tolerance=tolerance
    )
    probe = Noise.of(7, len(torch.as_tensor(y))).normal_like(y)
    left, right = inner(y, probe), inner(x, operator.adjoint(probe))
    size = 1 + float(left.abs().max())
    gap = float((left - right).abs().max()) / size
    require(gap < tolerance, f"{what}: <Ax, y> and <x, Aᵀy> differ by {gap:.2g}")
    if getattr(operator, "pseudoinverse", None) is not None:
        again = operator(operator.pseudoinverse(y))
        require_close(again, y, f"{what}: A A⁺ A x must be A x", tolerance=10 * tolerance)
