r"""A time grid made for one model, one solver and one number of steps.

The inner times are moved so that the solver's ends come close to those of a fine solve from the
same starts: Levenberg and Marquardt's method on the logarithms of the steps (on a clock that is
finite at both ends), with derivatives by finite differences, so that it takes any solver and any
network, and needs no gradient of either. What is minimised is the mean over samples of the distance
``‖x − x*‖`` rather than of its square: a few starts end elsewhere whatever the grid, and shall not
decide. That is done by weights ``1/‖x − x*‖`` in each least-squares step.

Sources, for the idea: Sabour, Fidler and Kreis, "Align your steps", 2024; Shaul et al., "Bespoke
non-stationary solvers", 2024; for the method, Marquardt 1963.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import State, leaves

Ends = Callable[[Tensor], State]
ITERATIONS, ATTEMPTS = 12, 6


@dataclass(frozen=True)
class TunedGrid:
    """The result of a tuning.

    Attributes:
        times: float64 ``(N + 1,)``.
        error: the mean distance of its ends from those of the fine solve.
        initial: that of the grid it began with.
    """

    times: Tensor
    error: float
    initial: float


def tune_grid(
    ends: Ends,
    reference: State,
    times: Tensor,
    *,
    iterations: int = ITERATIONS,
) -> TunedGrid:
    """Move the inner times of a grid.

    Args:
        ends: solves on a grid, always from the same starts with the same noise.
        reference: where a fine solve from these starts ends, ``(B, ...)``.
        times: the grid to begin with, float64 ``(N + 1,)``; its ends stay.
        iterations: at most so many least-squares steps.

    Raises:
        InputError: if the grid has no inner time, or its ends are not finite states.
    """
    if len(times) < 3:
        raise InputError("tune-grid: a grid of one step has no time that could be moved")
    target = _flat(reference)

    def gaps(shares: Tensor) -> Tensor:
        return _flat(ends(_grid(shares, times))) - target

    shares = times.diff().abs().log()
    gap = gaps(shares)
    error = initial = _mean_size(gap)
    if not error < float("inf"):
        raise InputError("tune-grid: the solver's ends on the first grid are not finite")
    damping = 1e-2
    for _ in range(iterations):
        normal, right = _normal_equations(gaps, shares, gap)
        before = error
        for _ in range(ATTEMPTS):
            scaled = normal + damping * torch.diag(normal.diagonal() + 1e-12 * normal.trace())
            step = -torch.linalg.solve(scaled, right).clamp(-1.0, 1.0)
            moved = shares.clone()
            moved[:-1] += step
            tried = gaps(moved)
            if (distance := _mean_size(tried)) < error:
                shares, gap, error, damping = moved, tried, distance, damping / 5
                break
            damping *= 5
        if before - error < 1e-3 * before:
            break
    return TunedGrid(_grid(shares, times), error, initial)


def most_solves(steps: int) -> int:
    """How often a tuning of so many steps solves at most."""
    return 1 + ITERATIONS * (steps - 1 + ATTEMPTS)


def _normal_equations(
    gaps: Callable[[Tensor], Tensor], shares: Tensor, gap: Tensor
) -> tuple[Tensor, Tensor]:
    """``Jᵀ W J`` and ``Jᵀ W r``; the last step follows from the others, since the ends stay."""
    width = 1e-2
    columns = []
    for i in range(len(shares) - 1):
        moved = shares.clone()
        moved[i] += width
        columns.append((gaps(moved) - gap) / width)
    jacobian = torch.stack(columns)
    size = gap.square().mean(1).sqrt()
    weight = 1 / (size + 1e-3 * size.mean()).unsqueeze(-1)
    flat = (jacobian * weight).flatten(1)
    return flat @ jacobian.flatten(1).T, flat @ gap.flatten()


def _grid(shares: Tensor, times: Tensor) -> Tensor:
    """Times whose steps are in these proportions (logarithms); exact ends."""
    inner = torch.softmax(shares, 0).cumsum(0)[:-1]
    return torch.cat((times[:1], torch.lerp(times[0], times[-1], inner), times[-1:]))


def _flat(x: State) -> Tensor:
    return torch.cat([leaf.double().flatten(1).cpu() for leaf in leaves(x).values()], 1)


def _mean_size(gap: Tensor) -> float:
    return float(gap.square().mean(1).sqrt().mean())


def distance(x: State, y: State) -> float:
    """The mean over samples of the root mean square of ``x − y`` over the entries of a state."""
    return _mean_size(_flat(x) - _flat(y))
