"""Long recordings in pieces: overlapping chunks of one length, and joining them without seams."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sicore.errors import InputError


@dataclass(frozen=True)
class Chunks:
    """Chunk k covers the samples from ``k · (length − overlap)`` on.

    Where two chunks overlap, the first quarter of the overlap is the earlier one's alone and the
    last quarter the later one's, since a network knows least at the ends of a chunk; between
    them one fades into the other by a raised cosine. The weights of all chunks sum to 1.

    Args:
        length: samples of a chunk.
        overlap: samples that a chunk shares with the next one, at most half of the length.

    Raises:
        InputError: for an overlap that is longer, or negative.
    """

    length: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap <= self.length // 2:
            raise InputError(
                f"overlap: expected 0 to {self.length // 2} samples, half of a chunk, "
                f"got {self.overlap}"
            )

    @property
    def hop(self) -> int:
        """Samples between the starts of two chunks."""
        return self.length - self.overlap

    def count(self, n: int) -> int:
        """How many chunks cover n samples."""
        return 1 + max(0, math.ceil((n - self.length) / self.hop))

    def cut(self, waveform: Tensor, first: int, last: int) -> Tensor:
        """Chunks ``first`` to ``last − 1`` of ``(n,)`` samples; after the end there is silence."""
        start, stop = first * self.hop, (last - 1) * self.hop + self.length
        part = waveform[start:stop]
        return F.pad(part, (0, stop - start - len(part))).unfold(0, self.length, self.hop)

    def batches(self, n: int, size: int) -> Iterator[tuple[int, int]]:
        """The first and the last chunk of each batch of so many."""
        total = self.count(n)
        return ((first, min(first + size, total)) for first in range(0, total, size))

    def add(self, target: Tensor, pieces: Tensor, first: int) -> None:
        """Add weighted chunks from number ``first`` on to ``(n,)`` samples, in place."""
        total = self.count(len(target))
        for number, piece in enumerate(pieces, first):
            start = number * self.hop
            stop = min(start + self.length, len(target))
            weight = self.weight(number == 0, number == total - 1).to(piece)
            target[start:stop] += (weight * piece)[: stop - start]

    def weight(self, first: bool, last: bool) -> Tensor:
        """The weight of each sample of a chunk, ``(length,)``; no fade at the recording's ends."""
        weight = torch.ones(self.length)
        if self.overlap == 0:
            return weight
        place = (torch.arange(self.overlap) + 0.5) / self.overlap
        rise = torch.sin(0.5 * math.pi * (2 * place - 0.5).clamp(0, 1)).square()
        if not first:
            weight[: self.overlap] = rise
        if not last:
            weight[-self.overlap :] = 1 - rise
        return weight
