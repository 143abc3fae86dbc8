r"""S4: a Langevin move and a symmetric splitting by one call of the network, for any states.

On a path ``x_t = β x1 + γ z`` the reverse of its noising diffusion is, in our direction of time,

``dX = (β̇/β) X dt + g² s(t, X) dt + g dW``,  ``g² = 2 ((β̇/β) γ² − γγ̇) = −β² dσ²/dt``,  ``σ = γ/β``.

Its linear part with the noise has the exact transition
``X_s = (β_s/β_t) X_t + β_s √(σ_t² − σ_s²) z``, on any path. A step takes half of it, the score's
part ``X + h g² s``, with g and the score where the step began, and the other half. The two draws of
noise add up to one, and the whole is

``x' = (β_s/β_t) x̃ + (β_s/β_m) h g_t² s(t, x) + β_s √(σ_t² − σ_s²) z``

with m the middle of the step, and ``x̃ = x + δ s(t, x) + √(2δ T) z`` the Langevin move that spends
the same score. On a product of paths, every leaf has its own β, γ and δ.

Source: Jo, Lee and Hwang, "Score-based generative modeling of graphs via the system of stochastic
differential equations", 2022, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.dynamics import Dynamics, noising
from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.predictions import Row
from sicore.solvers.base import Carry, Solver, Step
from sicore.solvers.langevin import (
    AnnealedRule,
    Correction,
    SNRRule,
    StepRule,
    combined,
    corrections,
    langevin_move,
)
from sicore.solvers.table import scalars
from sicore.states import Noise, Scalar, State, weighted_sum


class Split(NamedTuple):
    """A step in numbers.

    Attributes:
        move: what the Langevin move needs, if there is one.
        linear: of the corrected state.
        jump: of x, the values and x0.
        noise: of the normals.
    """

    move: Correction | None
    linear: Scalar
    jump: tuple[Scalar, ...]
    noise: Scalar


ANNEALED = AnnealedRule(0.2)


@dataclass(frozen=True)
class S4(Solver):
    r"""Langevin move, half a linear step, the score's step, half a linear step: one call.

    It is the SDE with ``ε = g²/2`` (``sicore.dynamics.noising``): like DDIM with η > 0 it takes its
    noise from the path, so it runs on the dynamics of the ODE, towards the data, and takes no ε.
    Its weak order is 1 without the move. The move adds the error of its rule, of the order r²,
    which more steps do not remove (see ``sicore.solvers.langevin``); a ``scale_eps`` below 1 draws
    states towards the modes, as the authors do for molecules.

    Each step adds the diffusion's noise in full, for the next ones to take off. Data on thin sets,
    such as pictures, therefore want many steps (the paper takes 1000) where DDIM with η = 1, of the
    same SDE, is content with few.

    Where g is infinite or the score is (β_t = 0, and γ_s = 0) it takes the posterior's step
    ``β_s E[x1|x_t] + γ_s z``, as DDPM does, which is what is left of the SDE there.

    Args:
        rule: the step size of the Langevin move, in each leaf; None for no move.
        scale_eps: factor of the move's noise.

    Raises:
        InputError: for a negative factor; on a path that is not from normal noise, or backward.
    """

    rule: StepRule | None = ANNEALED
    scale_eps: float = 1.0
    order = 1
    evaluations = 1
    lands = True

    def __post_init__(self) -> None:
        if not self.scale_eps >= 0:
            raise InputError(f"s4: expected scale_eps >= 0, got {self.scale_eps}")

    @property
    def draws(self) -> int:  # type: ignore[override]
        """One of the diffusion, and one of the move."""
        return 1 if self.rule is None else 2

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Split]:
        """The numbers of all steps."""
        t, s, path = times[:-1], times[1:], _checked(dynamics.interpolant)
        p, m, q = (path.at(u) for u in (t, (t + s) / 2, s))
        bare = (p.beta == 0) | (q.gamma == 0)
        grown = (p.gamma / p.beta) ** 2 - (q.gamma / q.beta) ** 2
        if not bool((grown >= 0).all()):
            raise InputError("s4: runs from noise to data only; take a solver for ODEs to go back")
        pushed = (q.beta / m.beta) * (s - t) * 2 * noising(path)(t)
        posterior, zero = torch.where(bare, q.beta, 0.0), torch.zeros_like(p.beta)
        jump = Row(zero, posterior, torch.where(bare, 0.0, pushed))
        n = len(t)
        columns = (
            [None] * n if self.rule is None else corrections(dynamics, p, self.rule),
            scalars(torch.where(bare, 0.0, q.beta / p.beta), n),
            combined(dynamics, p, jump, "the step"),
            scalars(torch.where(bare, q.gamma, q.beta * grown.sqrt()), n),
        )
        return [Split(*row) for row in zip(*columns, strict=True)]

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """One call, for both parts."""
        table: Split = step.table
        states = (x, *dynamics.evaluate(step.t, x), *dynamics.constants)
        moved = x
        if self.rule is not None and table.move is not None:
            score = weighted_sum(table.move.score, states)
            kick = noise.named("langevin").at(noise.draw).normal_like(x)
            delta = self.rule.size(table.move.known, score, kick)
            moved = langevin_move(x, score, kick, delta, self.scale_eps**2)
        (z,) = noise.coordinates(step.t, step.s, x)
        weights = (table.linear, *table.jump, table.noise)
        return weighted_sum(weights, (moved, *states, z)), carry


def _checked(path: Interpolant) -> Interpolant:
    if path.two_sided or not path.gaussian:
        raise InputError(
            f"s4: {type(path).__name__} is not a path from normal noise, which its diffusion is of"
        )
    return path


def s4(snr: float = 0.2, scale_eps: float = 1.0, annealed: bool = True) -> S4:
    """See ``S4``.

    Args:
        snr: r of the rule for the Langevin move; 0 for no move.
        scale_eps: factor of the move's noise.
        annealed: whether δ follows the path's noise (``AnnealedRule``), not the norms of the score
            (``SNRRule``, the paper's).
    """
    rule = AnnealedRule(snr) if annealed else SNRRule(snr)
    return S4(rule if snr else None, scale_eps)
