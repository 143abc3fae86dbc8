"""Conjugate gradients for a batch of symmetric positive systems, each on its own.

Source: Hestenes and Stiefel 1952.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def conjugate_gradient(
    apply: Callable[[Tensor], Tensor],
    y: Tensor,
    tolerance: float | None = None,
    iterations: int = 500,
) -> Tensor:
    """Solve ``H x = y`` for every sample.

    A sample stops when its residual has fallen by ``tolerance``, and is then left alone, so that
    its answer does not depend on the others in the batch.

    Args:
        apply: ``H``, symmetric and positive semi-definite; y must lie in its range.
        y: ``(B, ...)``.
        tolerance: relative; by default 10 ε of the dtype.
        iterations: at most so many.
    """
    limit = 10 * torch.finfo(y.dtype).eps if tolerance is None else tolerance
    x, residual, direction = torch.zeros_like(y), y, y
    square = _square(residual)
    goal = limit**2 * square
    for _ in range(iterations):
        active = square > goal
        if not bool(active.any()):
            break
        image = apply(direction)
        alpha = torch.where(active, square / _positive((direction * image).flatten(1).sum(1)), 0)
        x = x + _wide(alpha, y) * direction
        residual = residual - _wide(alpha, y) * image
        fresh = torch.where(active, _square(residual), square)
        beta = torch.where(active, fresh / _positive(square), 0)
        direction = torch.where(_wide(active, y), residual + _wide(beta, y) * direction, direction)
        square = fresh
    return x


def _square(v: Tensor) -> Tensor:
    return v.flatten(1).square().sum(1)


def _wide(v: Tensor, like: Tensor) -> Tensor:
    return v.reshape(-1, *(1,) * (like.ndim - 1))


def _positive(v: Tensor) -> Tensor:
    return torch.where(v == 0, 1, v)
