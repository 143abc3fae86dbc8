"""Replacement: after every step, overwrite what the measurement fixes by its noised value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.inverse.posterior import Measurement
from sicore.predictions import Prediction
from sicore.solvers import Callback, StepInfo
from sicore.states import State


@dataclass(frozen=True)
class Replacement:
    """``x ← x + Aᵀ(A Aᵀ + σ_y² I)⁻¹(β_s y + γ_s A z − A x)`` after each step to s.

    Without noise this is the pseudoinverse, which puts the measured part in place exactly; the
    noise keeps it from blowing up what the operator all but removes.

    The network never sees y, only a state that agrees with it: cheap (no gradients), but the
    samples are not those of the posterior.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, appendix I.2.
    """

    def attach(
        self, prediction: Prediction, measurement: Measurement
    ) -> tuple[Prediction, Sequence[Callback]]:
        """Leave the prediction alone; act between steps."""
        if prediction.interpolant.two_sided:
            raise InputError("replacement: needs a one-sided path, which starts from noise")
        return prediction, (ReplacementCallback(prediction.interpolant, measurement),)


@dataclass(frozen=True)
class ReplacementCallback:
    """The callback of ``solve``."""

    interpolant: Interpolant
    measurement: Measurement

    def __call__(self, step: StepInfo) -> State:
        """The corrected state."""
        x, operator = cast("Tensor", step.x), self.measurement.operator
        p = self.interpolant.at(step.s)
        z = cast("Tensor", step.noise.named("replacement").at(step.number).normal_like(x))
        wanted = float(p.beta) * self.measurement.y.to(x) + float(p.gamma) * operator(z)
        solved = operator.solve(wanted - operator(x), 1.0, self.measurement.noise_std**2)
        return x + operator.adjoint(solved)
