"""The exponential Euler step of a path: DDIM, and DDPM as its stochastic end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.solvers.base import Carry
from sicore.states import Noise, State, combine


@dataclass(frozen=True)
class DDIM:
    r"""``x_s = α_s E0 + β_s E1 + γ_s E[z]``: order 1, one call a step.

    Exact for data that are one point, and the natural last step into t = 1, where it returns
    ``E[x1|x_t]``; it needs no drift at s.

    With η > 0 part of the noise is drawn anew, on paths from normal noise and towards the data,

    ``x_s = β_s E1 + γ_s (ρ E[z] + √(1 − ρ²) z)``,  ``1 − ρ² = η² (1 − σ_s²/σ_t²)``,  ``σ = γ/β``,

    and η = 1 is the posterior step of DDPM. It converges to the law of the path as the SDE does
    with ``ε(t) = η² (β̇/β γ² − γγ̇)``. The noise is the step's own: it runs on the dynamics of the
    ODE, takes no ε, and adds none in the last step into γ = 0.

    Args:
        eta: η in [0, 1]; 0 is deterministic, 1 is DDPM.

    Raises:
        InputError: if η is not in [0, 1]; with η > 0, on another path, or backward in time.

    Source: Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, equations 12 and 16;
    Ho, Jain and Abbeel, "Denoising diffusion probabilistic models", 2020, equation 7 (η = 1).
    """

    eta: float = 0.0
    order: ClassVar[int] = 1
    evaluations: ClassVar[int] = 1
    stochastic: ClassVar[bool] = False
    lands: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise InputError(f"ddim: expected eta in [0, 1], got {self.eta}")

    def step(
        self, dynamics: Dynamics, t: Tensor, s: Tensor, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """Jump with the expectations at t."""
        jumped = dynamics.transfer(t, s, x)
        if self.eta == 0:
            return jumped, carry
        of_jump, of_state, spread = _renewal(dynamics.interpolant, t, s, self.eta)
        mean = combine(of_jump, jumped, of_state, x)
        return combine(1.0, mean, spread, noise.normal_like(x)), carry


def _renewal(path: Interpolant, t: Tensor, s: Tensor, eta: float) -> tuple[Tensor, Tensor, Tensor]:
    """``a, b, c`` that make the step ``a x̂ + b x_t + c z`` from the jump ``x̂ = β_s E1 + γ_s E[z]``.

    ``x_t = β_t E1 + γ_t E[z]`` and x̂ determine E1 and E[z]; with ``k = σ_s/σ_t`` the difference
    ``1 − ρ = η² (1 − k²)/(1 + ρ)`` takes the 1 − k out of the denominator, so that short steps lose
    nothing.
    """
    if path.two_sided or not path.gaussian:
        raise InputError("ddim: eta > 0 needs a path from normal noise; set eta to 0")
    p, q = path.at(t), path.at(s)
    scale, ratio = p.beta / q.beta, q.gamma / p.gamma
    k = ratio * scale
    if not bool((k <= 1).all()):
        raise InputError("ddim: with eta > 0 it runs from noise to data only; set eta to 0")
    renewed = eta**2 * (1 - k**2)
    lost = ratio * eta**2 * (1 + k) / (1 + (1 - renewed).sqrt())
    return 1 + lost * scale, -lost, q.gamma * renewed.sqrt()
