"""Conjugate gradients for a batch of symmetric positive systems, each on its own.

Source: Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sicore.states import expand


def conjugate_gradient(
    apply: Callable[[Tensor], Tensor],
    y: Tensor,
    tolerance: float | None = None,
    iterations: int = 500,
) -> Tensor:
    """Solve ``H x = y`` for every sample.

    A sample stops when its residual has fallen by ``tolerance``, or when H turns out not to be
    positive along its direction; it is then left alone, so that its answer does not depend on the
    others in the batch.

    Args:
        apply: ``H``, symmetric and positive semi-definite; y must lie in its range.
        y: ``(B, ...)``.
        tolerance: relative; by default 10 ε of the dtype.
        iterations: at most so many.
    """
    limit = 10 * torch.finfo(y.dtype).eps if tolerance is None else tolerance
    x, residual, direction = torch.zeros_like(y), y, y
    square = _dot(residual, residual)
    goal = limit**2 * square
    running = square > goal
    for _ in range(iterations):
        if not bool(running.any()):
            break
        image = apply(direction)
        curvature = _dot(direction, image)
        running = running & (curvature > 0)
        alpha = torch.where(running, square / torch.where(running, curvature, 1), 0)
        x = x + expand(alpha, y) * direction
        residual = residual - expand(alpha, y) * image
        fresh = _dot(residual, residual)
        beta = torch.where(running, fresh / torch.where(running, square, 1), 0)
        direction = residual + expand(beta, y) * direction
        square = fresh
        running = running & (square > goal)
    return x


def _dot(u: Tensor, v: Tensor) -> Tensor:
    return (u * v).flatten(1).sum(1)
