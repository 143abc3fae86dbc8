"""Time grids as objects: how a number of steps is laid over the path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided


class Grid(Protocol):
    """Lays ``steps`` steps from ``start`` to ``end``."""

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """``steps + 1`` times, float64 on the CPU, strictly monotone."""
        ...


@dataclass(frozen=True)
class UniformGrid:
    """Equal steps in t."""

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """``start + (end − start) i / steps``, with exact ends."""
        check_steps(steps)
        return torch.linspace(start, end, steps + 1, dtype=torch.float64)


@dataclass(frozen=True)
class NoiseLevelGrid:
    """Equal steps in ``σ^(1/ρ)`` between two noise levels, then one step to t = 1.

    Args:
        sigma_max: the first level; the path's own start if it is lower.
        sigma_min: the last level above zero.
        rho: how strongly steps concentrate at low noise.

    Source: Karras et al. 2022, equation 5.
    """

    sigma_max: float = 80.0
    sigma_min: float = 0.002
    rho: float = 7.0

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """Times of the levels, none above that at ``start``; forward to t = 1.

        Raises:
            InputError: on a two-sided path, which has no noise level, or for another end.
        """
        check_steps(steps)
        if not isinstance(interpolant, OneSided) or end != 1.0:
            raise InputError(
                "noise-level grid: needs a path with one noise level and ends at t = 1"
            )
        first = interpolant.noise_level(torch.tensor(start, dtype=torch.float64)).clamp(
            max=self.sigma_max
        )
        ends = torch.stack((first, torch.tensor(self.sigma_min, dtype=torch.float64)))
        high, low = ends ** (1 / self.rho)
        levels = torch.lerp(high, low, torch.linspace(0, 1, steps, dtype=torch.float64))
        times = interpolant.time_at(levels**self.rho)
        return torch.cat((times, torch.ones(1, dtype=torch.float64)))


def check_steps(steps: int) -> None:
    """Raise unless the number of steps is a positive integer."""
    if steps < 1:
        raise InputError(f"steps: expected a whole number >= 1, got {steps}")
