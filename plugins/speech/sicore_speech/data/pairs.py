"""Pairs of waveforms as states, and pairs that were recorded rather than mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_speech.data.bank import Bank
from sicore_speech.data.levels import active_level
from sicore_speech.data.mixing import ACTIVE, AUDIBLE, TRIES, generator
from sicore_speech.spectrogram import Spectrogram, loudest

Pair = tuple[np.ndarray, np.ndarray]
"""A clean and a noisy recording, float32 ``(n,)`` each."""


def paired_states(pairs: Sequence[Pair], spectrogram: Spectrogram) -> tuple[Tensor, Tensor]:
    """Clean and noisy states ``(B, 2, bins, frames)``, both over the peak of the noisy one."""
    clean, noisy = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    peak = loudest(noisy)
    clean_states, noisy_states = spectrogram.encode(torch.cat((clean / peak, noisy / peak))).chunk(
        2
    )
    return clean_states, noisy_states


@dataclass(frozen=True)
class RecordedPairs:
    """Cuts at the same place of two recordings of one thing.

    Args:
        clean: one clip for each recording.
        noisy: the same, of the same lengths.

    Raises:
        InputError: when the clips do not fit each other, or there are none.
    """

    clean: Bank
    noisy: Bank

    def __post_init__(self) -> None:
        if not len(self.clean) or not np.array_equal(self.clean.ends, self.noisy.ends):
            raise InputError(
                "pairs: expected as many samples in each noisy clip as in its clean one"
            )

    def draw(self, n: int, seed: int, number: int) -> Pair:
        """Pair ``number`` of a seed; a shorter recording is followed by silence.

        Recordings are drawn in proportion to their length, and cut where somebody speaks.
        """
        rng = generator(seed, number)
        lengths = np.diff(self.clean.ends, prepend=0).astype(np.float64)
        best, most = (0, 0), -1.0
        for _ in range(TRIES):
            clip = int(rng.choice(len(lengths), p=lengths / lengths.sum()))
            start = int(rng.integers(max(1, int(lengths[clip]) - n + 1)))
            level, share = active_level(_cut(self.clean, clip, start, n))
            found = share if level > AUDIBLE else 0.0
            if found > most:
                best, most = (clip, start), found
            if most >= ACTIVE:
                break
        return _cut(self.clean, *best, n), _cut(self.noisy, *best, n)


def _cut(bank: Bank, clip: int, start: int, n: int) -> np.ndarray:
    cut = bank.clip(clip)[start : start + n].astype(np.float32) / 32768
    return np.pad(cut, (0, n - len(cut)))
