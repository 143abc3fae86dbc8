"""The one solve loop, for ODEs and SDEs, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.solvers.base import Carry, Solver
from sicore.states import Noise, State, StateSpace, batch_size, leaves

OK, NOT_FINITE = 0, 1


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
        nfe: network calls for each sample, as counted by the loop.
        status: for each sample 0 (good) or 1 (a value is not finite), ``(B,)``.
    """

    x: State
    times: Tensor
    nfe: int
    status: Tensor


def solve(
    dynamics: Dynamics,
    x: State,
    times: Tensor,
    solver: Solver,
    noise: Noise | None = None,
    callbacks: Sequence[Callback] = (),
    space: StateSpace | None = None,
    total: int | None = None,
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

    Raises:
        InputError: if the grid is not monotone, runs against the dynamics, or the solver is not
            made for them.
        ConversionError: if the prediction does not determine the drift at a time of the grid.
    """
    times = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    _check(dynamics, times, solver)
    device = next(iter(leaves(x).values())).device
    streams = Noise.of(0, batch_size(x), device=device) if noise is None else noise
    streams = streams.named("solve")
    ledger = _Ledger(dynamics)
    carry: Carry = None
    steps = len(times) - 1
    whole = steps if total is None else total
    before = whole - steps if float(times[-1]) == 1 else 0
    for i in range(steps):
        here = streams.at(i)
        x, carry = solver.step(ledger, times[i], times[i + 1], x, carry, here)
        if space is not None:
            x = space.project(x)
        for callback in callbacks:
            info = StepInfo(before + i, whole, times[i], times[i + 1], x, here, ledger)
            replaced = callback(info)
            x = x if replaced is None else replaced
    return Solution(x, times, ledger.nfe, status_of(x))


class _Ledger:
    """The dynamics with every network call counted."""

    def __init__(self, dynamics: Dynamics) -> None:
        self._dynamics = dynamics
        self.nfe = 0
        self.calls, self.direction = dynamics.calls, dynamics.direction
        self.stochastic, self.diffusion = dynamics.stochastic, dynamics.diffusion

    @property
    def interpolant(self) -> Interpolant:
        return self._dynamics.interpolant

    def drift(self, t: Tensor, x: State) -> State:
        self.nfe += self.calls
        return self._dynamics.drift(t, x)

    def transfer(self, t: Tensor, s: Tensor, x: State) -> State:
        self.nfe += self.calls
        return self._dynamics.transfer(t, s, x)


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
