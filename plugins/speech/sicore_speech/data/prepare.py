"""From a package of recordings to a bank: decode, mix down, resample, drop what is unfit."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sicore.errors import InputError, PluginError
from sicore_speech.data.bank import Bank
from sicore_speech.data.levels import background, clipped, rms
from sicore_speech.data.packed import files_of
from sicore_speech.data.recipe import Source
from sicore_speech.spectrogram import RATE

SHORTEST = {"speech": 0.4, "noise": 0.3, "keys": 0.05, "babble": 0.2}
"""Seconds; shorter files are dropped."""
SILENT = 1e-3  # RMS below which a file is dropped: −60 dB
QUIET = -25.0  # dB, the loudest background of strict sources


def prepare(package: Path, source: Source) -> Bank:
    """The bank of a source.

    Copies of a file, and files that cannot be decoded, are left out. Where the source says how many
    minutes are wanted, files are dropped evenly.

    Raises:
        InputError: when nothing fits.
        PluginError: when G.722 cannot be decoded on this machine.
    """
    clips: dict[bytes, tuple[str, np.ndarray]] = {}
    for name, content in files_of(package, source):
        try:
            wave = decode(name, content)
        except InputError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
            continue
        if fits(wave, source):
            quantised = np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)
            clips.setdefault(quantised.tobytes(), (name, quantised))
    if not clips:
        raise InputError(f"{package.name}: holds no recording that fits the source '{source.name}'")
    kept = thinned(list(clips.values()), source.minutes)
    return Bank.of([clip for _, clip in kept], [name for name, _ in kept])


def decode(name: str, content: bytes) -> np.ndarray:
    """A sound file's content as float32 ``(n,)`` at 16 kHz, channels averaged.

    Raises:
        InputError: when it is no sound that can be decoded.
        PluginError: when G.722 cannot be decoded on this machine.
    """
    if name.endswith(".g722"):
        return _decode_g722(name, content)
    try:
        data, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{name}: cannot be read as sound ({error})") from None
    return np.asarray(soxr.resample(data.mean(1), rate, RATE), np.float32)


def _decode_g722(name: str, content: bytes) -> np.ndarray:
    try:
        import av
    except ImportError:
        raise PluginError(f"{name}: G.722 needs PyAV; pip install 'sicore-speech[data]'") from None
    try:
        with av.open(io.BytesIO(content), "r", format="g722") as container:
            frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    except av.FFmpegError as error:
        raise InputError(f"{name}: cannot be read as sound ({error})") from None
    return np.concatenate(frames).astype(np.float32) / 32768 if frames else np.zeros(0, np.float32)


def fits(wave: np.ndarray, source: Source) -> bool:
    """Whether a recording is long enough, not silent, and as clean as its source must be."""
    if len(wave) < SHORTEST[source.kind] * RATE or rms(wave) < SILENT:
        return False
    return not source.strict or (not clipped(wave) and background(wave) < QUIET)


def thinned(clips: list[tuple[str, np.ndarray]], minutes: float) -> list[tuple[str, np.ndarray]]:
    """About so many minutes of the clips, taken evenly over the list."""
    share = minutes * 60 * RATE / max(1, sum(len(clip) for _, clip in clips))
    if share >= 1:
        return clips
    return [clip for n, clip in enumerate(clips) if int((n + 1) * share) > int(n * share)]
