"""Any solver as a predictor, with Langevin moves as correctors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.solvers.base import Carry, Solver, Step
from sicore.solvers.langevin import (
    AnnealedRule,
    Correction,
    SNRRule,
    StepRule,
    corrections,
    langevin_move,
)
from sicore.solvers.stochastic import EulerMaruyama
from sicore.states import Noise, State, weighted_sum


class Table(NamedTuple):
    """What a step needs: its correction, unless there is no noise, and the predictor's table."""

    correction: Correction | None
    predictor: Any


REVERSE_DIFFUSION = EulerMaruyama()
ANNEALED = AnnealedRule()


@dataclass(frozen=True)
class PredictorCorrector(Solver):
    """Langevin moves in the law of ``x_t``, then the predictor's step from t to s.

    In this order, that of the authors' program, no step ends in a correction: the noise of the last
    one is taken off by the last step, and a solver that lands still does. It corrects what earlier
    steps, and the prior, did wrong, and adds the error of its rule, which a finer grid does not
    remove: ``order`` is the predictor's, for r → 0. Where γ_t = 0 there is nothing to correct.

    Args:
        solver: the predictor, for an ODE or an SDE. One that chooses its own steps, or carries more
            of the state than x (a reversible one), is refused.
        rule: the step size.
        corrections: moves at each time, with one call each.

    Raises:
        InputError: for another number of corrections, or such a solver.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, algorithm 1.
    """

    solver: Solver = REVERSE_DIFFUSION
    rule: StepRule = ANNEALED
    corrections: int = 1

    def __post_init__(self) -> None:
        if self.corrections < 1:
            raise InputError(f"predictor-corrector: expected corrections >= 1, got {self}")
        if self.solver.adaptive or self.solver.startup:
            name = type(self.solver).__name__
            raise InputError(
                f"predictor-corrector: {name} must find the state as its last step left it; choose "
                f"a solver that takes the steps of a grid, and starts each at the state alone"
            )

    @property
    def order(self) -> int:  # type: ignore[override]
        """That of the predictor."""
        return self.solver.order

    @property
    def evaluations(self) -> int:  # type: ignore[override]
        """One for each correction, and those of the predictor."""
        return self.corrections + self.solver.evaluations

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Whether the predictor is for SDEs."""
        return self.solver.stochastic

    @property
    def lands(self) -> bool:  # type: ignore[override]
        """Whether the predictor does."""
        return self.solver.lands

    @property
    def draws(self) -> int:  # type: ignore[override]
        """One for each correction, and those of the predictor."""
        return self.corrections + self.solver.draws

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Table]:
        """The predictor's tables, and the corrections at the times where there is noise."""
        path = dynamics.interpolant
        noisy = (path.at(times[:-1]).gamma > 0).reshape(-1, len(times) - 1).all(0)
        made = iter(corrections(dynamics, path.at(times[:-1][noisy]), self.rule))
        moves = [next(made) if flag else None for flag in noisy.tolist()]
        tables = self.solver.prepare(dynamics, times)
        return [Table(*pair) for pair in zip(moves, tables, strict=True)]

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """Correct, then predict."""
        table: Table = step.table
        if table.correction is not None:
            for i in range(self.corrections):
                z = noise.named(f"corrector/{i}").at(noise.draw).normal_like(x)
                x = self._corrected(dynamics, step.t, x, z, table.correction)
        here = Step(step.number, step.t, step.s, table.predictor)
        return self.solver.step(dynamics, here, x, carry, noise)

    def _corrected(
        self, dynamics: Dynamics, t: float, x: State, z: State, table: Correction
    ) -> State:
        states = (x, *dynamics.evaluate(t, x), *dynamics.constants)
        score = weighted_sum(table.score, states)
        return langevin_move(x, score, z, self.rule.size(table.known, score, z))


def predictor_corrector(
    solver: Solver = REVERSE_DIFFUSION,
    snr: float = 0.16,
    annealed: bool = True,
    corrections: int = 1,
) -> PredictorCorrector:
    """See ``PredictorCorrector``.

    Args:
        solver: the predictor, a registered one.
        snr: r of the rule for the Langevin steps.
        annealed: whether δ follows the path's noise (``AnnealedRule``), not the norms of the score
            (``SNRRule``, the paper's).
        corrections: moves at each time.
    """
    rule = AnnealedRule(snr) if annealed else SNRRule(snr)
    return PredictorCorrector(solver, rule, corrections)
