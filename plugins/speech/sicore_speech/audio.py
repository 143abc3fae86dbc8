"""Sound files: reading, writing, and the change of the sample rate."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sicore.errors import InputError
from sicore.files import write_atomically

SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")
"""The formats that are written; every other one that libsndfile knows can be read too."""


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
    try:
        data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path}: cannot be read as sound ({error}); expected one of {', '.join(SUFFIXES)}"
        ) from None
    if len(data) == 0:
        raise InputError(f"{path}: holds no samples")
    if not np.isfinite(data).all():
        raise InputError(f"{path}: has samples that are not finite; write the recording again")
    return Sound(np.ascontiguousarray(data.T), int(rate))


def write_audio(path: Path, samples: np.ndarray, rate: int) -> Path:
    """Write ``(channels, n)`` floats, whole or not at all; the name's ending is the format.

    Raises:
        InputError: for an unknown ending, a format that has no such rate or number of channels, or
            a folder that cannot be written into.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected a name that ends in one of {', '.join(SUFFIXES)}")
    try:
        write_atomically(path, lambda scratch: soundfile.write(scratch, samples.T, rate))
    except RuntimeError as error:
        raise InputError(
            f"{path}: {len(samples)} channels at {rate} Hz cannot be written in this format "
            f"({error}); choose .wav or .flac"
        ) from None
    return path


def flac_bytes(samples: np.ndarray, rate: int) -> bytes:
    """``(channels, n)`` floats as a FLAC file in memory, scaled down if it would clip."""
    file = io.BytesIO()
    quiet = samples / max(1.0, float(np.abs(samples).max(initial=0.0)))
    soundfile.write(file, quiet.T, rate, format="FLAC")
    return file.getvalue()
