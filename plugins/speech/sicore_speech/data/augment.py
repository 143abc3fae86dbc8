"""More voices from few speakers: other speeds, other microphones."""

from __future__ import annotations

import numpy as np
import soxr

from sicore_speech.spectrogram import RATE

BANDS = np.geomspace(60, RATE / 2, 6)


def respeed(wave: np.ndarray, factor: float) -> np.ndarray:
    """The recording played ``factor`` times as fast: pitch and formants move with it."""
    return np.asarray(soxr.resample(wave, RATE * factor, RATE, quality="MQ"), np.float32)


def equalise(wave: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random frequency response, within ±``decibels``, without delay."""
    gains = rng.uniform(-decibels, decibels, len(BANDS))
    frequency = np.fft.rfftfreq(len(wave), 1 / RATE)
    curve = np.interp(np.log(np.maximum(frequency, 1.0)), np.log(BANDS), gains)
    return np.fft.irfft(np.fft.rfft(wave) * 10 ** (curve / 20), len(wave)).astype(np.float32)
