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
from sicore.solvers.base import Carry, Step
from sicore.solvers.change import node_weights, total_change
from sicore.solvers.clocks import Clock
from sicore.solvers.held import Held, HeldData
from sicore.solvers.renewal import kept_noise
from sicore.solvers.table import Form, Move, Sketch, TableSolver
from sicore.states import Noise, State, weighted_sum


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

    @property
    def order(self) -> int:  # type: ignore[override]
        """``nodes``; one more with correction, and at most 2 (weak) for an SDE."""
        return min(self.nodes, 2) if self.stochastic else self.nodes + self.corrected

    @property
    def lands(self) -> bool:  # type: ignore[override]
        """No drift is evaluated at the end, and γ_s = 0 leaves no noise behind."""
        return True

    @property
    def draws(self) -> int:  # type: ignore[override]
        """One for an SDE."""
        return int(self.stochastic)

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Move]:
        """The weights of all steps; steps with as many values are made together."""
        known, ready = self._known(dynamics, times)
        groups: dict[tuple[int, int, int], list[int]] = {}
        for i, n in enumerate(known):
            before = ready[i - 1] if self.corrected and i else 0
            groups.setdefault((n, before, min(i, self._memory)), []).append(i)
        moves: dict[int, Move] = {}
        for shape, steps in groups.items():
            made = self._moves(dynamics, times, torch.tensor(steps), *shape)
            moves.update(zip(steps, made, strict=True))
        return [moves[i] for i in range(len(known))]

    @property
    def _memory(self) -> int:
        """How many earlier values are carried."""
        return self.nodes - 1 + self.corrected

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """One call; the carry holds the quantity's earlier values, the last one first."""
        move: Move = step.table
        registers = self.registers(dynamics, step, x, noise)
        registers += carry or ()
        ((time, weights),) = move.stages
        registers += dynamics.evaluate(time, weighted_sum(weights[:1], registers[:1]))
        kept = [weighted_sum(row, registers) for row in move.kept]
        past = (*kept, *(carry or ()))[: self._memory * len(kept)]
        return weighted_sum(move.final, registers), past

    def _known(self, dynamics: Dynamics, times: Tensor) -> tuple[list[int], list[int]]:
        """Of how many values each step can use, and how many the step after it to correct it.

        Those in a row, up to the start of the step, at which the clock is finite.
        """
        finite = self.clock.read(dynamics.path, times).isfinite().tolist()
        uses, ready, run = [], [], 0
        for here, there in pairwise(finite):
            run = min(run + 1, self.nodes) if here else 0
            uses.append(max(1, run) if there else 1)
            ready.append(run)
        return uses, ready

    def _moves(
        self, dynamics: Dynamics, times: Tensor, steps: Tensor, n: int, before: int, past: int
    ) -> list[Move]:
        """Steps by n values; the step before had some, and is corrected if that is not 0."""
        t, s, held = times[steps], times[steps + 1], self.held
        kept = kept_noise(dynamics, t, s)
        quantities = held.quantities(dynamics, t)
        sketch = Sketch(dynamics, t, s, self.draws, past * len(quantities))
        values = sketch.evaluate(t, sketch.x)
        now = [sketch.apply(q, sketch.x, values) for q in quantities]
        known = [[*now, *sketch.history][k :: len(now)] for k in range(len(now))]
        final = sketch.apply(held.jump(dynamics, t, s, kept), sketch.x, values)
        final = final + self._change(dynamics, times, steps, range(n), known)
        if before:
            made = self._change(dynamics, times, steps - 1, range(-1, before), known)
            older = [forms[1:] for forms in known]
            guessed = self._change(dynamics, times, steps - 1, range(before), older)
            final = final + held.carried(dynamics, t, s) * (made - guessed)
        if self.stochastic:
            renewed = dynamics.interpolant.at(s).gamma * (1 - kept**2).sqrt()
            final = final + renewed * sketch.noise[0]
        return sketch.moves(final, now)

    def _change(
        self,
        dynamics: Dynamics,
        times: Tensor,
        steps: Tensor,
        back: range,
        known: Sequence[Sequence[Form]],
    ) -> Form:
        """``∫ K(s, τ) dq(τ)`` over steps, through the values so many steps back from their start.

        −1 back is the end of the step. Values that are equal change nothing, so one is not enough.
        """
        if len(back) < 2:
            return Form({})
        nodes = torch.stack([times[steps - j] for j in back], -1)
        t, s = times[steps], times[steps + 1]
        weights = node_weights(self.held, self.clock, dynamics, nodes, t, s)
        return total_change(weights, known)
