"""What a solve depends on: found by looking, one evaluation of the dynamics at a time.

A closed-over parameter, a condition or an observed x0 takes part in a solve without being an
argument of it. The graph of an evaluation leads to all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Time
from sicore.solvers.wrapped import Wrapped
from sicore.states import State, leaves, tree_map


class Watched(Wrapped):
    """Dynamics whose evaluations show what they depend on; only their values are kept.

    Conditions and source states that were computed from something (all tensors that the
    dataclasses of the dynamics hold) are cut off from what made them, so that an evaluation does
    not reach back into it.

    Args:
        dynamics: the inner ones.

    Attributes:
        found: the tensors that took part so far and require gradients, as evaluations see them.
    """

    def __init__(self, dynamics: Dynamics) -> None:
        self._cut: dict[int, tuple[Tensor, Tensor]] = {}
        super().__init__(_opened(dynamics, self._cut))
        self.found: dict[int, Tensor] = {}
        self._note(self.constants)

    def drift(self, t: Time, x: State) -> State:
        """The drift."""
        return self._watched(lambda: (self.inner.drift(t, x),))[0]

    def evaluate(self, t: Time, x: State) -> tuple[State, ...]:
        """The parts of the value."""
        return self._watched(lambda: self.inner.evaluate(t, x))

    def originals(self) -> list[Tensor]:
        """The tensors that were found, as the caller knows them."""
        known = {id(leaf): original for original, leaf in self._cut.values()}
        return [known.get(key, tensor) for key, tensor in self.found.items()]

    def _watched(self, evaluate: Callable[[], tuple[State, ...]]) -> tuple[State, ...]:
        with torch.enable_grad():
            parts = evaluate()
        self._note(parts)
        return tuple(cast("State", tree_map(torch.detach, part)) for part in parts)

    def _note(self, states: Iterable[State]) -> None:
        for tensor in _sources(leaf for state in states for leaf in leaves(state).values()):
            self.found[id(tensor)] = tensor


def pulled_back(
    values: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> list[Tensor]:
    """``Σ cotangent · ∂value/∂input`` for each input, in one backward pass."""
    made = [(v, c.to(v.dtype)) for v, c in zip(values, cotangents, strict=True) if v.requires_grad]
    if not made:
        return [torch.zeros_like(leaf) for leaf in inputs]
    outputs, directions = zip(*made, strict=True)
    # What the caller computed before the solve may be part of the graph, and must outlive this.
    keep = {"retain_graph": True, "materialize_grads": True}
    return list(torch.autograd.grad(outputs, inputs, directions, **keep))


def check_coefficients(dynamics: Dynamics, times: Tensor) -> None:
    """Refuse a path, or an ε, whose own coefficients want gradients.

    Raises:
        InputError: if they do.
    """
    made = dynamics.split(times)
    given = (made.of_state, *made.of_value, made.of_x0, dynamics.diffusion(times))
    if any(c.requires_grad for c in given):
        raise InputError(
            "gradient: the adjoint and the reversible way take the coefficients of the path and ε "
            "as given, but these require gradients; use gradient='direct' or 'checkpoint'"
        )


def like_state(like: State, tensors: Sequence[Tensor]) -> State:
    """Tensors, in the order of the leaves, as a state."""
    found = dict(zip(leaves(like), tensors, strict=True))
    return found[""] if isinstance(like, Tensor) else found


Pull = Callable[[list[Tensor]], list[Tensor]]


def attached(results: Sequence[Tensor], inputs: Sequence[Tensor], pull: Pull) -> list[Tensor]:
    """Results that were made without a graph, as functions of inputs whose gradients ``pull`` has.

    Args:
        results: detached tensors.
        inputs: what they depend on.
        pull: from the gradients of the results to those of the inputs.
    """
    kind = results[0].device.type
    autocast = partial(
        torch.autocast, kind, torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
    )

    def pull_as_now(cotangents: list[Tensor]) -> list[Tensor]:
        with autocast():
            return pull(cotangents)

    made: tuple[Tensor, ...] = _Attached.apply(tuple(results), pull_as_now, *inputs)
    return list(made)


class _Attached(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, results: tuple[Tensor, ...], pull: Pull, *inputs: Tensor) -> Any:
        ctx.save_for_backward(*inputs)  # so that torch notices if they are changed in place
        ctx.pull = pull
        return tuple(result.clone() for result in results)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        if torch.is_grad_enabled():
            raise InputError(
                "gradient: the adjoint and the reversible way have first derivatives only; for "
                "create_graph=True use gradient='direct' or 'checkpoint'"
            )
        _ = ctx.saved_tensors
        return None, None, *ctx.pull(list(cotangents))


def _sources(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    """The leaves of the graph of some tensors."""
    pending: list[Any] = []
    for tensor in tensors:
        if tensor.grad_fn is not None:
            pending.append(tensor.grad_fn)
        elif tensor.requires_grad:
            yield tensor
    seen = set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        pending += [following for following, _ in node.next_functions]


def _opened(part: Any, cut: dict[int, tuple[Tensor, Tensor]]) -> Any:
    """A copy whose tensors that require gradients are leaves; ``cut`` gets the pairs."""
    if isinstance(part, Tensor):
        if not part.requires_grad:
            return part
        return cut.setdefault(id(part), (part, part.detach().requires_grad_()))[1]
    if isinstance(part, Mapping):
        made = {key: _opened(value, cut) for key, value in part.items()}
        return made if any(made[key] is not value for key, value in part.items()) else part
    if is_dataclass(part) and not isinstance(part, type):
        old = {f.name: getattr(part, f.name) for f in fields(part) if f.init}
        new = {name: _opened(value, cut) for name, value in old.items()}
        changed = {name: value for name, value in new.items() if value is not old[name]}
        return replace(part, **changed) if changed else part
    return part
