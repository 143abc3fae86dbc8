"""Rooms: reverberation by responses that are drawn from a statistical model.

Source: Polack's model, a direct path and then Gaussian noise that decays exponentially: Habets,
"Single- and multi-microphone speech dereverberation using spectral enhancement", 2007, section 2.
"""

from __future__ import annotations

import numpy as np

from sicore.errors import InputError
from sicore_speech.spectrogram import RATE

EARLY = int(0.05 * RATE)  # samples; what arrives later blurs speech, what arrives before helps it


def room_response(rng: np.random.Generator) -> np.ndarray:
    """A response with the direct path at sample 0.

    The reverberation time is 0.15 to 0.7 s, and the direct path −3 to 12 dB above the rest.
    """
    reverberation, ratio = rng.uniform(0.15, 0.7), rng.uniform(-3.0, 12.0)
    n = int(reverberation * RATE)
    tail = rng.standard_normal(n) * 10.0 ** (-3 * np.arange(n) / n)
    tail[: int(rng.uniform(0.001, 0.01) * RATE)] = 0
    tail *= 10 ** (-ratio / 20) / np.linalg.norm(tail)
    tail[0] = 1.0
    return tail


def direct_path_first(response: np.ndarray) -> np.ndarray:
    """A recorded response from its largest sample on, which becomes 1.

    Raises:
        InputError: when it is silent.
    """
    peak = int(np.abs(response).argmax()) if len(response) else 0
    if not len(response) or response[peak] == 0:
        raise InputError("a room response has no direct path: it is silent")
    return np.asarray(response[peak:] / response[peak], np.float32)


def reverberate(wave: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The recording with the early part of a response alone, and with the whole: same length."""
    size = 1 << (len(wave) + len(response) - 1).bit_length()
    spectrum = np.fft.rfft(wave, size)
    parts = [
        np.fft.irfft(spectrum * np.fft.rfft(r, size), size) for r in (response[:EARLY], response)
    ]
    early, whole = (part[: len(wave)].astype(np.float32) for part in parts)
    return early, whole
