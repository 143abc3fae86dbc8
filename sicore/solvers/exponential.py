"""The exponential Euler step of a path: DDIM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.solvers.base import Carry
from sicore.states import Noise, State


@dataclass(frozen=True)
class DDIM:
    """``x_s = α_s E0 + β_s E1 + γ_s E[z]``: order 1, one call a step.

    Exact for data that are one point, and the natural last step into t = 1, where it returns
    ``E[x1|x_t]``; it needs no drift at s.

    Source: Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, equation 12, η = 0.
    """

    order: ClassVar[int] = 1
    evaluations: ClassVar[int] = 1
    stochastic: ClassVar[bool] = False
    lands: ClassVar[bool] = True

    def step(
        self, dynamics: Dynamics, t: Tensor, s: Tensor, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """Jump with the expectations at t."""
        return dynamics.transfer(t, s, x), carry
