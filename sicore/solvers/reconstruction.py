r"""Gradients by going back: the steps of reversible Heun are undone, one after the other.

Nothing is kept but the end. In the backward pass the state before a step follows from that after
it, so that memory does not grow with the number of steps, and the gradient is that of the solver's
own result. A step (see ``sicore.solvers.reversible``) is

``y = z + d(ẑ, v)``,  ``ẑ' = 2y − ẑ``,  ``v' = network(s, ẑ')``,  ``z' = y + d'(ẑ', v')``

with d and d' linear, so gradients a are pulled back by the same numbers and by one pullback
through the network,

``a_v' += d'_vᵀ a_z'``,  ``a_ẑ' += d'_ẑᵀ a_z' + (∂v'/∂ẑ')ᵀ a_v'``,  ``a_y = a_z' + 2 a_ẑ'``,
``a_v = d_vᵀ a_y``,  ``a_ẑ = d_ẑᵀ a_y − a_ẑ'``,  ``a_z = a_y``.

The evaluation that undoes a step is also the one whose graph the step before it needs: one call
and one pullback for each step.

States are carried in float64, and the half increments are rounded to multiples of a small power of
two, in which all sums are exact. So the way back meets the same bits as the way there, however much
the states contract, wherever the network gives the same value for the same state.

Source of that idea: Maclaurin, Duvenaud and Adams, "Gradient-based hyperparameter optimization
through reversible learning", 2015, section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Time
from sicore.solvers.base import Carry, Step
from sicore.solvers.dependencies import (
    Watched,
    attached,
    check_coefficients,
    like_state,
    pulled_back,
)
from sicore.solvers.reversible import Halves, ReversibleHeun
from sicore.solvers.wrapped import Wrapped
from sicore.states import (
    Noise,
    Scalar,
    State,
    StateSpace,
    add,
    combine,
    leaves,
    scale,
    to,
    tree_map,
    zeros_like,
)

if TYPE_CHECKING:
    from sicore.solvers.solve import Made, Run

SMALLEST = 1e-8  # error of the state that is reached on the way back that is always allowed


def reversible(run: Run, x: State) -> Made:
    """Solve without a graph; the gradient comes from undoing the steps.

    In a space, ẑ is projected too, so that the way back is exact; where the network leaves the
    space, the result then differs from that of the other ways, within the error of the solver.

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
    seen = _Wide(watched if torch.is_grad_enabled() else run.dynamics, x)
    inner = replace(run, dynamics=seen, space=None)
    exact = _Exact.of(x, run.space)
    forth = _Forth(run.solver, run.solver.halves(seen, run.times), exact)
    with torch.no_grad():
        made = inner(exact(_wide(x)), forth)
    end = cast("State", tree_map(lambda leaf, like: leaf.to(like.dtype), made.x, x))
    pull = partial(_pull, inner, watched, exact, x, made)
    inputs = [*leaves(x).values(), *watched.originals()]
    return made._replace(x=like_state(x, attached(list(leaves(end).values()), inputs, pull)))


@dataclass(frozen=True)
class _Exact:
    """Rounds to multiples of a unit for each sample, in the space.

    Sums are exact up to 2⁵³ units, which lets states grow 2¹² times, in float64 8 times.
    """

    unit: State
    space: StateSpace | None

    @classmethod
    def of(cls, x: State, space: StateSpace | None) -> _Exact:
        return cls(cast("State", tree_map(_unit, x)), space)

    def __call__(self, x: State) -> State:
        within = self.projected(x)
        return cast("State", tree_map(lambda v, u: (v / u).round() * u, within, self.unit))

    def projected(self, x: State) -> State:
        return x if self.space is None else self.space.project(x)


def _unit(leaf: Tensor) -> Tensor:
    bits = 48 if leaf.dtype == torch.float64 else 39
    largest = leaf.detach().double().abs().flatten(1).amax(1)
    unit = torch.ldexp(torch.ones_like(largest), torch.frexp(largest).exponent - bits)
    return unit.reshape(-1, *(1,) * (leaf.ndim - 1))


@dataclass(frozen=True)
class _Forth:
    """The step, as the loop takes it."""

    solver: ReversibleHeun
    halves: Sequence[Halves]
    exact: _Exact

    def __call__(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        pair = carry or (x, *dynamics.evaluate(step.t, x))
        here = Step(step.number, step.t, step.s, self.halves[step.number])
        return self.solver.forth(dynamics, here, x, pair, noise, self.exact)


class _Shares(NamedTuple):
    """Gradients of the loss with respect to z, x0, ẑ and the parts of the value at ẑ."""

    z: State
    x0: Sequence[State]
    ahead: State
    values: Sequence[State]

    def half(self, weights: Sequence[Scalar], a: State) -> _Shares:
        """With those of a half increment, whose gradient is a."""
        first, last = len(self.x0), len(weights) - len(self.values)
        x0 = [add(b, scale(w, a)) for b, w in zip(self.x0, weights[:first], strict=True)]
        ahead = add(self.ahead, scale(weights[last - 1], a))
        values = [add(b, scale(w, a)) for b, w in zip(self.values, weights[last:], strict=True)]
        return _Shares(self.z, x0, ahead, values)


def _pull(
    run: Run, watched: Watched, exact: _Exact, x: State, made: Made, cotangents: list[Tensor]
) -> list[Tensor]:
    """The gradients of the initial state and of all that took part, from those of the end."""
    solver, times = cast("ReversibleHeun", run.solver), run.times.tolist()
    halves = solver.halves(run.dynamics, run.times)
    network = _Graphed(watched, x)
    z, carry = made.x, made.carry
    network.evaluate(times[-1], carry[0])
    a_z = _wide(like_state(x, cotangents))
    zero = zeros_like(a_z)
    a = _Shares(a_z, [zero for _ in network.constants], zero, [zero for _ in carry[1:]])
    for i in reversed(range(len(halves))):
        a = a.half(halves[i].end, exact.projected(a.z))
        at_end = add(a.ahead, network.pull(a.values))
        step = Step(i, times[i], times[i + 1], halves[i])
        z, carry = solver.reverse(network, step, z, carry, run.streams.at(i), exact)
        between = combine(1.0, a.z, 2.0, at_end)
        a = _Shares(between, a.x0, scale(-1.0, at_end), [zero for _ in a.values])
        a = a.half(halves[i].start, exact.projected(between))
    _check(exact.projected(x), z)
    first = exact.projected(add(a.z, add(a.ahead, network.pull(a.values))))
    network.pull_constants(a.x0)
    narrow = tree_map(lambda leaf, like: leaf.to(like.dtype), first, x)
    return [*leaves(narrow).values(), *network.totals]


class _Wide(Wrapped):
    """Dynamics of states in float64, whose network sees the dtype of ``like``."""

    def __init__(self, dynamics: Dynamics, like: State) -> None:
        super().__init__(dynamics)
        self._like = like

    @cached_property
    def constants(self) -> tuple[State, ...]:
        """States that take part as they are, in float64."""
        return tuple(_wide(constant) for constant in self.inner.constants)

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """The parts of the value."""
        return tuple(_wide(part) for part in self.inner.evaluate(t, self._narrow(x)))

    def _narrow(self, x: State) -> State:
        return cast("State", tree_map(lambda leaf, like: leaf.to(like.dtype), x, self._like))


class _Graphed(_Wide):
    """The same with the graph of the last evaluation, and what was pulled back through graphs."""

    def __init__(self, watched: Watched, like: State) -> None:
        super().__init__(watched.inner, like)
        self._found = list(watched.found.values())
        self.totals = [torch.zeros_like(tensor) for tensor in self._found]

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """The parts of the value."""
        self._at = tree_map(lambda leaf: leaf.detach().requires_grad_(), self._narrow(x))
        with torch.enable_grad():
            self._made = self.inner.evaluate(t, self._at)
        return tuple(_wide(part) for part in self._made)

    def pull(self, shares: Sequence[State]) -> State:
        """From the gradients of the value to that of the state; the others join the totals.

        The graph is let go, so that there is never more than one.
        """
        made, self._made = self._made, ()
        return _wide(like_state(self._at, self._pull(made, shares, leaves(self._at).values())))

    def pull_constants(self, shares: Sequence[State]) -> None:
        """The same for an x0 that takes part in the steps themselves."""
        self._pull(self.inner.constants, shares, ())

    def _pull(
        self, made: Sequence[State], shares: Sequence[State], inputs: Iterable[Tensor]
    ) -> list[Tensor]:
        given = list(inputs)
        pulled = pulled_back(_flat(made), [*given, *self._found], _flat(shares))
        for total, share in zip(self.totals, pulled[len(given) :], strict=True):
            total.add_(share)
        return pulled[: len(given)]


def _flat(states: Sequence[State]) -> list[Tensor]:
    return [leaf for state in states for leaf in leaves(state).values()]


def _wide(x: State) -> State:
    return to(cast("State", tree_map(torch.detach, x)), dtype=torch.float64)


def _check(given: State, reached: State) -> None:
    """Whether the way back led to where the solve began."""
    gap = size = allowed = 0.0
    for name, leaf in leaves(given).items():
        wide = leaf.detach().double()
        gap += float((wide - leaves(reached)[name]).square().sum())
        size += float(wide.square().sum())
        allowed = max(allowed, SMALLEST, 10 * torch.finfo(leaf.dtype).eps)
    if gap > allowed**2 * size:
        raise InputError(
            f"gradient: the way back misses the initial state by {(gap / size) ** 0.5:.1e} "
            f"(relative); the drift must be a function of time and state alone (no dropout), and "
            f"states must not grow without bound; or use gradient='checkpoint'"
        )
