r"""Gradients by the adjoint equation: a second solve, from the end back to the start.

For ``ẋ = f(t, x; θ)`` and a loss of x at the end, ``a = ∂loss/∂x_t`` obeys

``ȧ = −(∂f/∂x)ᵀ a``,  ``∂loss/∂θ = ∫ (∂f/∂θ)ᵀ a dt``,

so x, a and the integral are solved together, along the same grid in the other direction. Memory
does not grow with the number of steps. The gradient is that of the exact solution as far as the
solver finds it, not that of the solver's own result: the two agree up to the error of the solver.

With additive noise ``dX = f dt + g(t) dW`` the noise drops out of the equation for a, and x is
brought back along the same path of W, whose increments are drawn again with the other sign.

Sources: Chen et al., "Neural ordinary differential equations", 2018, algorithm 1; Li et al.,
"Scalable gradients for stochastic differential equations", 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Interpolant, Point, Time
from sicore.predictions import Combination, Row
from sicore.solvers.dependencies import (
    Watched,
    attached,
    check_coefficients,
    like_state,
    pulled_back,
)
from sicore.solvers.table import scalars
from sicore.states import (
    Noise,
    Scalar,
    State,
    StateSpace,
    add,
    leaves,
    scale,
    tree_map,
    weighted_sum,
    zeros_like,
)

if TYPE_CHECKING:
    from sicore.solvers.solve import Made, Run

Tree = dict[str, Tensor]


def adjoint(run: Run, x: State) -> Made:
    """Solve without a graph; the gradient comes from the adjoint equation.

    Raises:
        InputError: with callbacks, with ``record``, for noise that depends on the state, and for
            solvers that integrate more than a drift.
        ConversionError: where the solver, on its way back, meets a time at which the drift is not
            determined.
    """
    if not run.dynamics.additive:
        raise InputError(
            "gradient: the adjoint way is for ODEs and for noise that does not depend on the "
            "state; use gradient='direct' or 'checkpoint'"
        )
    _back(run, run.dynamics, [], x).steps()  # refuses what cannot be solved back
    if not torch.is_grad_enabled():
        return run(x)
    watched = Watched(run.dynamics)
    with torch.no_grad():
        made = replace(run, dynamics=watched)(x)
    pull = partial(_pull, run, watched, made.x)
    inputs = [*leaves(x).values(), *watched.originals()]
    results = attached(list(leaves(made.x).values()), inputs, pull)
    return made._replace(x=like_state(x, results))


def _pull(run: Run, watched: Watched, end: State, cotangents: list[Tensor]) -> list[Tensor]:
    """The gradients of the initial state and of all that took part, from those of the end."""
    found, constants = list(watched.found.values()), watched.constants
    a = like_state(end, cotangents)
    if run.space is not None:
        a = run.space.project(a)
    start = named("x", end) | named("a", a) | _zeros(constants, found)
    tree = cast("Tree", _back(run, watched.inner, found, end)(start).x)
    totals = [tree[_parameter(k)] for k in range(len(found))]
    for k, constant in enumerate(constants):
        share = leaves(part(tree, f"c{k}", constant)).values()
        passed = pulled_back(list(leaves(constant).values()), found, list(share))
        totals = [total + more for total, more in zip(totals, passed, strict=True)]
    return [*leaves(part(tree, "a", end)).values(), *totals]


def _back(run: Run, dynamics: Dynamics, found: Sequence[Tensor], like: State) -> Run:
    """The solve of the adjoint equation."""
    streams = _Replayed(run.streams, len(run.times) - 2, like)
    return replace(
        run,
        dynamics=_Adjoint(dynamics, found, like, run.space),
        times=run.times.flip(0),
        streams=cast("Noise", streams),
        space=None,
    )


class _Numbers(NamedTuple):
    """λ, μ and ν at one time."""

    of_state: Scalar
    of_value: tuple[Scalar, ...]
    of_x0: Scalar


class _Adjoint(Dynamics):
    """x, a, and the integrals that are the gradients, in one tree: one pullback for each drift."""

    def __init__(
        self, dynamics: Dynamics, found: Sequence[Tensor], like: State, space: StateSpace | None
    ) -> None:
        self.dynamics, self.found, self.like, self.space = dynamics, found, like, space
        self._known: dict[float, _Numbers] = {}

    @property
    def interpolant(self) -> Interpolant:
        raise InputError(_REFUSAL)

    def express(self, p: Point, wanted: Row, name: str) -> Combination:
        raise InputError(_REFUSAL)

    def split(self, t: Tensor) -> Combination:
        """All of the drift is the value. The coefficients inside it are made here, beforehand."""
        check_coefficients(self.dynamics, t)
        made = self.dynamics.split(t)
        of_value = zip(*(scalars(mu, len(t)) for mu in made.of_value), strict=True)
        rows = zip(
            scalars(made.of_state, len(t)), of_value, scalars(made.of_x0, len(t)), strict=True
        )
        self._known.update(zip(t.tolist(), (_Numbers(*row) for row in rows), strict=True))
        return super().split(t)

    def _numbers(self, t: float) -> _Numbers:
        if t not in self._known:  # a time that the solver did not prepare
            self.split(torch.tensor([t], dtype=torch.float64))
        return self._known[t]

    def drift(self, t: Time, x: State) -> State:
        """``f``, ``−(∂f/∂x)ᵀ a``, and ``−(∂f/∂θ)ᵀ a`` for all that takes part."""
        tree, here = cast("Tree", x), self._numbers(cast("float", t))
        state, a = self._projected(part(tree, "x", self.like)), part(tree, "a", self.like)
        at = cast("State", tree_map(lambda leaf: leaf.detach().requires_grad_(), state))
        with torch.enable_grad():
            parts = self.dynamics.evaluate(t, at)
        values = [leaf for value in parts for leaf in leaves(value).values()]
        shares = [leaf for mu in here.of_value for leaf in leaves(scale(mu, a)).values()]
        inputs = leaves(at)
        pulled = pulled_back(values, [*inputs.values(), *self.found], shares)
        of_x, of_found = pulled[: len(inputs)], pulled[len(inputs) :]
        constants = self.dynamics.constants
        weights = (here.of_state, *here.of_value, *(here.of_x0,) * len(constants))
        detached = [cast("State", tree_map(torch.detach, value)) for value in parts]
        slope = weighted_sum(weights, (state, *detached, *constants))
        fall = add(scale(here.of_state, a), like_state(a, of_x))
        made = named("x", slope) | named("a", self._projected(scale(-1.0, fall)))
        for k in range(len(constants)):
            made |= named(f"c{k}", scale(-1.0, scale(here.of_x0, a)))
        return made | {_parameter(k): -share for k, share in enumerate(of_found)}

    def diffusion(self, t: Tensor) -> Tensor:
        """That of the dynamics for x, and none for the others: ``(L, N)``."""
        if not self.dynamics.stochastic:
            return torch.zeros_like(t)
        states = sorted(named("x", self.like))
        g = self.dynamics.diffusion(t).expand(len(states), len(t))
        others = named("a", self.like) | _zeros(self.dynamics.constants, self.found)
        rows = dict(zip(states, g, strict=True)) | dict.fromkeys(others, torch.zeros_like(t))
        return torch.stack([rows[name] for name in sorted(rows)])

    def _projected(self, x: State) -> State:
        return x if self.space is None else self.space.project(x)


@dataclass(frozen=True)
class _Replayed:
    """The noise of a solve for the way back: ``−ΔW`` of each step, last step first.

    Seen from the end of a step, ``∫ (W_u − W_s) du`` has the coordinates ``(−ξ, ζ)``.
    """

    noise: Noise
    last: int
    like: State
    draw: int = 0

    def at(self, draw: int) -> _Replayed:
        return replace(self, draw=draw)

    def coordinates(self, t: float, s: float, x: State, count: int = 1) -> list[State]:
        tree = cast("Tree", x)
        forward = self.noise.at(self.last - self.draw)
        xi, *rest = forward.coordinates(s, t, part(tree, "x", self.like), count)
        # The others have no noise: what stands in their place is multiplied by 0.
        return [tree | named("x", drawn) for drawn in (scale(-1.0, xi), *rest)]


_REFUSAL = (
    "gradient: the adjoint equation has no path, and this solver needs one; use a solver that "
    "integrates any drift, such as rk4 or ab3, or gradient='checkpoint'"
)


def named(prefix: str, x: State) -> Tree:
    """The leaves of a state as those of a larger tree."""
    return {f"{prefix}/{name}": leaf for name, leaf in leaves(x).items()}


def part(tree: Tree, prefix: str, like: State) -> State:
    """The state that ``named`` put there."""
    found = {name: tree[f"{prefix}/{name}"] for name in leaves(like)}
    return found[""] if isinstance(like, Tensor) else found


def _parameter(k: int) -> str:
    return f"p/{k}"


def _zeros(constants: Sequence[State], found: Sequence[Tensor]) -> Tree:
    made = {_parameter(k): torch.zeros_like(tensor) for k, tensor in enumerate(found)}
    for k, constant in enumerate(constants):
        made |= named(f"c{k}", zeros_like(constant))
    return made
