r"""Multistep exponential methods, one family for all paths: what is held, in which clock.

One network call a step. The held quantity q (see ``sicore.solvers.held``) is the polynomial in the
clock through its values at the last ``order`` times, and the state follows exactly from it:

``x_s = jump(t → s) + Σ_j w_j q_j``,  ``w_j = ∫_t^s K(s, τ) dL_j(c(τ))``.

==============  ========  ========  ==================================================
name            held      clock
==============  ========  ========  ==================================================
``ab2 … ab4``   velocity  time      Adams and Bashforth
``dpmpp-2m``    data      log-SNR   DPM-Solver++ (its 2M has a midpoint value of w)
``dpmpp-3m``    data      log-SNR   the same
``deis-2, -3``  noise     time      DEIS (tAB)
``unipc-2, 3``  data      log-SNR   UniPC, multistep, with exact weights for B(h)
==============  ========  ========  ==================================================

Its first steps have fewer values to go by, and so a lower order; where the clock is infinite (an
end of the path) the quantity is taken to be constant.

With ``corrected``, the value at the new time also corrects the state that it was computed at: the
step before is made again with one node more, and the difference enters the next step. That costs
no call, and raises the order by one.

Sources: Lu et al., "DPM-Solver++", 2022; Zhang and Chen, "Fast sampling of diffusion models with
exponential integrator", 2023; Zhao et al., "UniPC: a unified predictor-corrector framework", 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.solvers.change import moments, node_weights
from sicore.solvers.clocks import Clock
from sicore.solvers.held import Held, HeldData
from sicore.solvers.renewal import kept_noise
from sicore.solvers.table import Move, Sketch, TableSolver


@dataclass(frozen=True)
class Multistep(TableSolver):
    """``order`` values of one quantity, as a polynomial in one clock.

    Args:
        held: the quantity.
        clock: the variable.
        nodes: how many values; the order, without correction.
        corrected: whether each value corrects the state before it; for ODEs.
        stochastic: whether it steps an SDE, with the held data prediction.

    Raises:
        InputError: unless ``1 <= nodes <= 4``; for an SDE that holds anything but the data, or is
            corrected.
    """

    held: Held
    clock: Clock
    nodes: int
    corrected: bool = False
    stochastic: bool = False
    evaluations = 1

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= 4:
            raise InputError(f"multistep: expected an order from 1 to 4, got {self.nodes}")
        if self.stochastic and (self.corrected or not isinstance(self.held, HeldData)):
            raise InputError("multistep: for an SDE hold the data, without correction")
        object.__setattr__(self, "draws", int(self.stochastic))
        object.__setattr__(self, "memory", self.nodes - 1 + self.corrected)

    @property
    def order(self) -> int:  # type: ignore[override]
        """``nodes``; one more with correction, and at most 2 (weak) for an SDE."""
        return min(self.nodes, 2) if self.stochastic else self.nodes + self.corrected

    @property
    def strong_order(self) -> float:  # type: ignore[override]
        """1 for an SDE: the noise of a step is one normal, and no time integral of it."""
        return float(self.stochastic)

    @property
    def lands(self) -> bool:  # type: ignore[override]
        """No drift is evaluated at the end, and γ_s = 0 leaves no noise behind."""
        return True

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The weights of all steps."""
        t, s, held = times[:-1], times[1:], self.held
        kept = kept_noise(dynamics, t, s)
        quantities = held.quantities(dynamics, t)
        parts = len(quantities)
        sketch = Sketch(dynamics, t, s, self.draws, self.memory * parts)
        values = sketch.evaluate(t, sketch.x)
        now = [sketch.apply(q, sketch.x, values) for q in quantities]
        final = sketch.apply(held.jump(dynamics, t, s, kept), sketch.x, values)
        known = [*now, *sketch.history]
        for part, weights in enumerate(self._weights(dynamics, times)):
            for weight, form in zip(weights.unbind(-1), known[part::parts], strict=False):
                final = final + weight * form
        if self.stochastic:
            renewed = dynamics.interpolant.at(s).gamma * (1 - kept**2).sqrt()
            final = final + renewed * sketch.noise[0]
        return sketch.moves(final, now if self.memory else ())

    def _weights(self, dynamics: Dynamics, times: Tensor) -> list[Tensor]:
        """Of each quantity's values, the last one first, in each step: ``(..., N, 1 + memory)``."""
        steps, memory = len(times) - 1, self.memory
        if memory == 0:
            return []
        readings = self.clock.read(dynamics.path, times)
        finite = readings.isfinite()
        inside = (finite[:-1] & finite[1:]).nonzero().flatten()
        uses = self._known(finite.tolist())
        made = []
        for right in moments(
            self.held, self.clock, dynamics, times[inside], times[inside + 1], memory + 1
        ):
            whole = right.new_zeros(*right.shape[:-2], steps, memory + 1)
            whole[..., inside, :] = right
            change = _polynomial(readings, whole, uses, 0, memory + 1)
            if self.corrected:
                with_end = [n and n + 1 for n in uses]
                again = _polynomial(readings, whole, with_end, -1, memory + 1)
                guess = _polynomial(readings, whole, uses, 0, memory)
                gained = again - torch.nn.functional.pad(guess, (1, 0))
                carried = self.held.carried(dynamics, times[1:-1], times[2:]).unsqueeze(-1)
                change[..., 1:, :] += carried * gained[..., :-1, :]
            made.append(change)
        return made

    def _known(self, finite: list[bool]) -> list[int]:
        """How many values each step uses: those in a row at which the clock is finite.

        None in a step to an end of the path where the clock is not.
        """
        uses, run = [], 0
        for here, there in pairwise(finite):
            run = min(run + 1, self.nodes) if here else 0
            uses.append(run if there else 0)
        return uses


def _polynomial(
    readings: Tensor, moments: Tensor, counts: list[int], newest: int, width: int
) -> Tensor:
    """Weights of the change over each step, of the polynomial through so many values.

    Args:
        readings: of the clock, ``(N + 1,)``.
        moments: of the kernel over each step, ``(..., N, K)``.
        counts: how many values each step uses; fewer than two change nothing.
        newest: which is the first, in steps back from the start of the step.
        width: how many weights to return, the others are zero: ``(..., N, width)``.
    """
    result = moments.new_zeros(*moments.shape[:-1], width)
    for n in sorted({n for n in counts if n > 1}):
        steps = torch.tensor([i for i, count in enumerate(counts) if count == n])
        nodes = readings[steps.unsqueeze(-1) - torch.arange(newest, newest + n)]
        first, last = readings[steps].unsqueeze(-1), readings[steps + 1].unsqueeze(-1)
        shares = (nodes - first) / (last - first)
        result[..., steps, :n] = node_weights(shares, moments[..., steps, :n])
    return result
