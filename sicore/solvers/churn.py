r"""EDM's stochastic sampler: raise the noise level a little, then one step of Heun's in it.

On a path from noise ``x_t = β x1 + γ z`` the ODE is ``du/dσ = E[z|x_t]``, with ``u = x/β`` and the
noise level ``σ = γ/β``. A step from t to s goes up to the time r at which the level is
``σ_r = (1 + κ) σ_t``, by adding noise, and down to s by Heun's method:

``x_r = (β_r/β_t) x_t + β_r √(σ_r² − σ_t²) s_noise ξ``,
``u_s = u_r + (σ_s − σ_r) (E[z|x_r] + E[z|x'])/2``,  ``x'/β_s = u_r + (σ_s − σ_r) E[z|x_r]``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import OneSided
from sicore.solvers.held import HeldData, HeldNoise
from sicore.solvers.table import Move, Sketch, TableSolver

MOST = math.sqrt(2) - 1  # so that no step more than doubles the variance of the noise


@dataclass(frozen=True)
class EDMChurn(TableSolver):
    r"""Heun's method in the noise level, with noise drawn anew at each step: order 2, two calls.

    In N steps each raises the level by the factor ``1 + κ``, ``κ = min(s_churn/N, √2 − 1)``, where
    σ_t lies in [s_min, s_max], as far as the path goes: its level at t = 0 is the highest. The step
    down to σ_s = 0 is Euler's, by one call, and returns ``E[x1|x_r]``. Where the path starts from
    pure noise (β = 0, σ = ∞) the level cannot rise and has no mean with another one, and the first
    step is DDIM's, by one call, too.

    With s_noise = 1 its states keep the law of the path, up to the error of Heun's method; with
    s_churn = 0 it is deterministic. Its noise is its own: it runs on the dynamics of the ODE and
    takes no ε.

    Args:
        s_churn: how much noise is drawn anew, over all steps.
        s_min: the lowest level at which it is, in standard deviations of the data.
        s_max: the highest.
        s_noise: deviation of the new noise; a little more than 1 makes up for a network that takes
            too much off.

    Raises:
        InputError: for negative numbers, on a path without a noise level, on one whose noise is not
            normal (if there is churn), and towards the noise.

    Source: Karras, Aittala, Aila and Laine, "Elucidating the design space of diffusion-based
    generative models", 2022, algorithm 2; s_churn, s_min and s_max of table 5, for ImageNet.
    """

    s_churn: float = 40.0
    s_min: float = 0.05
    s_max: float = 50.0
    s_noise: float = 1.0
    order = 2
    evaluations = 2
    lands = True

    def __post_init__(self) -> None:
        if not min(self.s_churn, self.s_min, self.s_max, self.s_noise) >= 0:
            raise InputError(f"edm-churn: expected numbers >= 0, got {self}")

    @property
    def draws(self) -> int:  # type: ignore[override]
        """One with churn."""
        return int(self.s_churn > 0)

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """Heun's steps, and those of one call from σ = ∞ and to σ = 0."""
        path = self._path(dynamics)
        levels = path.noise_level(times)
        if not bool((levels.diff() < 0).all()):
            raise InputError("edm-churn: it runs from noise to data only; take an ODE solver")
        raised = self._raised(path, times, levels)
        inner = levels[:-1].isfinite() & (levels[1:] > 0)
        moves: dict[int, Move] = {}
        for chosen, heun in ((inner, True), (~inner, False)):
            t, r, s = times[:-1][chosen], raised[chosen], times[1:][chosen]
            steps = chosen.nonzero().flatten().tolist()
            moves.update(zip(steps, self._moves(dynamics, path, t, r, s, heun), strict=True))
        return [moves[i] for i in range(len(raised))]

    def _path(self, dynamics: Dynamics) -> OneSided:
        path = dynamics.interpolant
        if not isinstance(path, OneSided) or (self.draws and not path.gaussian):
            name = type(path).__name__
            raise InputError(
                f"edm-churn: needs a path from normal noise with one noise level, which {name} is "
                f"not; take a solver that has no noise of its own"
            )
        return path

    def _raised(self, path: OneSided, times: Tensor, levels: Tensor) -> Tensor:
        """The time r of each step: t itself where no noise is added."""
        t, sigma = times[:-1], levels[:-1]
        kappa = min(self.s_churn / len(t), MOST)
        highest = path.noise_level(torch.zeros_like(sigma))
        wanted = torch.minimum((1 + kappa) * sigma, highest)
        churned = (sigma >= self.s_min) & (sigma <= self.s_max) & (wanted > sigma)
        r = t.clone()
        r[churned] = path.time_at(wanted[churned])
        return r

    def _moves(
        self, dynamics: Dynamics, path: OneSided, t: Tensor, r: Tensor, s: Tensor, heun: bool
    ) -> list[Move]:
        """Steps from t up to r, and down to s: Euler's, or its mean with the one by the slope at s.

        Both start at r.
        """
        p, up, one = path.at(t), path.at(r), torch.ones_like(t)
        sketch = Sketch(dynamics, t, s, self.draws)
        same = r == t
        x = torch.where(same, 1.0, up.beta / p.beta) * sketch.x
        for noise in sketch.noise:
            added = (up.gamma / up.beta) ** 2 - (p.gamma / p.beta) ** 2
            x = x + torch.where(same, 0.0, self.s_noise * up.beta * added.sqrt()) * noise
        euler = sketch.apply(HeldData().jump(dynamics, r, s, one), x, sketch.evaluate(r, x))
        if not heun:
            return sketch.moves(euler)
        held = HeldNoise()
        (row,), (kernel,) = held.quantities(dynamics, s), held.kernels(dynamics, r, s, one)
        noise_at_s = sketch.apply(row, euler, sketch.evaluate(s, euler))
        other = held.carried(dynamics, r, s) * x + kernel * noise_at_s
        return sketch.moves(0.5 * (euler + other))
