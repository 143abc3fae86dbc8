"""Checks of solvers and operators against what is known in closed form."""

from __future__ import annotations

import copy
import math
from typing import Any, cast

import torch
from torch import Tensor

from sicore.dynamics import PathDynamics, proportional
from sicore.interpolants import Categorical, Linear, Point
from sicore.predictions import CATEGORICAL, VELOCITY, FunctionPrediction
from sicore.solvers import Solution, Solver, solve
from sicore.states import Noise, State, TensorSpace, inner, scale, take
from sicore.testing.require import require, require_close

DEVIATION = 2.0  # of the Gaussian data on which solvers are checked
ENTIRE = torch.linspace(0, 1, 9, dtype=torch.float64)
INSIDE = torch.tensor(0.1, dtype=torch.float64), torch.tensor(0.9, dtype=torch.float64)
ROUNDING = 1e-11


def check_solver(solver: Solver) -> None:
    """Check a solver on Gaussian data: statelessness, calls, batch independence, accuracy.

    One that takes the steps of a grid must make the calls that it declares, and reach its order
    (less 0.3), on grids whose first steps are so short that a multistep method may start by a lower
    one. One that draws noise must reach the law of the data, and one that chooses its own steps the
    right end within 1 %. One for categorical paths must reach the law of independent entries.

    Args:
        solver: an instance of a registered solver.
    """
    what = f"solver {type(solver).__name__}"
    if solver.categorical:
        _check_categorical(solver, what)
        return
    before = copy.deepcopy(getattr(solver, "__dict__", {}))
    noise = Noise.of(0, 6)
    start = noise.named("start").normal((2,), torch.float64)
    whole = _solve(solver, start, ENTIRE, noise)
    require_close(_solve(solver, start, ENTIRE, noise), whole, f"{what}: it must be deterministic")
    part = _solve(solver, take(start, slice(2, 4)), ENTIRE, noise.take(slice(2, 4)))
    require_close(
        part,
        take(whole, slice(2, 4)),
        f"{what}: a sample must not depend on the others of its batch",
        tolerance=1e-12,
    )
    after = getattr(solver, "__dict__", {})
    require(after == before, f"{what}: it must hold no state, history belongs into `carry`")
    if solver.stochastic or solver.draws:
        _check_law(solver, what)
    elif solver.adaptive:
        _check_end(solver, what, start)
    else:
        _check_order(solver, what, start)


def _gaussian_ode() -> FunctionPrediction:
    """The velocity of Gaussian data of deviation 2 on the linear path: ``x v̇/(2v)``."""
    path = Linear()

    def velocity(t: Tensor, x: State) -> State:
        p = path.at(t)
        rate = p.beta * p.beta_dot * DEVIATION**2 + p.gamma_gamma_dot
        return scale(rate / _size(p) ** 2, x)

    return FunctionPrediction(velocity, path, VELOCITY)


def _size(p: Point) -> Tensor:
    """The deviation of the state, with which every sample grows."""
    return ((p.beta * DEVIATION) ** 2 + p.gamma**2).sqrt()


def _solve(solver: Solver, x: State, times: Tensor, noise: Noise) -> State:
    prediction = _gaussian_ode()
    epsilon = proportional(0.5, prediction.interpolant) if solver.stochastic else None
    solution = solve(PathDynamics(prediction, epsilon), x, times, solver, noise)
    if not solver.adaptive:
        _check_calls(solver, solution)
    return solution.x


def _check_calls(solver: Solver, solution: Solution) -> None:
    """Those declared; a step from or to an end of the path may take fewer."""
    times = solution.times.tolist()
    steps, ends = len(times) - 1, sum(t in (0, 1) for t in times)
    most = solver.evaluations * steps + solver.startup
    require(
        solver.evaluations * (steps - ends) <= solution.nfe <= most,
        f"solver {type(solver).__name__}: it declares {solver.evaluations} evaluations a step, "
        f"so {most} for {steps} steps, but made {solution.nfe}",
    )


def _gap(solver: Solver, start: State, times: Tensor) -> float:
    """The largest error of the ends."""
    path = _gaussian_ode().interpolant
    growth = float(_size(path.at(times[-1])) / _size(path.at(times[0])))
    made = _solve(solver, start, times, Noise.of(0, 6))
    return float((torch.as_tensor(made) - growth * torch.as_tensor(start)).abs().max())


def _check_order(solver: Solver, what: str, start: State) -> None:
    """On grids inside the path whose steps grow from nothing; errors near rounding are enough."""
    share = [torch.linspace(0, 1, n + 1, dtype=torch.float64) ** 2 for n in (128, 256)]
    errors = [_gap(solver, start, torch.lerp(*INSIDE, u)) for u in share]
    order = math.log2(errors[0] / errors[1]) if errors[1] > ROUNDING else math.inf
    reached = order > solver.order - 0.3
    require(reached, f"{what}: it declares order {solver.order}, but reaches {order:.2f}")


def _check_end(solver: Solver, what: str, start: State) -> None:
    gap = _gap(solver, start, torch.stack(INSIDE))
    require(gap < 0.01, f"{what}: its end is {gap:.2g} from the right one")


def _check_law(solver: Solver, what: str) -> None:
    noise = Noise.of(1, 20_000)
    start = noise.named("start").normal((1,), torch.float64)
    times = torch.linspace(0, 1, 65, dtype=torch.float64)
    end = torch.as_tensor(_solve(solver, start, times, noise))
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


def _check_categorical(solver: Solver, what: str) -> None:
    """Entries that are independent have their law after any steps, within five standard errors."""
    n, law = 4000, torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    path = Categorical()

    def posterior(t: Tensor, x: State) -> State:
        kappa = path.coefficients(t)[1]
        made = law * (kappa * cast("Tensor", x) + (1 - kappa) / 3)
        return made / made.sum(-1, keepdim=True)

    flow = PathDynamics(FunctionPrediction(posterior, path, CATEGORICAL))
    times = torch.linspace(0, 1, 9, dtype=torch.float64)

    def run(index: Tensor) -> Tensor:
        noise = Noise(0, index)
        x = path.prior(noise, TensorSpace((2, 3)), torch.float64)
        return cast("Tensor", solve(flow, x, times, solver, noise).x)

    whole = run(torch.arange(n))
    part = run(torch.tensor([7, 3]))
    require_close(part, whole[[7, 3]], f"{what}: a sample must not depend on the others")
    error = (whole.mean((0, 1)) - law).abs()
    allowed = 5 * (law * (1 - law) / (2 * n)).sqrt()
    require(bool((error < allowed).all()), f"{what}: it must reach the law of the data")
