"""Arithmetic on states: a tensor, or a dictionary of tensors that share their first axis.

A molecule is ``{"nodes": (B, N, F), "edges": (B, N, N, E)}``, a picture a tensor ``(B, C, H, W)``.
Everything above this room treats the two alike through the functions below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor

from sicore.errors import InputError

State: TypeAlias = Tensor | dict[str, Tensor]
Scalar: TypeAlias = float | Tensor | tuple[float, ...]
"""A coefficient: a number, one per sample ``(B,)``, or a row per leaf ``(L, 1)`` or ``(L, B)``, in
the sorted order of the leaves' names; a tuple is one number per leaf, in that order too."""


def tree_map(function: Callable[..., Any], first: State, *rest: State) -> Any:
    """Apply ``function`` leaf by leaf to states of the same structure."""
    if isinstance(first, Tensor):
        return function(first, *rest)
    others = cast("tuple[dict[str, Tensor], ...]", rest)
    return {name: function(leaf, *(o[name] for o in others)) for name, leaf in first.items()}


def leaves(x: State) -> dict[str, Tensor]:
    """The leaves by name; a plain tensor is the one leaf ``""``."""
    return {"": x} if isinstance(x, Tensor) else x


def expand(scalar: Any, leaf: Tensor) -> float | Tensor:
    """Shape a ``()`` or ``(B,)`` coefficient so that it multiplies a leaf ``(B, ...)``.

    A 0-d coefficient becomes a Python number (times of a grid live on the CPU, so this waits for
    no device) unless gradients flow through it; others get the leaf's dtype and device.
    """
    if not isinstance(scalar, Tensor):
        return float(scalar)
    if scalar.ndim == 0:
        return scalar if scalar.requires_grad else scalar.item()
    # Nothing waits for the device: unpinned memory is read before the call returns.
    shaped = scalar.to(leaf.device, leaf.dtype, non_blocking=leaf.is_cuda)
    return shaped.reshape(-1, *(1,) * (leaf.ndim - 1))


def by_leaf(c: Scalar, x: State) -> Any:
    """A coefficient in the structure of a state: what multiplies each leaf."""
    if isinstance(x, Tensor):
        return c
    if isinstance(c, tuple):
        return dict(zip(sorted(x), c, strict=True))
    if not isinstance(c, Tensor) or c.ndim < 2:
        return dict.fromkeys(x, c)
    if len(c) != len(x):
        raise InputError(f"a coefficient for {len(c)} leaves met a state of leaves {sorted(x)}")
    rows = {name: row[0] if len(row) == 1 else row for name, row in zip(sorted(x), c, strict=True)}
    return {name: rows[name] for name in x}


def scale(c: Scalar, x: State) -> State:
    """``c x``."""
    return cast("State", tree_map(lambda leaf, a: expand(a, leaf) * leaf, x, by_leaf(c, x)))


def add(x: State, y: State) -> State:
    """``x + y``."""
    return cast("State", tree_map(torch.add, x, y))


def combine(a: Scalar, x: State, b: Scalar, y: State) -> State:
    """``a x + b y`` in two tensor operations a leaf."""

    def leafwise(u: Tensor, v: Tensor, of_u: Scalar, of_v: Scalar) -> Tensor:
        weight = expand(of_v, v)
        if isinstance(weight, Tensor):
            return torch.addcmul(expand(of_u, u) * u, weight, v)
        return torch.add(expand(of_u, u) * u, v, alpha=weight)

    return cast("State", tree_map(leafwise, x, y, by_leaf(a, x), by_leaf(b, x)))


def weighted_sum(weights: Sequence[Scalar], states: Sequence[State]) -> State:
    """``Σ_k w_k y_k``, one tensor operation for each term.

    A term whose weight is the number 0 is left out, and may hold anything.

    Args:
        weights: one for each state.
        states: of one structure, at least one.
    """
    first = states[0]
    if first.__class__ is not dict:
        return _weighted_sum(weights, states)  # type: ignore[arg-type]
    trees = cast("Sequence[dict[str, Tensor]]", states)
    shares = [by_leaf(w, first) for w in weights]
    return {
        name: _weighted_sum([w[name] for w in shares], [tree[name] for tree in trees])
        for name in trees[0]
    }


def _weighted_sum(weights: Sequence[Any], parts: Sequence[Tensor]) -> Tensor:
    """One leaf; it runs at every network call, so plain numbers take the shortest way."""
    total: Tensor | None = None
    for weight, part in zip(weights, parts, strict=True):
        if weight.__class__ is not float:
            w = expand(weight, part)
            if total is None:
                total = w * part
            elif isinstance(w, Tensor) and w.ndim:
                total = torch.addcmul(total, w, part)
            else:
                total = total + w * part
        elif weight == 0:
            continue
        elif total is not None:
            total = torch.add(total, part, alpha=weight)
        else:
            total = part if weight == 1 else part * weight
    return torch.zeros_like(parts[0]) if total is None else total


def inner_by_leaf(x: State, y: State) -> Tensor:
    """Inner product of each sample in each leaf: ``(L, B)``, leaves sorted by name."""
    parts = leaves(tree_map(lambda u, v: (u * v).flatten(1).sum(1), x, y))
    return torch.stack([parts[name] for name in sorted(parts)])


def inner(x: State, y: State) -> Tensor:
    """Inner product of each sample, summed over all leaves: shape ``(B,)``."""
    parts = tree_map(lambda u, v: (u * v).flatten(1).sum(1), x, y)
    return cast("Tensor", sum(leaves(parts).values()))


def zeros_like(x: State) -> State:
    """A state of zeros of the same structure."""
    return cast("State", tree_map(torch.zeros_like, x))


def batch_size(x: State) -> int:
    """The length of the first axis."""
    return int(next(iter(leaves(x).values())).shape[0])


def size_per_sample(x: State) -> int:
    """The number of entries of one sample, over all leaves."""
    return sum(leaf[0].numel() for leaf in leaves(x).values())


def take(x: State, index: Tensor | slice) -> State:
    """The samples ``index`` of a batch."""
    return cast("State", tree_map(lambda leaf: leaf[index], x))


def concatenate(batches: list[State]) -> State:
    """Join batches along the first axis."""
    first, *rest = batches
    return cast("State", tree_map(lambda *leaf: torch.cat(leaf), first, *rest))


def repeat(x: State, n: int) -> State:
    """Each sample ``n`` times in a row: ``(B, ...) -> (B n, ...)``."""
    return cast("State", tree_map(lambda leaf: leaf.repeat_interleave(n, 0), x))


def to(
    x: State, device: torch.device | str | None = None, dtype: torch.dtype | None = None
) -> State:
    """Move a state, as ``Tensor.to``."""
    return cast("State", tree_map(lambda leaf: leaf.to(device=device, dtype=dtype), x))
