"""Noises that are made rather than cut: coloured noise, babble, typing; and cutting itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sicore_speech.data.bank import Bank
from sicore_speech.data.levels import active_level
from sicore_speech.spectrogram import RATE

STROKES = 6.0  # of typing, for each second


def crop(stream: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Cut n samples from anywhere in an int16 stream, as float32; a shorter one is repeated."""
    start = int(rng.integers(len(stream)))
    if start + n <= len(stream):
        cut = stream[start : start + n]
    else:
        cut = np.take(stream, np.arange(start, start + n), mode="wrap")
    return cut.astype(np.float32) / 32768


def coloured(n: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose power falls as ``f^−exponent`` above 30 Hz: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    spectrum *= np.maximum(frequency, 30.0) ** (-exponent / 2)
    spectrum[frequency < 30] = 0
    wave = np.fft.irfft(spectrum, n)
    return np.asarray(0.1 * wave / wave.std(), np.float32)


def babble(banks: Sequence[Bank], n: int, talkers: int, rng: np.random.Generator) -> np.ndarray:
    """So many voices at once, each at the same active level."""
    total = np.zeros(n, np.float32)
    for _ in range(talkers):
        voice = crop(banks[int(rng.integers(len(banks)))].samples, n, rng)
        level, _ = active_level(voice)
        total += voice * np.float32(0.1 / max(level, 1e-4))
    return total


def typing(keys: Bank, n: int, rng: np.random.Generator) -> np.ndarray:
    """Key strokes at random times, `STROKES` each second on average."""
    total = np.zeros(n, np.float32)
    for start in rng.integers(n, size=max(1, rng.poisson(STROKES * n / RATE))):
        stroke = keys.clip(int(rng.integers(len(keys))))[: n - start].astype(np.float32) / 32768
        total[start : start + len(stroke)] += stroke
    return total
