r"""A directed-chain SDE: each path is driven by noise and by another path of the same law.

``dX = V0(t, X, X̃) dt + V1(t, X, X̃) dB``,  ``X_0 = ζ(v)``,  X̃ independent of v and B,

in the Itô sense, by Euler steps; V0 and V1, bounded so that no path runs away and takes the next
ones with it, are such that the law of X is that of X̃. A real path as the neighbour X̃ gives a path
of the same law; this one, as the next neighbour, gives another. After q links all that is left of
the first neighbour is what the noise of q links has not washed out, so that the chain forgets where
it began: samples begin at the path that is 0, the mean of standardised windows, and walk ``links``
of them.

The loss is the distance of signatures (`signature_loss`) of real windows to the first link, whose
neighbours are other real windows, and to the second, whose neighbours are the paths of the first.
Missing entries of a neighbour are the last one seen.

Source: Min, Hu and Ichiba, "Directed chain generative adversarial networks", 2023: there the loss
is that of a neural CDE and of signatures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.generators.base import Generator, descend
from sicore_timeseries.generators.signature_loss import part_features, signature_distance
from sicore_timeseries.generators.vector_fields import Grid, perceptron
from sicore_timeseries.networks.control_paths import forward_filled

FASTEST = 10.0  # the bound of V0 that training begins with, in deviations a window

Coefficients = Callable[[Tensor, Tensor, Tensor], Tensor]
"""``[V0 | V1](t, x, x̃)``: of ``(B,)`` and twice ``(B, C)``, the matrices ``(B, C, 1 + W)``."""


def link(
    coefficients: Coefficients, x: Tensor, neighbours: Tensor, grid: Grid, increments: Tensor
) -> Tensor:
    """Paths at the moments of a grid, ``(B, T, C)``, by Euler steps beside their neighbours.

    Args:
        coefficients: V0 and V1.
        x: where they start, ``(B, C)``.
        neighbours: X̃ at the moments, ``(B, T, C)``; between them on lines.
        grid: the moments.
        increments: of ``(t, B)``, ``(N, B, 1 + W)``.
    """
    beside, path = grid.values(neighbours), []
    for n, dx in enumerate(increments.unbind(0)):
        v = coefficients(grid.times[:, n], x, beside[:, n])
        x = x + (v @ dx.unsqueeze(-1)).squeeze(-1)
        path.append(x)
    return torch.stack([path[k - 1] for k in grid.keep], 1)


class DirectedChain(Generator):
    """A directed chain of windows ``(B, T, C)`` at any rising times, of which any may be missing.

    Args:
        channels: C.
        width: units of the layers.
        initial: numbers of v.
        brownian: channels of B.
        links: how many a sample walks.
        depth: of the signatures; features grow as ``(C + 1)ᵐ``.
        substeps: Euler steps from a moment to the next.

    Raises:
        InputError: for numbers that are not above 0.
    """

    def __init__(
        self,
        channels: int,
        width: int = 128,
        initial: int = 8,
        brownian: int = 10,
        links: int = 8,
        depth: int = 3,
        substeps: int = 1,
    ) -> None:
        super().__init__()
        if min(width, initial, brownian, links, depth, substeps) <= 0:
            raise InputError("directed chain: expected widths, links, depth and substeps above 0")
        self.channels, self.width, self.initial, self.brownian = channels, width, initial, brownian
        self.links, self.depth, self.substeps = links, depth, substeps
        self.start = perceptron(initial, width, channels)
        self.field = perceptron(
            1 + 2 * channels,
            width,
            channels * (1 + brownian),
            nn.Tanh(),
            nn.Unflatten(1, (channels, 1 + brownian)),
        )
        scale = torch.zeros(channels, 1 + brownian)
        scale[:, 0] = math.log(FASTEST)
        self.log_scale = nn.Parameter(scale)

    def coefficients(self, t: Tensor, x: Tensor, neighbour: Tensor) -> Tensor:
        """``[V0 | V1]``, ``(B, C, 1 + W)``."""
        bounded = self.field(torch.cat((t.unsqueeze(-1), x, neighbour), -1))
        return self.log_scale.exp() * bounded

    def follow(self, neighbours: Tensor, times: Tensor, noise: Noise) -> Tensor:
        """The next link: a path beside each of the neighbours, ``(B, T, C)``.

        Args:
            neighbours: ``(B, T, C)``, without gaps.
            times: ``(T,)`` or ``(B, T)``.
            noise: the streams of this link.
        """
        grid = Grid.of(times, len(neighbours), self.substeps)
        x = self.start(noise.named("start").normal((self.initial,), times.dtype))
        increments = grid.driving(noise, self.brownian)
        return link(self.coefficients, x, neighbours, grid, increments)

    def walk(self, neighbours: Tensor, times: Tensor, noise: Noise, links: int) -> Tensor:
        """The path after so many links, ``(B, T, C)``; arguments as those of `follow`."""
        for k in range(links):
            neighbours = self.follow(neighbours, times, noise.named(f"link {k}"))
        return neighbours

    def update(
        self, optimizer: torch.optim.Optimizer, windows: Tensor, times: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """A step down the distance of two links; its figures are the loss and both."""
        distances = self.distances(windows, times, noise)
        loss = torch.stack(distances).mean()
        descend(loss, optimizer, self.parameters())
        first, second = (distance.detach() for distance in distances)
        return {"loss": loss.detach(), "first link": first, "second link": second}

    def distances(self, windows: Tensor, times: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Of the first and of the second link to real windows ``(B, T, C)``, B at least 4.

        The neighbours are one half of the windows and the distance is to the other, in turn, so
        that nothing is won by a copy. Made windows have the gaps of their neighbours.
        """
        stamps = times.expand(windows.shape[:2])
        seen = forward_filled(windows)
        first = self.follow(seen, times, noise.named("link 0"))
        second = self.follow(first.detach(), times, noise.named("link 1"))
        made = [forward_filled(torch.where(windows.isnan(), torch.nan, x)) for x in (first, second)]
        features = part_features(torch.cat((*made, seen)), stamps.repeat(3, 1), self.depth)
        one, two, real = zip(*(scale.tensor_split(3, 1) for scale in features), strict=True)
        return _crossed(one, real), _crossed(two, real)

    def generate(self, times: Tensor, noise: Noise) -> Tensor:
        """Windows ``(B, T, C)``, so many links after the path that is 0."""
        start = times.new_zeros(len(noise.index), times.shape[-1], self.channels)
        return self.walk(start, times, noise, self.links)


def _crossed(made: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """The mean of both halves' distances to the real windows of the other."""
    a, b = zip(*(scale.tensor_split(2, 1) for scale in made), strict=True)
    x, y = zip(*(scale.tensor_split(2, 1) for scale in real), strict=True)
    return (signature_distance(a, y) + signature_distance(b, x)) / 2
