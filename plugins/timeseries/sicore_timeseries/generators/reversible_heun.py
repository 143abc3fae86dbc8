r"""Reversible Heun for ``dZ = V(Z) dX``: a step that can be taken back exactly.

X is any driving path: ``(t, W)`` of a Stratonovich SDE, whose V is drift and diffusion side by
side, or the control of a neural CDE. The core's solver of this name takes additive noise only. The
state z travels with a second one, ẑ, at which V is evaluated; with ``V_n = V(ẑ_n)``,

``ẑ_{n+1} = 2 z_n − ẑ_n + V_n ΔX_n``,  ``z_{n+1} = z_n + ½ (V_n + V_{n+1}) ΔX_n``,  ``ẑ_0 = z_0``,

at one evaluation a step, and the same to go back. Order 2 for smooth X; for Brownian motion strong
order ½, and 1 if the noise is additive.

Gradients by reconstruction keep only the end and undo the steps one by one, so that memory does not
grow with their number. With a, â, A the gradients of z, ẑ, V, and ``a_n`` first raised by that of
a result at n,

``A_n += ½ a_n ΔX_{n−1}ᵀ``,  ``â_n += (∂V_n/∂ẑ_n)ᵀ A_n``,
``a_{n−1} = a_n + 2 â_n``,  ``â_{n−1} = −â_n``,  ``A_{n−1} = (½ a_n + â_n) ΔX_{n−1}ᵀ``.

They are those of the solver's own result, as far as the way back meets the same numbers: where V
contracts strongly over many steps, rounding grows on it.

Source: Kidger, Foster, Li and Lyons, "Efficient and accurate gradients for neural SDEs", 2021,
algorithms 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.solvers.dependencies import attached, pulled_back

Field = Callable[[int, Tensor], Tensor]
"""``V(n, z)``: the matrices ``(B, H, K)`` of states ``(B, H)`` at moment n of the grid."""


class Pair(NamedTuple):
    """What travels.

    Args:
        z: the state, ``(B, H)``.
        ahead: ẑ, the second one.
        value: ``V(ẑ)``, ``(B, H, K)``.
    """

    z: Tensor
    ahead: Tensor
    value: Tensor


def begin(field: Field, z: Tensor) -> Pair:
    """At moment 0."""
    return Pair(z, z, field(0, z))


def step(field: Field, n: int, at: Pair, dx: Tensor) -> Pair:
    """From moment n to n + 1, along an increment ``(B, K)`` of the driving path."""
    ahead = 2 * at.z - at.ahead + _applied(at.value, dx)
    value = field(n + 1, ahead)
    return Pair(at.z + _applied(at.value + value, dx) / 2, ahead, value)


def reverse(field: Field, n: int, at: Pair, dx: Tensor) -> Pair:
    """From moment n + 1 back to n: undoes `step` with the same increment."""
    ahead = 2 * at.z - at.ahead - _applied(at.value, dx)
    value = field(n, ahead)
    return Pair(at.z - _applied(at.value + value, dx) / 2, ahead, value)


def solve(
    field: Field,
    z: Tensor,
    increments: Tensor,
    keep: Sequence[int],
    depends: Iterable[Tensor] | None = None,
) -> Tensor:
    """The states at chosen moments, ``(B, M, H)``.

    Args:
        field: V.
        z: the first state, ``(B, H)``.
        increments: of the driving path, ``(N, B, K)``.
        keep: the moments, rising, from 0 to N.
        depends: what gets gradients beside z and the increments: all tensors that the field
            depends on. They are then found by reconstruction; if it is None, by autograd through
            all steps.
    """
    if depends is None:
        return torch.stack(_path(field, z, increments, keep)[0], 1)
    with torch.no_grad():
        states, end = _path(field, z, increments, keep)
    inputs = [z, increments, *(tensor for tensor in depends if tensor.requires_grad)]
    free = [tensor.detach() for tensor in inputs[:2]]

    def pull(cotangents: list[Tensor]) -> list[Tensor]:
        given = dict(zip(keep, cotangents[0].unbind(1), strict=True))
        return _pulled(field, end, free[1], given, inputs[2:])

    return attached([torch.stack(states, 1)], inputs, pull)[0]


def _path(
    field: Field, z: Tensor, increments: Tensor, keep: Sequence[int]
) -> tuple[list[Tensor], Pair]:
    """The states that are kept, and the end."""
    at, wanted = begin(field, z), set(keep)
    states = [z] if 0 in wanted else []
    for n, dx in enumerate(increments.unbind(0)):
        at = step(field, n, at, dx)
        if n + 1 in wanted:
            states.append(at.z)
    return states, at


def _pulled(
    field: Field, end: Pair, increments: Tensor, given: dict[int, Tensor], depends: list[Tensor]
) -> list[Tensor]:
    """The gradients of the first state, of the increments, and of what the field depends on."""
    moments = len(increments)
    z, leaf, value = _evaluated(field, moments, end.z, end.ahead)
    a, b, weight = torch.zeros_like(z), torch.zeros_like(z), torch.zeros_like(value)
    totals = [torch.zeros_like(tensor) for tensor in depends]
    driven = torch.zeros_like(increments)
    for n in range(moments, 0, -1):
        dx = increments[n - 1]
        a = a + given.get(n, 0.0)
        weight = weight + _outer(a / 2, dx)
        own, *others = pulled_back([value], [leaf, *depends], [weight])
        b, totals = b + own, [s + o for s, o in zip(totals, others, strict=True)]
        after = value.detach()
        ahead = 2 * z - leaf.detach() - _applied(after, dx)
        _, leaf, value = _evaluated(field, n - 1, z, ahead)
        before = value.detach()
        z = z - _applied(before + after, dx) / 2
        driven[n - 1] = _transposed(after, a / 2) + _transposed(before, a / 2 + b)
        weight = _outer(a / 2 + b, dx)
        a, b = a + 2 * b, -b
    own, *others = pulled_back([value], [leaf, *depends], [weight])
    totals = [s + o for s, o in zip(totals, others, strict=True)]
    return [a + given.get(0, 0.0) + b + own, driven, *totals]


def _evaluated(field: Field, n: int, z: Tensor, ahead: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """z, ẑ as a leaf, and V there, with its graph."""
    with torch.enable_grad():
        leaf = ahead.detach().requires_grad_()
        return z, leaf, field(n, leaf)


def _applied(value: Tensor, dx: Tensor) -> Tensor:
    return (value @ dx.unsqueeze(-1)).squeeze(-1)


def _transposed(value: Tensor, a: Tensor) -> Tensor:
    return (a.unsqueeze(-2) @ value).squeeze(-2)


def _outer(a: Tensor, dx: Tensor) -> Tensor:
    return a.unsqueeze(-1) * dx.unsqueeze(-2)
