"""Replacement: after every step, overwrite what the measurement fixes by its noised value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.inverse.posterior import Measurement
from sicore.predictions import Prediction
from sicore.solvers import Callback, StepInfo
from sicore.states import State, combine


@dataclass(frozen=True)
class Replacement:
    """``x ← x + Aᵀ(A Aᵀ + σ_y² I)⁻¹(β_s y + γ_s A z − A x)`` after each step to s.

    Without noise this is the pseudoinverse, which puts the measured part in place exactly; the
    noise keeps it from blowing up what the operator all but removes.

    The network never sees y, only a state that agrees with it: cheap (no gradients), but the
    samples are not those of the posterior, however many steps are taken, since what is unknown was
    drawn before it met y at this noise level.

    ``corrections`` are steps of Langevin dynamics at each level, ``x ← x + δγ_s² ∇ log p_s(x)
    + √(2δ) γ_s z``, each followed by the replacement. They draw what is unknown again, given what
    is known there: many of them with a small δ leave ``p_s(x|A x = β_s y + γ_s A z)`` as it is,
    which becomes the posterior as γ_s vanishes. Each is one more network call.

    Args:
        corrections: for each step.
        step_size: δ, as a share of the noise; too large leaves too much noise behind.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, appendices G and I.2.
    """

    corrections: int = 0
    step_size: float = 0.2

    def __post_init__(self) -> None:
        if self.corrections < 0 or not 0 < self.step_size <= 1:
            got = f"got {self.corrections} and {self.step_size}"
            raise InputError(f"replacement: expected corrections >= 0, 0 < step_size <= 1, {got}")

    def attach(
        self, prediction: Prediction, measurement: Measurement
    ) -> tuple[Prediction, Sequence[Callback]]:
        """Leave the prediction alone; act between steps."""
        path = prediction.interpolant
        if path.two_sided or not path.gaussian:
            raise InputError("replacement: needs a one-sided path, which starts from normal noise")
        return prediction, (ReplacementCallback(path, measurement, self),)


@dataclass(frozen=True)
class ReplacementCallback:
    """The callback of ``solve``."""

    interpolant: Interpolant
    measurement: Measurement
    method: Replacement = Replacement()

    def __call__(self, step: StepInfo) -> State:
        """The corrected state."""
        x, p = cast("Tensor", step.x), self.interpolant.at(step.s)
        noise = step.noise.named("replacement").at(step.number)
        z = cast("Tensor", noise.normal_like(x))
        seen = self.measurement.operator(z)
        wanted = float(p.beta) * self.measurement.y.to(x) + float(p.gamma) * seen
        x = self._placed(x, wanted)
        if float(step.s) < 1:
            for number in range(self.method.corrections):
                kick = noise.named(f"correction {number}").at(step.number).normal_like(x)
                x = self._placed(self._moved(x, kick, step), wanted)
        return x

    def _placed(self, x: Tensor, wanted: Tensor) -> Tensor:
        operator = self.measurement.operator
        solved = operator.solve(wanted - operator(x), 1.0, self.measurement.noise_std**2)
        return x + operator.adjoint(solved)

    def _moved(self, x: Tensor, kick: State, step: StepInfo) -> Tensor:
        """A Langevin step; ``−γ² ∇ log p_s`` is γ E[z], from x_s and the jump to the data."""
        end = torch.ones((), dtype=torch.float64)
        p, q, delta = self.interpolant.at(step.s), self.interpolant.at(end), self.method.step_size
        scale = p.beta / q.beta
        pull = delta * p.gamma / (p.gamma - scale * q.gamma)
        jumped = step.dynamics.transfer(step.s, end, x)
        moved = combine(1 - pull, x, pull * scale, jumped)
        return cast("Tensor", combine(1.0, moved, p.gamma * sqrt(2 * delta), kick))
