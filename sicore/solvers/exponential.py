r"""Single-step exponential methods of a path: DDIM (DDPM), and their like of order 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.solvers.change import moments, node_weights
from sicore.solvers.clocks import Clock
from sicore.solvers.held import Held, jump
from sicore.solvers.table import Form, Move, Sketch, TableSolver


@dataclass(frozen=True)
class DDIM(TableSolver):
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
    order = 1
    evaluations = 1
    lands = True

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1:
            raise InputError(f"ddim: expected eta in [0, 1], got {self.eta}")

    @property
    def draws(self) -> int:  # type: ignore[override]
        """One with η > 0."""
        return int(self.eta > 0)

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The jump with the expectations at t."""
        t, s = times[:-1], times[1:]
        kept = self.kept(dynamics, t, s)
        sketch = Sketch(dynamics, t, s, self.draws)
        made = jump(dynamics, t, s, kept)
        final = sketch.apply(made, sketch.x, sketch.evaluate(t, sketch.x))
        if self.draws:
            renewed = dynamics.interpolant.at(s).gamma * (1 - kept**2).sqrt()
            final = final + renewed * sketch.noise[0]
        return sketch.moves(final)

    def kept(self, dynamics: Dynamics, t: Tensor, s: Tensor) -> Tensor:
        """ρ, how much of its noise the state keeps over steps from t to s, float64 ``(N,)``."""
        if self.eta == 0:
            return torch.ones_like(t)
        path = dynamics.interpolant
        if path.two_sided or not path.gaussian:
            raise InputError("ddim: eta > 0 needs a path from normal noise; set eta to 0")
        p, q = path.at(t), path.at(s)
        ratio = (q.gamma / p.gamma) * (p.beta / q.beta)
        if not bool((ratio <= 1).all()):
            raise InputError("ddim: with eta > 0 it runs from noise to data only; set eta to 0")
        return (1 - self.eta**2 * (1 - ratio**2)).sqrt()


@dataclass(frozen=True)
class Exponential(TableSolver):
    r"""Order 2 or 3 by as many calls a step: the held quantity at inner times, and a polynomial.

    The stages lie at equal distances on the clock, at 0 and ½ or at 0, ⅓ and ⅔ of the step, and
    each is reached with the polynomial through those before it (see ``sicore.solvers.held``). With
    the velocity held these are the midpoint rule and Heun's third-order method; with the data or
    the noise in log-SNR they are the single-step DPM-Solvers.

    Args:
        held: the quantity.
        clock: the variable; it must be finite over each step, save that into γ = 0.
        stages: 2 or 3, the order.

    Raises:
        InputError: for other orders; where the clock, or the influence of a change at the start of
            a step, is not finite.

    Source: Lu et al., "DPM-Solver", 2022, algorithms 1 and 2, and "DPM-Solver++", 2022.
    """

    held: Held
    clock: Clock
    stages: int
    lands = True

    def __post_init__(self) -> None:
        if self.stages not in (2, 3):
            raise InputError(f"exponential: expected order 2 or 3, got {self.stages}")

    @property
    def order(self) -> int:  # type: ignore[override]
        """That of the stages."""
        return self.stages

    @property
    def evaluations(self) -> int:  # type: ignore[override]
        """One for each stage."""
        return self.stages

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The stages of all steps."""
        t, s, path = times[:-1], times[1:], dynamics.path
        first, last = self.clock.read(path, times[:-1]), self.clock.read(path, s)
        self._check(dynamics, t, s, first, last)
        sketch = Sketch(dynamics, t, s)
        values = sketch.evaluate(t, sketch.x)
        made = self.held.quantities(dynamics, t)
        known = [[sketch.apply(q, sketch.x, values)] for q in made]
        for stage in range(1, self.stages):
            time = self.clock.time(path, torch.lerp(first, last, stage / self.stages))
            state = self._reach(sketch, time, stage, known, values)
            new = sketch.evaluate(time, state)
            for forms, q in zip(known, self.held.quantities(dynamics, time), strict=True):
                forms.append(sketch.apply(q, state, new))
        return sketch.moves(self._reach(sketch, s, self.stages, known, values))

    def _reach(
        self, sketch: Sketch, time: Tensor, n: int, known: list[list[Form]], values: list[Form]
    ) -> Form:
        """The state after n of the stages' distances, through the n values before it."""
        dynamics, t = sketch.dynamics, sketch.t
        made = self.held.jump(dynamics, t, time, torch.ones_like(t))
        state = sketch.apply(made, sketch.x, values)
        nodes = (torch.arange(n, dtype=torch.float64) / n).expand(len(t), n)
        for right, forms in zip(
            moments(self.held, self.clock, dynamics, t, time, n), known, strict=True
        ):
            weights = node_weights(nodes, right).unbind(-1)
            for weight, form in zip(weights, forms, strict=True):
                state = state + weight * form
        return state

    def _check(self, dynamics: Dynamics, t: Tensor, s: Tensor, first: Tensor, last: Tensor) -> None:
        influence = self.held.kernels(dynamics, t, s, torch.ones_like(t))
        fine = torch.stack([first.isfinite(), last.isfinite()]).all(0)
        for kernel in influence:
            fine = fine & kernel.isfinite().reshape(-1, len(t)).all(0)
        if not bool(fine.all()):
            i = int((~fine).nonzero()[0])
            raise InputError(
                f"exponential solver: the step from t = {float(t[i]):g} to {float(s[i]):g} reaches "
                f"an end of the path, where {type(self.clock).__name__} or "
                f"{type(self.held).__name__} is not finite: hold the data in the clock 'ratio', or "
                f"end the grid inside"
            )
