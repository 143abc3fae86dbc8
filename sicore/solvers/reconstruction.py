r"""Gradients by going back: the steps of a reversible solver are undone, one after the other.

Nothing is kept but the end. In the backward pass the state before a step follows from that after
it, so that memory does not grow with the number of steps, and the gradient is that of the solver's
own result up to rounding. A step (see ``sicore.solvers.reversible``) is linear in z, ẑ and the
values v, v' of the network at ẑ, ẑ' = reached:

``reached = Σ_k u_k r_k``,  ``v' = network(s, reached)``,  ``z' = Σ_k w_k r_k + w' v'``,

with the registers r = (z, x0, noise, ẑ, v). So it pulls gradients back by the same numbers,

``a_v' += w'ᵀ a_z'``,  ``a_ẑ' += (∂v'/∂ẑ')ᵀ a_v'``,  ``a_r = w_r a_z' + u_r a_ẑ'``,

and by one pullback through the network. The evaluation that undoes a step is also the one whose
graph the step before it needs: one call and one pullback for each step.

The states are carried in float64 whatever their dtype, and the network sees its own: rounding then
does not accumulate on the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Time
from sicore.solvers.base import Step
from sicore.solvers.dependencies import (
    Watched,
    attached,
    check_coefficients,
    like_state,
    pulled_back,
)
from sicore.solvers.reversible import ReversibleHeun, ThereAndBack
from sicore.solvers.wrapped import Wrapped
from sicore.states import Noise, State, add, leaves, scale, to, tree_map, weighted_sum, zeros_like

if TYPE_CHECKING:
    from sicore.solvers.solve import Made, Run

TOLERANCE = 1e-4  # of the state that is reached on the way back, relative to the given one


def reversible(run: Run, x: State) -> Made:
    """Solve without a graph; the gradient comes from undoing the steps.

    Raises:
        InputError: for a solver that is not reversible; in the backward pass, if the way back does
            not lead to x.
    """
    if not isinstance(run.solver, ReversibleHeun):
        raise InputError(
            f"gradient: the reversible way needs the solver reversible-heun, or "
            f"reversible-heun-sde, not {type(run.solver).__name__}; other solvers have "
            f"gradient='checkpoint'"
        )
    check_coefficients(run.dynamics, run.times)
    watched = Watched(run.dynamics)
    seen = watched if torch.is_grad_enabled() else run.dynamics
    inner = replace(run, dynamics=_Wide(seen, x))
    with torch.no_grad():
        made = inner(_wide(x))
    end = cast("State", tree_map(lambda leaf, like: leaf.to(like.dtype), made.x, x))
    pull = partial(_pull, inner, watched, x, made)
    inputs = [*leaves(x).values(), *watched.originals()]
    return made._replace(x=like_state(x, attached(list(leaves(end).values()), inputs, pull)))


def _pull(
    run: Run, watched: Watched, x: State, made: Made, cotangents: list[Tensor]
) -> list[Tensor]:
    """The gradients of the initial state and of all that took part, from those of the end."""
    found, constants = list(watched.found.values()), watched.constants
    totals = [torch.zeros_like(tensor) for tensor in found]
    of_constants = [zeros_like(_wide(constant)) for constant in constants]
    solver, steps = cast("ReversibleHeun", run.solver), run.steps()
    network = _Graphed(watched.inner, x)
    z, carry = made.x, made.carry
    network.evaluate(steps[-1].s, carry[0])
    a_z = _wide(like_state(x, cotangents))
    a_ahead, *a_values = (zeros_like(a_z) for _ in carry)
    for step in reversed(steps):
        table: ThereAndBack = step.table
        move = table.there
        if run.space is not None:
            a_z = run.space.project(a_z)
        of_values = move.final[-len(a_values) :]
        a_values = [add(a, scale(w, a_z)) for a, w in zip(a_values, of_values, strict=True)]
        a_ahead = add(a_ahead, network.pull(a_values, found, totals))
        z, carry = solver.reverse(network, step, z, carry, _noise(run, step))
        if run.space is not None:
            z = run.space.project(z)
        ((_, weights),) = move.stages
        pairs = zip(move.final, weights, strict=False)  # the values at the end are done
        a_z, *others = [weighted_sum(pair, (a_z, a_ahead)) for pair in pairs]
        of_constants = [add(a, b) for a, b in zip(of_constants, others, strict=False)]
        a_ahead, *a_values = others[-len(carry) :]
    a_ahead = add(a_ahead, network.pull(a_values, found, totals))
    _check(x, z)
    for constant, share in zip(constants, of_constants, strict=True):
        passed = pulled_back(list(leaves(constant).values()), found, list(leaves(share).values()))
        _accumulate(totals, passed)
    first = leaves(add(a_z, a_ahead)).items()
    return [*(leaf.to(leaves(x)[name].dtype) for name, leaf in first), *totals]


class _Wide(Wrapped):
    """Dynamics of states in float64, whose network sees the dtype of ``like``."""

    def __init__(self, dynamics: Dynamics, like: State) -> None:
        super().__init__(dynamics)
        self._like = like
        self._constants = tuple(_wide(constant) for constant in dynamics.constants)

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """The parts of the value."""
        return tuple(_wide(part) for part in self.inner.evaluate(t, self._narrow(x)))

    def _narrow(self, x: State) -> State:
        return cast("State", tree_map(lambda leaf, like: leaf.to(like.dtype), x, self._like))


class _Graphed(_Wide):
    """The same, keeping the graph of the last evaluation."""

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """The parts of the value."""
        self._at = tree_map(lambda leaf: leaf.detach().requires_grad_(), self._narrow(x))
        with torch.enable_grad():
            self._made = self.inner.evaluate(t, self._at)
        return tuple(_wide(part) for part in self._made)

    def pull(
        self, cotangents: Sequence[State], found: Sequence[Tensor], totals: list[Tensor]
    ) -> State:
        """From the gradients of the value to that of where it was taken; the rest joins totals.

        The graph is let go, so that there is never more than one.
        """
        values = [leaf for part in self._made for leaf in leaves(part).values()]
        self._made = ()
        shares = [leaf for part in cotangents for leaf in leaves(part).values()]
        inputs = list(leaves(self._at).values())
        pulled = pulled_back(values, [*inputs, *found], shares)
        _accumulate(totals, pulled[len(inputs) :])
        return _wide(like_state(self._at, pulled[: len(inputs)]))


def _wide(x: State) -> State:
    return to(cast("State", tree_map(torch.detach, x)), dtype=torch.float64)


def _accumulate(totals: list[Tensor], shares: Sequence[Tensor]) -> None:
    for total, share in zip(totals, shares, strict=True):
        total.add_(share)


def _noise(run: Run, step: Step) -> Noise:
    return run.streams.at(step.number) if run.solver.draws else run.streams


def _check(given: State, reached: State) -> None:
    """Whether the way back led to where the solve began."""
    gap = size = 0.0
    for name, leaf in leaves(given).items():
        wide = leaf.detach().double()
        gap += float((wide - leaves(reached)[name]).square().sum())
        size += float(wide.square().sum())
    if gap > TOLERANCE**2 * size:
        raise InputError(
            f"gradient: the way back misses the initial state by {(gap / size) ** 0.5:.1e} "
            f"(relative); the drift must be a function of time and state alone (no dropout), and "
            f"stay in the space of the states; take more steps, or use gradient='checkpoint'"
        )
