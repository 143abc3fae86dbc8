"""Short-time spectra of recordings, block by block, for pictures of a bounded width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from sicore_speech.recording import Recording
from sicore_speech.spectrogram import RATE

SIZE, HOP = 512, 128
BINS = SIZE // 2 + 1
COLUMNS = 720


def powers(recording: Recording) -> Iterator[np.ndarray]:
    """Powers ``|STFT|²``, ``(bins, k)`` for the next k frames, summed over the channels.

    The recording is taken at 16 kHz; frame j is centred on sample ``128 j``, and silence lies
    before and after. A full-scale sine has power 1.
    """
    window = np.hanning(SIZE + 1)[:-1].astype(np.float32)
    scale = 2 / window.sum()
    for part in _frames(recording.blocks(RATE), recording.length(RATE), recording.channels):
        spectrum = np.fft.rfft(part * window, axis=-1)
        yield np.square(scale * np.abs(spectrum)).sum(0).T


def frames(recording: Recording) -> int:
    """How many frames `powers` gives."""
    return recording.length(RATE) // HOP + 1


def _frames(blocks: Iterable[np.ndarray], n: int, channels: int) -> Iterator[np.ndarray]:
    """Frames ``(channels, k, size)``."""
    edge = np.zeros((channels, SIZE // 2), np.float32)
    held, rest = edge, n // HOP + 1
    for block in chain(blocks, [edge]):
        held = np.concatenate((held, block), 1)
        count = min(rest, (held.shape[1] - SIZE) // HOP + 1)
        if count > 0:
            cut = np.lib.stride_tricks.sliding_window_view(held, SIZE, axis=1)
            yield cut[:, : count * HOP : HOP]
            held, rest = held[:, count * HOP :], rest - count


def pooled(parts: Iterable[np.ndarray], total: int, columns: int = COLUMNS) -> np.ndarray:
    """The mean over the frames of each column, ``(bins, columns)``; no more columns than frames."""
    columns = min(columns, total)
    sums, counts, start = np.zeros((BINS, columns)), np.zeros(columns), 0
    for part in parts:
        column = (start + np.arange(part.shape[1])) * columns // total
        np.add.at(sums.T, column, part.T)
        np.add.at(counts, column, 1)
        start += part.shape[1]
    return sums / counts


def decibels(power: np.ndarray, floor: float) -> np.ndarray:
    """``10 log10`` of the power, or of the floor where it is less."""
    return 10 * np.log10(np.maximum(power, floor))
