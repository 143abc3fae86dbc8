"""Steps whose sums and network calls are compiled into one program: ``solve(..., compile=True)``.

The numbers of all steps go to the device once, as tensors, so that one program serves every step;
on a GPU it is also captured as a CUDA graph, and replayed. What is compiled depends on the network,
the shapes and the solver, and is kept by torch for later solves in the same process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.solvers.base import Carry, Solver, Step
from sicore.solvers.table import Move, TableSolver
from sicore.states import Noise, State, leaves, tree_map

Rows = tuple[Tensor, ...]


class Ledger(Protocol):
    """What counts the evaluations that a program makes unseen."""

    def count(self, evaluations: int) -> None:
        """Count so many."""
        ...


def compiled(
    solver: Solver, dynamics: Dynamics, steps: Sequence[Step], x: State
) -> Callable[[Any, Step, State, Carry, Noise], tuple[State, Carry]]:
    """A step like ``solver.step``, for these dynamics, steps and shapes.

    Args:
        solver: one that works by tables of numbers.
        dynamics: without the ledger, which is told of the calls instead.
        steps: as prepared.
        x: gives dtype and device.

    Raises:
        InputError: for another solver, for a path that differs from leaf to leaf, or where
            gradients flow through its coefficients.
    """
    plain = isinstance(steps[0].table, Move) and not solver.startup
    if not (plain and isinstance(solver, TableSolver)):
        raise InputError(f"compile: {type(solver).__name__} does not work by tables of numbers alone")
    leaf = next(iter(leaves(x).values()))
    rows = [_rows(step.table, leaf) for step in steps]
    mode = "reduce-overhead" if leaf.is_cuda else None
    program = torch.compile(_spend, mode=mode, dynamic=False)

    def advance(
        ledger: Ledger, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        move: Move = step.table
        registers = solver.registers(dynamics, step, x, noise)
        past = carry or (x,) * (solver.memory * len(move.kept))
        final, kept = program(dynamics, (*registers, *past), *rows[step.number])
        ledger.count(len(move.stages))
        return final, (*kept, *past)[: len(past)]

    return advance


def _spend(
    dynamics: Dynamics,
    given: tuple[State, ...],
    times: Rows,
    stages: Rows,
    kept: Rows,
    final: Tensor,
) -> tuple[State, tuple[State, ...]]:
    """One step, all its numbers in tensors."""
    registers = list(given)
    for time, weights in zip(times, stages, strict=True):
        registers += dynamics.evaluate(time, _mixed(weights, registers))
    sums = tuple(_mixed(row, registers) for row in kept)
    return _mixed(final, registers), sums


def _mixed(weights: Tensor, registers: Sequence[State]) -> State:
    """``Σ_k w_k r_k`` over as many registers as there are weights."""

    def summed(*parts: Tensor) -> Tensor:
        total = weights[0] * parts[0]
        for i, part in enumerate(parts[1:], 1):
            total = total + weights[i] * part
        return total

    mixed: State = tree_map(summed, *registers[: len(weights)])
    return mixed


def _rows(move: Move, leaf: Tensor) -> tuple[Rows, Rows, Rows, Tensor]:
    """Times, and the weights of the stages, of what is kept and of the end, on the device."""

    def row(weights: Sequence[Any]) -> Tensor:
        if not all(isinstance(w, float) for w in weights):
            raise InputError(
                "compile: needs coefficients that are the same for all leaves, and that no "
                "gradient flows through"
            )
        return torch.tensor(weights, dtype=leaf.dtype, device=leaf.device)

    times = tuple(row([stage.time]).squeeze(0) for stage in move.stages)
    stages = tuple(row(stage.weights or (1.0,)) for stage in move.stages)
    return times, stages, tuple(row(k) for k in move.kept), row(move.final)
