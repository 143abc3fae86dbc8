"""How samples are drawn: solver, grid and ε together, from names, objects and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from sicore.config import Component, SamplingConfig
from sicore.dynamics import Epsilon, PathDynamics, proportional
from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided
from sicore.predictions import Condition, Prediction
from sicore.solvers import DDIM, Callback, Grid, Solution, Solver, solve
from sicore.states import Noise, StateSpace


@dataclass(frozen=True)
class Plan:
    """One way to travel from noise to data.

    Args:
        solver: an ODE solver, or an SDE solver with ``epsilon``.
        times: the grid.
        epsilon: ε(t); None for the ODE.
        settings: how it was asked for, as plain values for a manifest.
    """

    solver: Solver
    times: Tensor
    epsilon: Epsilon | None
    settings: dict[str, Any]

    def run(
        self,
        prediction: Prediction,
        condition: Condition,
        noise: Noise,
        like: Tensor,
        space: StateSpace,
        callbacks: Sequence[Callback] = (),
    ) -> Solution:
        """Draw one batch.

        A solver that does not land (see ``Solver.lands``) leaves the last step to DDIM's, which
        returns ``E[x1|x_t]``: at γ = 0 the drift is its limit for smooth densities, which real
        data, on thin sets, do not follow, and noise that is added last is never removed.

        Args:
            prediction: with guidance or measurement, as they are wanted.
            condition: what to generate.
            noise: the streams of the samples.
            like: any tensor of the model's dtype and device.
            space: what states are.
            callbacks: see ``solve``.

        Raises:
            InputError: on a two-sided path.
        """
        if prediction.interpolant.two_sided:
            raise InputError("this model's path is two-sided: it starts from samples, not noise")
        path = cast("OneSided", prediction.interpolant)
        x = path.prior(noise, space, like.dtype, self.times[0])
        dynamics = PathDynamics(prediction, self.epsilon, condition)
        if self.solver.lands or float(path.at(self.times[-1]).gamma) > 0:
            return solve(dynamics, x, self.times, self.solver, noise, callbacks, space)
        nfe = 0
        if len(self.times) > 2:
            most = solve(dynamics, x, self.times[:-1], self.solver, noise, callbacks, space)
            x, nfe = most.x, most.nfe
        flow = PathDynamics(prediction, None, condition)
        last = solve(flow, x, self.times[-2:], DDIM(), noise.named("last"), callbacks, space)
        return Solution(last.x, self.times, nfe + last.nfe, last.status)


def make_plan(
    defaults: SamplingConfig,
    interpolant: Interpolant,
    solver: str | Solver | None,
    steps: int | None,
    grid: str | Grid | None,
    epsilon: float | Epsilon | None,
) -> Plan:
    """Fill what is None from the defaults; an SDE solver without ε gets ``ε(t) = γ(t)``."""
    chosen, solver_name = built("solver", defaults.solver if solver is None else solver)
    layout, grid_name = built("grid", defaults.grid if grid is None else grid)
    count = defaults.steps if steps is None else steps
    if epsilon is None and chosen.stochastic:
        epsilon = 1.0
    settings = {"solver": solver_name, "grid": grid_name, "steps": count}
    if isinstance(epsilon, (int, float)):
        settings["epsilon"] = epsilon
        epsilon = proportional(float(epsilon), interpolant) if epsilon else None
    return Plan(chosen, layout.times(count, interpolant), epsilon, settings)


def built(group: str, given: Any) -> tuple[Any, Any]:
    """An object, and how it is written down: from a name, a component, or the object itself."""
    if isinstance(given, str):
        given = Component.parse(group, given)
    if isinstance(given, Component):
        return given.build(), given.plain()
    return given, type(given).__name__
