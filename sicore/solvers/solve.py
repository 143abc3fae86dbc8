"""The one solve loop, for ODEs and SDEs, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Time
from sicore.solvers.base import Carry, Solver, Step
from sicore.solvers.compiled import compiled
from sicore.solvers.gradients import gradient_mode
from sicore.solvers.wrapped import Wrapped
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
Advance = Callable[[Dynamics, Step, State, Carry, Noise], tuple[State, Carry]]


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
    gradient: str = "direct",
    compile: bool = False,
    width: int | None = None,
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
        gradient: how gradients are found, where they are enabled: ``direct``, ``checkpoint``,
            ``adjoint`` or ``reversible``, see ``sicore.solvers.gradients``.
        compile: make one program of each step, network and all, by ``torch.compile``; the first
            solve of a kind then takes a minute longer. On a GPU, steps are replayed as CUDA graphs.
        width: for a solver that chooses the steps of each sample: how many samples may be in the
            network's batch. Where one arrives, the next one takes its place. By default all.

    Raises:
        InputError: if the grid is not monotone, runs against the dynamics, or the solver is not
            made for them, or for this way to gradients.
        ConversionError: if the prediction does not determine the drift at a time of the grid.
    """
    times = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    _check(dynamics, times, solver)
    if solver.adaptive:
        _check_adaptive(solver, callbacks, gradient, compile, width)
        return solver.integrate(dynamics, x, times, space, record, width)
    run = Run(dynamics, solver, times, _streams(x, noise), callbacks, space, total, record)
    mode = gradient_mode(gradient, run)
    if compile:
        _check_compiled(gradient)
        made = run(x, compiled(solver, dynamics, run.steps(), x))
    else:
        made = mode(run, x)
    path = tree_map(lambda *parts: torch.stack(parts), *made.states) if record else None
    return Solution(made.x, times, made.nfe, status_of(made.x), path=path)


class Made(NamedTuple):
    """What a run leaves: the last state, the carry, the network calls, and recorded states."""

    x: State
    carry: Carry
    nfe: int
    states: list[State]


@dataclass(frozen=True)
class Run:
    """The loop of one solve; its fields are arguments of ``solve``."""

    dynamics: Dynamics
    solver: Solver
    times: Tensor
    streams: Noise
    callbacks: Sequence[Callback]
    space: StateSpace | None
    total: int | None
    record: bool

    def __call__(self, x: State, advance: Advance | None = None) -> Made:
        """All steps from x, each made by ``advance``: by default, the solver's step."""
        advance = advance or self.solver.step
        ledger, times = _Ledger(self.dynamics), self.times
        states = [x]
        random = bool(self.callbacks or self.solver.draws)
        whole, before = _numbers(times, self.total)
        carry: Carry = None
        for step in self.steps():
            here = self.streams.at(step.number) if random else self.streams
            x, carry = advance(ledger, step, x, carry, here)
            if self.space is not None:
                x = self.space.project(x)
            for callback in self.callbacks:
                t, s = times[step.number], times[step.number + 1]
                info = StepInfo(before + step.number, whole, t, s, x, here, ledger)
                replaced = callback(info)
                x = x if replaced is None else replaced
            if self.record:
                states.append(x)
        return Made(x, carry, ledger.nfe, states)

    def steps(self) -> list[Step]:
        """The steps, with all that the solver prepares for them."""
        return steps_of(self.solver, self.dynamics, self.times)


def steps_of(solver: Solver, dynamics: Dynamics, times: Tensor) -> list[Step]:
    """The steps of a grid, with all that the solver prepares for them."""
    ends, tables = times.tolist(), solver.prepare(dynamics, times)
    return [Step(i, ends[i], ends[i + 1], table) for i, table in enumerate(tables)]


def _check_compiled(gradient: str) -> None:
    if gradient != "direct":
        raise InputError(f"compile: gradients go through it directly only, not by '{gradient}'")


def _streams(x: State, noise: Noise | None) -> Noise:
    device = next(iter(leaves(x).values())).device
    streams = Noise.of(0, batch_size(x), device=device) if noise is None else noise
    return streams.named("solve")


def _numbers(times: Tensor, total: int | None) -> tuple[int, int]:
    """Steps of the whole, and how many of them came before this part."""
    steps = len(times) - 1
    whole = steps if total is None else total
    return whole, whole - steps if float(times[-1]) == 1 else 0


class _Ledger(Wrapped):
    """The dynamics with every network call counted."""

    def __init__(self, dynamics: Dynamics) -> None:
        super().__init__(dynamics)
        self.nfe = 0

    def count(self, evaluations: int) -> None:
        """Evaluations that a compiled step made."""
        self.nfe += evaluations * self._calls

    def drift(self, t: Time, x: State) -> State:
        self.nfe += self._calls
        return self.inner.drift(t, x)

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        self.nfe += self._calls
        return self.inner.evaluate(t, x)

    def transfer(self, t: Time, s: Time, x: State) -> State:
        self.nfe += self._calls
        return self.inner.transfer(t, s, x)


def _check(dynamics: Dynamics, times: Tensor, solver: Solver) -> None:
    name = type(solver).__name__
    if times.ndim != 1 or len(times) < 2:
        raise InputError(f"times: expected at least two times in one row, got {times.tolist()}")
    path = dynamics.path
    one_hot = path is not None and path.categorical
    if one_hot and not solver.categorical:
        raise InputError(
            f"solver {name}: adds to states, but those of {type(path).__name__} are one-hot and "
            f"change by draws: choose the solver 'categorical-leap'"
        )
    if solver.categorical and not one_hot:
        raise InputError(f"solver {name}: is for categorical paths of one-hot states only")
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


def _check_adaptive(
    solver: Solver,
    callbacks: Sequence[Callback],
    gradient: str,
    compile: bool,
    width: int | None,
) -> None:
    name = type(solver).__name__
    if callbacks:
        raise InputError(
            f"callbacks: they act between the steps of a grid, and {name} takes other steps for "
            f"each sample; choose a solver with fixed steps"
        )
    if gradient != "direct":
        raise InputError(f"gradient: with {name} expected 'direct', got '{gradient}'")
    if compile:
        raise InputError(
            f"compile: the batch of {name} changes from step to step; compile the network instead"
        )
    if width is not None and width < 1:
        raise InputError(f"width: expected a whole number >= 1, got {width}")


def status_of(x: State) -> Tensor:
    """For each sample whether all its values are finite, as ``Solution.status``."""
    finite = [leaf.flatten(1).isfinite().all(1) for leaf in leaves(x).values()]
    return torch.where(torch.stack(finite).all(0), OK, NOT_FINITE)
