"""Long recordings in pieces: overlapping chunks of one length, and joining them without seams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
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

    A recording comes in blocks ``(channels, m)`` of any lengths, and only what the present chunks
    need is held.

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

    def cut(self, blocks: Iterable[Tensor], n: int, size: int) -> Iterator[tuple[int, Tensor]]:
        """Chunks, so many at a time.

        Args:
            blocks: the recording.
            n: its samples; after them there is silence.
            size: chunks at a time, fewer at the end.

        Yields:
            The number of the first chunk, and the chunks ``(channels, up to size, length)``.
        """
        source, total = iter(blocks), self.count(n)
        held = next(source)
        for first in range(0, total, size):
            many = min(size, total - first)
            needed = (many - 1) * self.hop + self.length
            parts, have = [held], held.shape[1]
            while have < needed and (block := next(source, None)) is not None:
                parts.append(block)
                have += block.shape[1]
            held = F.pad(torch.cat(parts, 1), (0, max(0, needed - have)))
            yield first, held[:, :needed].unfold(1, self.length, self.hop)
            held = held[:, many * self.hop :].clone()  # a view would keep the whole of it

    def join(self, pieces: Iterable[tuple[int, Tensor]], n: int) -> Iterator[Tensor]:
        """The recording again, in blocks ``(channels, m)`` of n samples in all.

        Args:
            pieces: the chunks in order, as `cut` gives them.
            n: samples of the recording.
        """
        total, start = self.count(n), 0
        tail: Tensor | None = None
        for first, batch in pieces:
            many = batch.shape[1]
            sums = batch.new_zeros(batch.shape[0], (many - 1) * self.hop + self.length)
            if tail is not None:
                sums[:, : self.overlap] = tail
            for place in range(many):
                number = first + place
                weight = self.weight(number == 0, number == total - 1).to(batch)
                sums[:, place * self.hop :][:, : self.length] += weight * batch[:, place]
            ready, tail = sums[:, : many * self.hop], sums[:, many * self.hop :]
            if first + many == total:
                ready = sums
            yield ready[:, : n - start]
            start += ready.shape[1]

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
