"""Sounds that fit into memory: reading, writing, and the change of the sample rate."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sicore_speech.recording import check_suffix, open_recording, write_recording


@dataclass(frozen=True)
class Sound:
    """A recording.

    Args:
        samples: float32 ``(channels, n)``, full scale at 1.
        rate: samples per second.
    """

    samples: np.ndarray
    rate: int

    def resampled(self, rate: int) -> Sound:
        """The same sound at another rate, band-limited to the lower one."""
        if rate == self.rate:
            return self
        return Sound(np.atleast_2d(soxr.resample(self.samples.T, self.rate, rate).T), rate)


def read_audio(path: Path) -> Sound:
    """Read a sound file.

    Raises:
        InputError: when it is missing, empty, no sound, or has values that are not finite.
    """
    recording = open_recording(path)
    return Sound(np.concatenate(list(recording.blocks()), 1), recording.rate)


def write_audio(path: Path, samples: np.ndarray, rate: int) -> Path:
    """Write ``(channels, n)`` floats, whole or not at all; the name's ending is the format.

    Raises:
        InputError: for an unknown ending, a format that has no such rate or number of channels, or
            a folder that cannot be written into.
    """
    check_suffix(path)
    write_recording(path, [samples], rate, len(samples))
    return path


def flac_bytes(samples: np.ndarray, rate: int) -> bytes:
    """``(channels, n)`` floats as a FLAC file in memory, scaled down if it would clip."""
    file = io.BytesIO()
    quiet = samples / max(1.0, float(np.abs(samples).max(initial=0.0)))
    soundfile.write(file, quiet.T, rate, format="FLAC")
    return file.getvalue()
