"""How a check fails: always with a sentence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sicore.states import State, leaves


def require(condition: bool, message: str) -> None:
    """Raise ``AssertionError(message)`` unless the condition holds (also under ``python -O``)."""
    if not condition:
        raise AssertionError(message)


def require_close(got: Any, expected: Any, message: str, *, tolerance: float = 0.0) -> None:
    """Compare states, or anything made of tensors, leaf by leaf; NaN is equal to NaN.

    Args:
        got: a tensor or a dictionary of tensors.
        expected: the same.
        message: what should have been equal.
        tolerance: the largest allowed absolute difference, for values of order 1.
    """
    a, b = _leaves(got), _leaves(expected)
    require(set(a) == set(b), f"{message}: leaves {sorted(a)} and {sorted(b)}")
    for name, leaf in a.items():
        other = b[name]
        shapes = f"shapes {tuple(leaf.shape)} and {tuple(other.shape)}"
        require(leaf.shape == other.shape, f"{message}: {shapes}")
        apart = (leaf.double() - other.double()).abs()
        apart[leaf.isnan() & other.isnan()] = 0
        distance = float(apart.max()) if leaf.numel() else 0.0
        where = f" in leaf '{name}'" if name else ""
        require(distance <= tolerance, f"{message}: they differ by {distance:.3g}{where}")


def require_state(x: Any, what: str) -> State:
    """A tensor or a dictionary of tensors, finite, with one batch size."""
    parts = _leaves(x)
    require(
        bool(parts) and all(isinstance(leaf, Tensor) for leaf in parts.values()),
        f"{what}: expected a tensor or a dictionary of tensors, got {type(x).__name__}",
    )
    require(len({len(leaf) for leaf in parts.values()}) == 1, f"{what}: batch sizes differ")
    for name, leaf in parts.items():
        finite = bool(torch.isfinite(leaf).all())
        require(finite, f"{what}: not finite" + (f" in leaf '{name}'" if name else ""))
    state: State = x
    return state


def _leaves(x: Any) -> dict[str, Tensor]:
    return leaves(x)
