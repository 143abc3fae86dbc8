"""Pairs of nodes as a list: each pair i < j once, so that nothing symmetric is computed twice."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class Pairs(NamedTuple):
    """The P = N(N − 1)/2 pairs i < j of N nodes, row by row of the upper triangle.

    Args:
        first: i of each pair, int64 ``(P,)``.
        second: j of each pair, int64 ``(P,)``.
        place: where the pair {i, j} is in the list, int64 ``(N · N,)``; P on the diagonal.
    """

    first: Tensor
    second: Tensor
    place: Tensor

    def listed(self, square: Tensor) -> Tensor:
        """``(B, N, N, ...)`` as a list ``(P, B, ...)``: the upper triangle."""
        return square[:, self.first, self.second].transpose(0, 1)

    def square(self, listed: Tensor, diagonal: Tensor) -> Tensor:
        """A list ``(P, B, ...)`` as ``(N, N, B, ...)``; ``diagonal`` ``(1, B, ...)`` for i = j."""
        n = round(len(self.place) ** 0.5)
        full = torch.cat([listed, diagonal.to(listed)])
        return full.index_select(0, self.place).unflatten(0, (n, n))


@lru_cache(maxsize=64)
def pairs_of(n: int, device: torch.device) -> Pairs:
    """The pairs of n nodes; kept, since every call of a network needs them."""
    with torch.inference_mode(False):  # so that they can take part in training, too
        first, second = torch.triu_indices(n, n, 1, device=device)
        place = torch.full((n, n), len(first), device=device)
        place[first, second] = place[second, first] = torch.arange(len(first), device=device)
        return Pairs(first, second, place.flatten())
