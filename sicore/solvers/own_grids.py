"""A grid of its own for each sample, all in one batch: samples that start at different times.

Steps that are tables of numbers (see ``sicore.solvers.table``) are the same operations on every
grid of as many steps. Only the numbers differ, so here they are one for each sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.solvers.base import Carry, Solver, Step
from sicore.solvers.solve import Solution, status_of
from sicore.solvers.table import Move, Stage, TableSolver
from sicore.states import Noise, Scalar, State, StateSpace, leaves


class OwnGrids:
    """A solver on several grids of as many steps.

    What it prepares for a grid is kept, for later solves.

    Args:
        dynamics: what is integrated.
        solver: one that works by tables of numbers, for these dynamics.
        grids: float64 ``(G, N + 1)``, each strictly monotone.

    Raises:
        InputError: for another solver.
    """

    def __init__(self, dynamics: Dynamics, solver: Solver, grids: Tensor) -> None:
        name = type(solver).__name__
        if not isinstance(solver, TableSolver):
            raise InputError(
                f"{name}: does not work by tables of numbers, so all samples share one "
                f"grid; choose a Runge–Kutta, an exponential or a multistep method"
            )
        if solver.stochastic != dynamics.stochastic:
            raise InputError(f"{name}: choose an ODE solver for an ODE, an SDE solver for an SDE")
        self._dynamics, self._solver, self._grids = dynamics, solver, grids
        self._tables: dict[int, Sequence[Move]] = {}

    def solve(
        self, x: State, index: Tensor, noise: Noise, space: StateSpace | None = None
    ) -> Solution:
        """Each sample along its grid.

        A Brownian tree is asked at the shares i/N of the steps, for want of a common time.

        Args:
            x: the states at the first times, ``(B, ...)``.
            index: the number of each sample's grid, int64 ``(B,)``.
            noise: the streams of the samples.
            space: if given, x is projected onto it after every step.
        """
        numbers, places = index.cpu().unique(return_inverse=True)
        tables = [self._table(number) for number in numbers.tolist()]
        device = next(iter(leaves(x).values())).device
        streams, carry, nfe = noise.named("solve"), cast("Carry", None), 0
        n = len(tables[0])
        for i, moves in enumerate(zip(*tables, strict=True)):
            step = Step(i, i / n, (i + 1) / n, _mixed(moves, places, device))
            x, carry = self._solver.step(self._dynamics, step, x, carry, streams.at(i))
            if space is not None:
                x = space.project(x)
            nfe += len(moves[0].stages) * self._dynamics.calls
        return Solution(x, self._grids[index.cpu()], nfe, status_of(x))

    def _table(self, number: int) -> Sequence[Move]:
        if number not in self._tables:
            made = self._solver.prepare(self._dynamics, self._grids[number])
            self._tables[number] = cast("Sequence[Move]", made)
        return self._tables[number]


def _mixed(moves: Sequence[Move], places: Tensor, device: torch.device) -> Move:
    """The same step of several grids, with the numbers of each sample's own."""

    def mix(values: Sequence[Scalar]) -> Scalar:
        if all(value == values[0] for value in values):
            return values[0]
        return torch.tensor(values, dtype=torch.float64)[places].movedim(0, -1).to(device)

    def rows(rows: Sequence[tuple[Scalar, ...]]) -> tuple[Scalar, ...]:
        return tuple(mix(column) for column in zip(*rows, strict=True))

    stages = tuple(
        Stage(cast("float", mix([stage.time for stage in same])), rows([s.weights for s in same]))
        for same in zip(*(move.stages for move in moves), strict=True)
    )
    kept = tuple(rows(same) for same in zip(*(move.kept for move in moves), strict=True))
    return Move(stages, kept, rows([move.final for move in moves]))
