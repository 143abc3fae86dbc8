"""Levels of waveforms: of the whole, of its active parts, of its background."""

from __future__ import annotations

import numpy as np

FRAME = 320  # samples, 20 ms
RANGE = 1e-4  # active frames have this share of the loudest one's power, or more: −40 dB


def rms(wave: np.ndarray) -> float:
    """``√(mean x²)``."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0


def frame_powers(wave: np.ndarray) -> np.ndarray:
    """The mean power of each frame of 20 ms; what is left over at the end does not count."""
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    return np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / FRAME


def active_level(wave: np.ndarray) -> tuple[float, float]:
    """The RMS over the active frames, and their share of all.

    A frame is active when its power is within 40 dB of the loudest one's: the level of speech does
    not depend on how long the speaker pauses.
    """
    powers = frame_powers(wave)
    if not len(powers) or powers.max() == 0:
        return 0.0, 0.0
    active = powers >= RANGE * powers.max()
    return float(np.sqrt(powers[active].mean())), float(active.mean())


def background(wave: np.ndarray) -> float:
    """The level of the quietest tenth of the frames relative to the active ones, in dB."""
    level, _ = active_level(wave)
    powers = frame_powers(wave)
    if level == 0:
        return 0.0
    floor = float(np.quantile(powers, 0.1))
    return float(10 * np.log10(max(floor, 1e-12) / level**2))


def clipped(wave: np.ndarray) -> bool:
    """Whether one sample in 2,000 or more is at the largest value."""
    peak = float(np.abs(wave).max(initial=0.0))
    return peak > 0.98 and float(np.mean(np.abs(wave) >= 0.995 * peak)) > 5e-4
