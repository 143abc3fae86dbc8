"""Sound files as clips of a bank: one channel, 16 kHz, 16 bits."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from sicore.errors import InputError
from sicore_speech.audio import read_audio
from sicore_speech.recording import SUFFIXES
from sicore_speech.spectrogram import RATE


def sound_files(folder: Path) -> list[Path]:
    """The sound files of a folder and its sub-folders, in order."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def read_clip(path: Path) -> np.ndarray | None:
    """The channels' mean, int16 ``(n,)``; None, with a warning, for what cannot be read."""
    try:
        return quantised(read_audio(path).resampled(RATE).samples.mean(0))
    except InputError as error:
        warnings.warn(f"left out: {error}", stacklevel=2)
        return None


def quantised(wave: np.ndarray) -> np.ndarray:
    """Floats with full scale at 1 as int16; what is above it is clipped."""
    return np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)
