"""How samples are drawn: solver, grid and ε together, from names, objects and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sicore.config import Component, SamplingConfig
from sicore.dynamics import Epsilon, PathDynamics, proportional
from sicore.errors import ConversionError
from sicore.hub.moments import Teleport
from sicore.interpolants import Interpolant
from sicore.predictions import DATA, Condition, Prediction, combination, convert
from sicore.solvers import DDIM, Callback, Euler, Grid, Solution, Solver, solve, status_of
from sicore.states import Noise, State, StateSpace


@dataclass(frozen=True)
class Plan:
    """One way to travel from noise to data.

    Args:
        solver: an ODE solver, or an SDE solver with ``epsilon``.
        times: the grid.
        epsilon: ε(t); None for the ODE.
        settings: how it was asked for, as plain values for a manifest.
        teleport: makes the states of the first time; None for the path's prior.
    """

    solver: Solver
    times: Tensor
    epsilon: Epsilon | None
    settings: dict[str, Any]
    teleport: Teleport | None = None

    def run(
        self,
        prediction: Prediction,
        condition: Condition,
        noise: Noise,
        like: Tensor,
        space: StateSpace,
        callbacks: Sequence[Callback] = (),
        source: SourceStates | None = None,
    ) -> Solution:
        """Draw one batch.

        A solver that does not land (see ``Solver.lands``) leaves the last step to one that does:
        to DDIM's, which returns ``E[x1|x_t]``, or to Euler's where only the velocity is known. At
        γ = 0 the drift is its limit for smooth densities, which real data, on thin sets, do not
        follow, and noise that is added last is never removed. Where the grid ends with γ > 0, the
        denoiser is applied last; on a two-sided path if the prediction determines it.

        Args:
            prediction: with guidance or measurement, as they are wanted.
            condition: what to generate.
            noise: the streams of the samples.
            like: any tensor of the model's dtype and device.
            space: what states are.
            callbacks: see ``solve``.
            source: where a two-sided path starts.

        Raises:
            InputError: without source states on a two-sided path.
            ConversionError: where the grid ends with noise that the prediction cannot take off.
        """
        path, total = prediction.interpolant, len(self.times) - 1
        x0 = source.x0 if source is not None else None
        observed = x0 if source is not None and source.observed is not None else None
        start, nfe = self.times[0], 0
        if self.teleport is None:
            x = path.prior(noise, space, like.dtype, start, x0)
        else:
            x = self.teleport.start(path, noise, space, like.dtype, start, condition)
        flow = PathDynamics(prediction, None, condition, x0=observed)
        noisy = bool((path.at(self.times[-1]).gamma > 0).all())
        lands = self.solver.lands or noisy
        times = self.times if lands else self.times[:-1]
        if len(times) > 1:
            sde = PathDynamics(prediction, self.epsilon, condition, x0=observed)
            most = solve(sde, x, times, self.solver, noise, callbacks, space, total)
            x, nfe = most.x, most.nfe
        if not lands:
            final: Solver = DDIM() if _gives_data(flow, self.times[-2]) else Euler()
            rest, streams = self.times[-2:], noise.named("last")
            last = solve(flow, x, rest, final, streams, callbacks, space, total)
            x, nfe = last.x, nfe + last.nfe
        elif noisy and (not path.two_sided or _gives_data(flow, self.times[-1])):
            t = self.times[-1]
            value = prediction(t, x, condition)
            x = space.project(convert(path, t, x, value, prediction.kind, DATA, observed))
            nfe += prediction.calls
        return Solution(x, self.times, nfe, status_of(x))


@dataclass(frozen=True)
class SourceStates:
    """Where a two-sided path starts.

    Args:
        x0: ``(B, ...)``.
        observed: the condition under which the network is given them, or None if it is not.
    """

    x0: State
    observed: str | None


def _gives_data(flow: PathDynamics, t: Tensor) -> bool:
    """Whether the denoiser follows from the prediction at t."""
    path, p = flow.interpolant, flow.interpolant.at(t)
    (wanted,) = DATA.rows(p)
    try:
        combination(path, p, flow.prediction.kind, wanted, observed=flow.x0 is not None)
    except ConversionError:
        return False
    return True


def make_plan(
    defaults: SamplingConfig,
    interpolant: Interpolant,
    solver: str | Solver | None,
    steps: int | None,
    grid: str | Grid | None,
    epsilon: float | Epsilon | None,
    teleport: Teleport | None = None,
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
    start = defaults.start
    if teleport is not None:
        start, settings["teleport"] = teleport.time(interpolant), teleport.sigma
    times = layout.times(count, interpolant, start, defaults.end)
    return Plan(chosen, times, epsilon, settings, teleport)


def built(group: str, given: Any) -> tuple[Any, Any]:
    """An object, and how it is written down: from a name, a component, or the object itself."""
    if isinstance(given, str):
        given = Component.parse(group, given)
    if isinstance(given, Component):
        return given.build(), given.plain()
    return given, type(given).__name__
