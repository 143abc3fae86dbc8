r"""Steps written down as sums of states, with all their numbers made beforehand.

Whatever is linear in the state, in the values of the network and in the noise can be written as

``y_j = Σ_k c_jk r_k``,  ``value_j = network(t_j, y_j)``,  ``x' = Σ_k c_k r_k``

over registers r: the state x, an observed x0, the noise of the step, what earlier steps left, and
the values so far. Runge–Kutta, exponential and multistep methods, and Euler–Maruyama, are all of
this kind; they differ in the numbers alone. A `Sketch` writes a method down in the form of its
formula, for all steps of a grid at once, and turns it into those numbers; `TableSolver` spends
them, one tensor operation for each term.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.predictions import Combination
from sicore.solvers.base import Carry, Solver, Step
from sicore.states import Noise, Scalar, State, weighted_sum


class Stage(NamedTuple):
    """An evaluation: where, and of which sum of the registers; none is x itself."""

    time: float
    weights: tuple[Scalar, ...]


class Move(NamedTuple):
    """A step: its evaluations, sums that are kept for later steps, and the sum that is x'."""

    stages: tuple[Stage, ...]
    kept: tuple[tuple[Scalar, ...], ...]
    final: tuple[Scalar, ...]


class Form:
    """A sum over registers, with a coefficient ``(N,)`` or ``(L, N)`` each: for N steps at once."""

    def __init__(self, terms: dict[int, Tensor]) -> None:
        self.terms = terms

    def __add__(self, other: Form) -> Form:
        """The sum of both."""
        terms = dict(self.terms)
        for register, c in other.terms.items():
            terms[register] = terms[register] + c if register in terms else c
        return Form(terms)

    def __rmul__(self, factor: Tensor | float) -> Form:
        """Every coefficient times a number for each step."""
        return Form({register: factor * c for register, c in self.terms.items()})

    def __sub__(self, other: Form) -> Form:
        """The difference."""
        return self + (-1.0) * other


class Sketch:
    """A method on N steps at once, written as its formula.

    Args:
        dynamics: what is integrated.
        t: where the steps start, float64 ``(N,)``.
        s: where they end.
        draws: normals of each step.
        history: registers that earlier steps left.
    """

    def __init__(
        self, dynamics: Dynamics, t: Tensor, s: Tensor, draws: int = 0, history: int = 0
    ) -> None:
        self.dynamics, self.t, self.s = dynamics, t, s
        self.h = s - t
        one = torch.ones_like(t)
        self._constants = len(dynamics.constants)
        first = 1 + self._constants
        self.x = Form({0: one})
        self.constants = [Form({1 + i: one}) for i in range(self._constants)]
        self.noise = [Form({first + i: one}) for i in range(draws)]
        self.history = [Form({first + draws + i: one}) for i in range(history)]
        self._registers = first + draws + history
        self._parts = dynamics.parts
        self._stages: list[tuple[Tensor, Form]] = []
        self._one = one

    def evaluate(self, time: Tensor, state: Form) -> list[Form]:
        """The parts of the value at ``(time, state)``: new registers."""
        self._stages.append((time, state))
        made = [Form({self._registers + i: self._one}) for i in range(self._parts)]
        self._registers += self._parts
        return made

    def apply(self, made: Combination, state: Form, parts: Sequence[Form]) -> Form:
        """``λ state + Σ μ_i part_i + ν x0``."""
        result = made.of_state * state
        for mu, part in zip(made.of_value, parts, strict=True):
            result = result + mu * part
        for constant in self.constants:
            result = result + made.of_x0 * constant
        return result

    def drift(self, time: Tensor, state: Form) -> Form:
        """The drift at ``(time, state)``, by one evaluation."""
        return self.apply(self.dynamics.split(time), state, self.evaluate(time, state))

    def moves(self, final: Form, kept: Sequence[Form] = ()) -> list[Move]:
        """The numbers of each step."""
        stages, known = [], self._registers - self._parts * len(self._stages)
        for time, state in self._stages:
            weights = [()] * len(time) if state is self.x else self._rows(state, known)
            stages.append([Stage(*row) for row in zip(time.tolist(), weights, strict=True)])
            known += self._parts
        left = [self._rows(form, known) for form in kept]
        ends = self._rows(final, known)
        by_step = zip(*stages, strict=True) if stages else ((),) * len(ends)
        rows = zip(*left, strict=True) if left else ((),) * len(ends)
        return [Move(*row) for row in zip(by_step, rows, ends, strict=True)]

    def _rows(self, form: Form, registers: int) -> list[tuple[Scalar, ...]]:
        columns = [scalars(form.terms.get(r), len(self.t)) for r in range(registers)]
        return list(zip(*columns, strict=True))


def scalars(c: Tensor | None, n: int) -> Sequence[Scalar]:
    """A coefficient ``(N,)`` or ``(L, N)`` as a number, or one for each leaf, for each step.

    Coefficients that gradients flow through stay tensors.
    """
    if c is None:
        return [0.0] * n
    c = c.expand(*c.shape[:-1], n)
    if c.requires_grad:
        return list(c.unbind(-1))
    if c.ndim == 1:
        values: list[float] = c.tolist()
        return values
    return [tuple(column) for column in c.T.tolist()]


class TableSolver(Solver):
    """A solver whose step is a `Move`, which its ``prepare`` makes.

    Attributes:
        memory: how many earlier steps leave their kept sums in the registers, the last one first.
    """

    memory: int = 0

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """Spend the numbers of one step; the carry holds what earlier steps kept."""
        move: Move = step.table
        registers, past = self.registers(dynamics, step, x, noise), carry
        if self.memory:
            past = carry or (x,) * (self.memory * len(move.kept))  # of weight zero at first
            registers += past
        for time, weights in move.stages:
            state = weighted_sum(weights, registers) if weights else x
            registers += dynamics.evaluate(time, state)
        if self.memory:
            kept = [weighted_sum(row, registers) for row in move.kept]
            past = (*kept, *past)[: len(past)]
        return weighted_sum(move.final, registers), past

    def registers(self, dynamics: Dynamics, step: Step, x: State, noise: Noise) -> list[State]:
        """The state, an observed x0, and the noise of the step."""
        registers = [x, *dynamics.constants]
        if self.draws:
            registers += noise.coordinates(step.t, step.s, x, self.draws)
        return registers
