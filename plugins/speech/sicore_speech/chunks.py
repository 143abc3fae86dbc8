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
    """Chunk k covers the samples from ``k · (length − overlap)`` on; the last one ends at the end.

    It begins earlier for that (its beginning is not used), since a network is not used to chunks
    that end in silence. Only a recording that is shorter than a chunk is followed by silence.

    Where two chunks overlap, the first quarter of the overlap is the earlier one's alone and the
    last quarter the later one's, since a network knows least at the ends of a chunk; between
    them one fades into the other by a raised cosine. The weights of all chunks sum to 1.

    A recording comes in blocks ``(channels, m)`` of any lengths, and only what the present chunks
    need is held.

    Args:
        length: samples of a chunk.
        overlap: samples that a chunk shares with the next one, at most half of the length.
        step: the last chunk begins at a multiple of it, and up to ``step − 1`` samples of silence
            follow; for frames that are those of the whole recording.

    Raises:
        InputError: for an overlap that is longer, or negative.
    """

    length: int
    overlap: int
    step: int = 1

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

    def early(self, n: int) -> int:
        """By how many samples the last chunk of n samples begins earlier than the others would."""
        regular = (self.count(n) - 1) * self.hop
        return regular - min(regular, max(0, math.ceil((n - self.length) / self.step)) * self.step)

    def cut(self, blocks: Iterable[Tensor], n: int, size: int) -> Iterator[tuple[int, Tensor]]:
        """Chunks, so many at a time.

        Args:
            blocks: the recording.
            n: its samples.
            size: chunks at a time, fewer at the end.

        Yields:
            The number of the first chunk, and the chunks ``(channels, up to size, length)``.
        """
        source, total, past = iter(blocks), self.count(n), 0
        held = next(source)
        for first in range(0, total, size):
            many = min(size, total - first)
            stop = past + (many - 1) * self.hop + self.length
            parts, have = [held], held.shape[1]
            while have < stop and (block := next(source, None)) is not None:
                parts.append(block)
                have += block.shape[1]
            held = F.pad(torch.cat(parts, 1), (0, max(0, stop - have)))
            chunks = held[:, past:stop].unfold(1, self.length, self.hop)
            if first + many == total:
                last = held[:, : stop - self.early(n)][:, -self.length :]
                chunks = torch.cat((chunks[:, :-1], last.unsqueeze(1)), 1)
            yield first, chunks
            keep = past + (many - 1) * self.hop  # one hop of the past, where the last may begin
            held, past = held[:, keep:].clone(), self.hop  # a view would keep the whole of it

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
                piece = batch[:, place]
                if number == total - 1:
                    piece = F.pad(piece[:, self.early(n) :], (0, self.early(n)))
                sums[:, place * self.hop :][:, : self.length] += weight * piece
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
