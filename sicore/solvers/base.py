"""What a solver is: stateless, with its order declared; history travels in ``carry``."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.states import Noise, State, tree_map

Carry = Any


class Solver(Protocol):
    """One step of a method, over a signed interval.

    Attributes:
        order: of the global error; the weak order for an SDE solver.
        evaluations: drifts for each step.
        stochastic: whether it integrates SDEs; ODE solvers refuse them, and the reverse.
        lands: whether it may take the last step to a time where γ = 0, without noise left over:
            it evaluates no drift there, and adds no noise on the way.
    """

    order: ClassVar[int]
    evaluations: ClassVar[int]
    stochastic: ClassVar[bool]
    lands: ClassVar[bool]

    def step(
        self, dynamics: Dynamics, t: Tensor, s: Tensor, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """From (t, x) to s; t and s are float64 ``()`` on the CPU."""
        ...


def axpy(x: State, a: float, y: State) -> State:
    """``x + a y`` in one tensor operation a leaf."""
    result: State = tree_map(lambda u, v: torch.add(u, v, alpha=a), x, y)
    return result
