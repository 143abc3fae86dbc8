"""What a solver is: stateless, with its order declared; history travels in ``carry``.

A solver works in two parts. ``prepare`` makes the coefficients of all steps of a grid at once, in
float64; ``step`` then spends numbers only, so that hardly anything is computed beside the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.states import Noise, State, StateSpace

if TYPE_CHECKING:
    from sicore.solvers.solve import Solution

Carry = Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a grid, from t to s.

    Attributes:
        number: from 0 on.
        t: where it starts.
        s: where it ends; less than t if it runs backward.
        table: what the solver prepared for it.
    """

    number: int
    t: float
    s: float
    table: Any = None


class Solver:
    """A method, one step over a signed interval at a time.

    Attributes:
        order: of the global error; the weak order for an SDE solver.
        strong_order: of the error of each path of an SDE with additive noise; 0 for ODE solvers,
            and where corrections leave an error of their own.
        evaluations: evaluations of the drift for each step.
        startup: evaluations besides, in the first step of a solve.
        stochastic: whether it integrates SDEs; ODE solvers refuse them, and the reverse.
        lands: whether it may take the last step to a time where γ = 0, without noise left over:
            it evaluates no drift there, and adds no noise on the way.
        draws: normals for each step and each number of the state.
        categorical: whether it is for paths of one-hot states, whose steps are drawn.
        adaptive: whether it chooses its steps itself, for each sample; the grid then only says
            where it starts, where it ends, and where the states are wanted.
    """

    order: int
    evaluations: int
    startup: int = 0
    strong_order: float = 0.0
    stochastic: bool = False
    lands: bool = False
    draws: int = 0
    categorical: bool = False
    adaptive: bool = False

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Any]:
        """The table of each step of a grid.

        Args:
            dynamics: what will be integrated.
            times: float64 ``(N + 1,)``, on the CPU.

        Raises:
            ConversionError: where the prediction does not determine what the solver needs.
        """
        return [None] * (len(times) - 1)

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """From x at ``step.t`` to ``step.s``.

        Args:
            dynamics: as in ``prepare``.
            step: the interval and its table.
            x: the states ``(B, ...)``.
            carry: what the last step returned; None at the first one.
            noise: the streams of the samples, at the draw of this step.
        """
        raise NotImplementedError

    def integrate(
        self,
        dynamics: Dynamics,
        x: State,
        times: Tensor,
        space: StateSpace | None = None,
        record: bool = False,
        width: int | None = None,
    ) -> Solution:
        """The whole solve, of a solver that is ``adaptive``: what ``solve`` calls for its loop.

        Args:
            dynamics: what is integrated.
            x: the states at ``times[0]``, ``(B, ...)``.
            times: where it starts, ends, and is asked for its states.
            space: if given, x is projected onto it after every step.
            record: keep the states at all times.
            width: how many samples may be in the network's batch.
        """
        raise NotImplementedError
