"""Perceptrons as coefficients of neural SDEs and CDEs, the grid they are solved on, and its noise.

Source: Kidger, Foster, Li and Lyons, "Efficient and accurate gradients for neural SDEs", 2021,
section 5 (LipSwish, and clipping in place of a gradient penalty).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sicore.states import Noise


class LipSwish(nn.Module):
    """``0.909 x sigmoid(x)``: smooth, with Lipschitz constant 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return 0.909 * nn.functional.silu(x)


def perceptron(inputs: int, width: int, outputs: int, *last: nn.Module) -> nn.Sequential:
    """Two hidden layers with LipSwish, and whatever comes last."""
    return nn.Sequential(
        nn.Linear(inputs, width),
        LipSwish(),
        nn.Linear(width, width),
        LipSwish(),
        nn.Linear(width, outputs),
        *last,
    )


@torch.no_grad()
def clip_weights(network: nn.Module) -> None:
    """Bound each weight of a linear map of b inputs by 1/b, in place.

    The map then has a Lipschitz constant of at most 1 in the maximum norm; biases are free.
    """
    for part in network.modules():
        if isinstance(part, nn.Linear):
            bound = 1 / part.in_features
            part.weight.clamp_(-bound, bound)


@dataclass(frozen=True)
class Grid:
    """The moments of a solution: 0, those of each window, and equal steps between them.

    Args:
        times: ``(B, N + 1)``, rising or, where a window begins at 0, equal at first.
        substeps: steps from one moment of a window to its next.
    """

    times: Tensor
    substeps: int

    @classmethod
    def of(cls, moments: Tensor, count: int, substeps: int) -> Grid:
        """The grid of ``count`` windows with moments ``(T,)`` or ``(B, T)``."""
        stamps = moments.expand(count, moments.shape[-1])
        knots = torch.cat((torch.zeros_like(stamps[:, :1]), stamps), 1)
        return cls(between(knots.unsqueeze(-1), substeps).squeeze(-1), substeps)

    @property
    def keep(self) -> range:
        """Where the moments of the windows are."""
        return range(self.substeps, self.times.shape[1], self.substeps)

    def values(self, at_moments: Tensor) -> Tensor:
        """Values at the moments of the windows, ``(B, T, D)``, at all of the grid: lines between.

        Before a window's first moment its first value holds.
        """
        knots = torch.cat((at_moments[:, :1], at_moments), 1)
        return between(knots, self.substeps)

    def driving(self, noise: Noise, width: int) -> Tensor:
        """Increments of ``(t, W)``, with W of so many channels, ``(N, B, 1 + width)``."""
        steps = self.times.diff().unsqueeze(-1)
        normals = noise.named("brownian").normal((steps.shape[1], width), steps.dtype)
        return torch.cat((steps, steps.sqrt() * normals), -1).transpose(0, 1)


def between(knots: Tensor, substeps: int) -> Tensor:
    """Lines through knots ``(B, M, D)``, at ``(M − 1) substeps + 1`` points."""
    share = torch.arange(substeps, device=knots.device).to(knots) / substeps
    fine = knots[:, :-1, None] + share[:, None] * knots.diff(dim=1).unsqueeze(2)
    return torch.cat((fine.flatten(1, 2), knots[:, -1:]), 1)
