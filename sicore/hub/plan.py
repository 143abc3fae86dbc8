"""How samples are drawn: solver, grid and ε together, from names, objects and defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sicore.config import Component, SamplingConfig
from sicore.dynamics import Epsilon, PathDynamics, noising, proportional
from sicore.errors import ConversionError
from sicore.hub.moments import Teleport
from sicore.interpolants import Interpolant
from sicore.predictions import DATA, Condition, Prediction, combination, convert
from sicore.solvers import DDIM, OK, Callback, Euler, Grid, Solution, Solver, solve, status_of
from sicore.states import Noise, State, StateSpace

WAITING = 8  # batches of samples that share a batch's places, where each takes its own steps
BISECTIONS = 50


@dataclass(frozen=True)
class Plan:
    """One way to travel from noise to data.

    Args:
        solver: an ODE solver, or an SDE solver with ``epsilon``.
        times: the grid.
        epsilon: ε(t); None for the ODE.
        settings: how it was asked for, as plain values for a manifest.
        teleport: makes the states of the first time; None for the path's prior.
        compile: whether steps are compiled, see ``solve``.
    """

    solver: Solver
    times: Tensor
    epsilon: Epsilon | None
    settings: dict[str, Any]
    teleport: Teleport | None = None
    compile: bool = False

    def run(
        self,
        prediction: Prediction,
        condition: Condition,
        noise: Noise,
        like: Tensor,
        space: StateSpace,
        callbacks: Sequence[Callback] = (),
        source: SourceStates | None = None,
        width: int | None = None,
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
            width: see ``solve``.

        Raises:
            InputError: without source states on a two-sided path.
            ConversionError: where the grid ends with noise that the prediction cannot take off.
        """
        path, total = prediction.interpolant, len(self.times) - 1
        x0 = source.x0 if source is not None else None
        observed = x0 if source is not None and source.observed is not None else None
        start, nfe, calls = self.times[0], 0, None
        status = torch.full_like(noise.index, OK)
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
            most = solve(
                sde, x, times, self.solver, noise, callbacks, space, total,
                compile=self.compile, width=width,
            )  # fmt: skip
            x, nfe, calls, status = most.x, most.nfe, most.calls, most.status
        if not lands:
            final: Solver = DDIM() if _gives_data(flow, self.times[-2]) else Euler()
            rest, streams = self.times[-2:], noise.named("last")
            last = solve(flow, x, rest, final, streams, callbacks, space, total)
            x, nfe, calls = last.x, nfe + last.nfe, _more(calls, last.nfe)
        elif noisy and (not path.two_sided or _gives_data(flow, self.times[-1])):
            t = self.times[-1]
            value = prediction(t, x, condition)
            x = space.project(convert(path, t, x, value, prediction.kind, DATA, observed))
            nfe, calls = nfe + prediction.calls, _more(calls, prediction.calls)
        status = torch.where(status == OK, status_of(x), status)
        return Solution(x, self.times, nfe, status, calls=calls)

    def together(self, batch: int) -> int:
        """How many samples travel together, see `travelling`."""
        return travelling(self.solver, batch)


def _more(calls: Tensor | None, count: int) -> Tensor | None:
    return None if calls is None else calls + count


def travelling(solver: Solver, batch: int) -> int:
    """How many samples travel together in batches of so many.

    More than a batch if each arrives in its own time, so that others can take the places of those
    that did.
    """
    return batch * WAITING if solver.adaptive else batch


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
    """Fill what is None from the defaults; ε only for an SDE solver.

    A solver that chooses its own steps has no use for a grid and a number of steps.
    """
    chosen, solver_name = built("solver", defaults.solver if solver is None else solver)
    layout, grid_name = built("grid", defaults.grid if grid is None else grid)
    count = defaults.steps if steps is None else steps
    noise = defaults.epsilon if epsilon is None and chosen.stochastic else epsilon
    settings = {"solver": solver_name, "grid": grid_name, "steps": count}
    if chosen.adaptive:
        layout, settings["grid"], settings["steps"] = OwnSteps(), None, None
    if noise is not None and not callable(noise):
        settings["epsilon"] = noise
        noise = _epsilon(noise, interpolant)
    start = defaults.start
    if teleport is not None:
        start, settings["teleport"] = teleport.time(interpolant), teleport.sigma
    times = layout.times(count, interpolant, start, defaults.end)
    return Plan(chosen, times, noise, settings, teleport)


def _epsilon(written: float | str, interpolant: Interpolant) -> Epsilon | None:
    """ε as a configuration writes it: ``noising``, or a number c for ``c γ(t)``."""
    if written == "noising":
        return noising(interpolant)
    return proportional(float(written), interpolant) if written else None


@dataclass(frozen=True)
class OwnSteps:
    """Start, last time, end: the grid of a solver that chooses its own steps.

    A path that ends in data is left at the last time that is not all data, and the rest is for the
    last step (see `Plan.run`): where ``√(α² + γ²)/β``, the noise level of a path from noise, is
    ``level`` more than at the end. Drifts change without bound from there on.

    Args:
        level: in units of the state; what is lost is as small.
    """

    level: float = 0.002

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """Two or three times; however many steps were asked for."""
        ends = torch.tensor([start, end], dtype=torch.float64)
        if bool((interpolant.at(ends[1]).gamma > 0).all()):
            return ends
        low, high = ends
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            rest = self._rest(interpolant, middle) - self._rest(interpolant, ends[1])
            low, high = (middle, high) if bool((rest > self.level).any()) else (low, middle)
        return torch.stack([ends[0], high, ends[1]]) if bool(low > start) else ends

    def _rest(self, interpolant: Interpolant, t: Tensor) -> Tensor:
        p = interpolant.at(t)
        return (p.alpha**2 + p.gamma**2).sqrt() / p.beta


def built(group: str, given: Any) -> tuple[Any, Any]:
    """An object, and how it is written down: from a name, a component, or the object itself."""
    if isinstance(given, str):
        given = Component.parse(group, given)
    if isinstance(given, Component):
        return given.build(), given.plain()
    return given, getattr(given, "name", type(given).__name__)
