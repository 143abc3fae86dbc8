"""The one solve loop, for ODEs and SDEs, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Interpolant, Point, Time
from sicore.predictions import Combination, Row
from sicore.solvers.base import Carry, Solver, Step
from sicore.states import Noise, State, StateSpace, batch_size, leaves, tree_map

OK, NOT_FINITE, OUT_OF_CALLS = 0, 1, 2


@dataclass(frozen=True)
class StepInfo:
    """What a callback sees after a step: the step number, its interval, its streams, the state.

    ``dynamics`` are those that are solved, with every network call counted: a callback may take
    steps of its own with them.
    """

    number: int
    total: int
    t: Tensor
    s: Tensor
    x: State
    noise: Noise
    dynamics: Dynamics


Callback = Callable[[StepInfo], State | None]


@dataclass(frozen=True)
class Solution:
    """The result of a solve.

    Attributes:
        x: the states at the last time.
        times: the grid, float64 ``(N + 1,)``.
        nfe: network calls for each sample, as counted by the loop; the most that any took, if
            the solver chooses its steps for each.
        status: for each sample 0 (good), 1 (a value is not finite) or 2 (a solver that chooses its
            steps ran out of calls before the end), ``(B,)``.
        calls: network calls of each sample, int64 ``(B,)``; None where all took ``nfe``.
        path: the states at all times ``(N + 1, B, ...)``, if they were asked for.
    """

    x: State
    times: Tensor
    nfe: int
    status: Tensor
    calls: Tensor | None = field(default=None, kw_only=True)
    path: State | None = field(default=None, kw_only=True)


def solve(
    dynamics: Dynamics,
    x: State,
    times: Tensor,
    solver: Solver,
    noise: Noise | None = None,
    callbacks: Sequence[Callback] = (),
    space: StateSpace | None = None,
    total: int | None = None,
    record: bool = False,
) -> Solution:
    """Integrate from ``times[0]`` to ``times[-1]``.

    Args:
        dynamics: an ODE or SDE.
        x: the states at ``times[0]``, ``(B, ...)``.
        times: float64 ``(N + 1,)``, strictly monotone in [0, 1]; falling times run backward.
        solver: one that fits the dynamics.
        noise: the streams of the samples; by default those of seed 0.
        callbacks: called after each step in order; one that returns a state replaces x.
        space: if given, x is projected onto it after every step.
        total: steps of the whole of which this solve is the first or the last part, for the
            numbers that callbacks see; a solve of its own by default.
        record: keep the states at all times, as ``Solution.path``.

    Raises:
        InputError: if the grid is not monotone, runs against the dynamics, or the solver is not
            made for them.
        ConversionError: if the prediction does not determine the drift at a time of the grid.
    """
    times = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    _check(dynamics, times, solver)
    streams = _streams(x, noise)
    ledger = _Ledger(dynamics)
    states = [x]
    random = bool(callbacks or solver.draws)
    whole, before = _numbers(times, total)
    carry: Carry = None
    for step in steps_of(solver, dynamics, times):
        here = streams.at(step.number) if random else streams
        x, carry = solver.step(ledger, step, x, carry, here)
        if space is not None:
            x = space.project(x)
        for callback in callbacks:
            t, s = times[step.number], times[step.number + 1]
            info = StepInfo(before + step.number, whole, t, s, x, here, ledger)
            replaced = callback(info)
            x = x if replaced is None else replaced
        if record:
            states.append(x)
    path = tree_map(lambda *parts: torch.stack(parts), *states) if record else None
    return Solution(x, times, ledger.nfe, status_of(x), path=path)


def steps_of(solver: Solver, dynamics: Dynamics, times: Tensor) -> list[Step]:
    """The steps of a grid, with all that the solver prepares for them."""
    ends, tables = times.tolist(), solver.prepare(dynamics, times)
    return [Step(i, ends[i], ends[i + 1], table) for i, table in enumerate(tables)]


def _streams(x: State, noise: Noise | None) -> Noise:
    device = next(iter(leaves(x).values())).device
    streams = Noise.of(0, batch_size(x), device=device) if noise is None else noise
    return streams.named("solve")


def _numbers(times: Tensor, total: int | None) -> tuple[int, int]:
    """Steps of the whole, and how many of them came before this part."""
    steps = len(times) - 1
    whole = steps if total is None else total
    return whole, whole - steps if float(times[-1]) == 1 else 0


class _Ledger(Dynamics):
    """The dynamics with every network call counted."""

    def __init__(self, dynamics: Dynamics) -> None:
        self._dynamics = dynamics
        self.nfe = 0
        self._calls, self._constants = dynamics.calls, dynamics.constants
        self._parts = dynamics.parts

    @property
    def path(self) -> Interpolant | None:
        return self._dynamics.path

    @property
    def calls(self) -> int:
        return self._calls

    @property
    def parts(self) -> int:
        return self._parts

    @property
    def direction(self) -> int:
        return self._dynamics.direction

    @property
    def stochastic(self) -> bool:
        return self._dynamics.stochastic

    @property
    def constants(self) -> tuple[State, ...]:
        return self._constants

    def drift(self, t: Time, x: State) -> State:
        self.nfe += self._calls
        return self._dynamics.drift(t, x)

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        self.nfe += self._calls
        return self._dynamics.evaluate(t, x)

    def transfer(self, t: Time, s: Time, x: State) -> State:
        self.nfe += self._calls
        return self._dynamics.transfer(t, s, x)

    def split(self, t: Tensor) -> Combination:
        return self._dynamics.split(t)

    def express(self, p: Point, wanted: Row, name: str) -> Combination:
        return self._dynamics.express(p, wanted, name)

    def diffusion(self, t: Tensor) -> Tensor:
        return self._dynamics.diffusion(t)


def _check(dynamics: Dynamics, times: Tensor, solver: Solver) -> None:
    name = type(solver).__name__
    if times.ndim != 1 or len(times) < 2:
        raise InputError(f"times: expected at least two times in one row, got {times.tolist()}")
    steps = times.diff()
    if not (bool((steps > 0).all()) or bool((steps < 0).all())):
        raise InputError("times: expected a strictly rising or strictly falling grid")
    if float(times.min()) < 0 or float(times.max()) > 1:
        ends = f"{float(times[0]):g} to {float(times[-1]):g}"
        raise InputError(f"times: expected times in [0, 1], got {ends}")
    if dynamics.stochastic and not solver.stochastic:
        raise InputError(f"solver {name} is for ODEs: set epsilon to 0, or choose an SDE solver")
    if solver.stochastic and not dynamics.stochastic:
        raise InputError(f"solver {name} is for SDEs: give an epsilon, or choose an ODE solver")
    if dynamics.direction * float(steps[0]) < 0:
        way = "forward" if dynamics.direction > 0 else "backward"
        raise InputError(f"times: these dynamics run {way} in t, but the grid runs against it")


def status_of(x: State) -> Tensor:
    """For each sample whether all its values are finite, as ``Solution.status``."""
    finite = [leaf.flatten(1).isfinite().all(1) for leaf in leaves(x).values()]
    return torch.where(torch.stack(finite).all(0), OK, NOT_FINITE)
