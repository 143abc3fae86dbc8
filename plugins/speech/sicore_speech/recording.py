"""Sound files in blocks, so that memory does not grow with their length.

A block is float32 ``(channels, m)``, full scale at 1, whatever the file holds.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from sicore.errors import InputError
from sicore.files import write_atomically

SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")
"""The formats that are written; every other one that libsndfile knows can be read too."""

BLOCK = 65_536
"""Samples of a block, for each channel."""

_KEPT = ("PCM_24", "PCM_32", "FLOAT", "DOUBLE")


@dataclass(frozen=True)
class Recording:
    """A sound file that was read through once, and what was found.

    Args:
        path: the file.
        rate: samples per second.
        channels: how many.
        n: samples of each channel.
        peak: the largest absolute value of any sample.
        subtype: how the file stores a sample, in the words of libsndfile.
    """

    path: Path
    rate: int
    channels: int
    n: int
    peak: float
    subtype: str

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.n / self.rate

    def length(self, rate: int) -> int:
        """Its samples at another rate; at least one."""
        return max(1, round(self.n * rate / self.rate))

    def blocks(self, rate: int | None = None, n: int | None = None) -> Iterator[np.ndarray]:
        """Its blocks.

        Args:
            rate: samples per second; the file's by default.
            n: samples in all: what is too long is cut, silence follows what is too short; by
                default ``length(rate)``.
        """
        rate = rate or self.rate
        with soundfile.SoundFile(self.path) as file:
            read = (block.T for block in file.blocks(BLOCK, dtype="float32", always_2d=True))
            changed = resampled(read, self.channels, self.rate, rate)
            yield from fitted(changed, self.channels, self.length(rate) if n is None else n)


def open_recording(path: Path) -> Recording:
    """Read a sound file through, block by block.

    Raises:
        InputError: when it is missing, empty, no sound, or has values that are not finite.
    """
    try:
        with soundfile.SoundFile(path) as file:
            n, peak = 0, 0.0
            for block in file.blocks(BLOCK, dtype="float32", always_2d=True):
                n, peak = n + len(block), max(peak, float(np.abs(block).max()))
                if not np.isfinite(block).all():
                    raise InputError(
                        f"{path}: has samples that are not finite; write the recording again"
                    )
            if n == 0:
                raise InputError(f"{path}: holds no samples")
            return Recording(path, file.samplerate, file.channels, n, peak, file.subtype)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path}: cannot be read as sound ({error}); expected one of {', '.join(SUFFIXES)}"
        ) from None


def write_recording(
    path: Path, blocks: Iterable[np.ndarray], rate: int, channels: int, subtype: str = ""
) -> Recording:
    """Write blocks to a sound file, whole or not at all; the name's ending is the format.

    Args:
        path: where to.
        blocks: ``(channels, m)``; what is beyond ±1 is clipped unless the file holds floats.
        rate: samples per second.
        channels: how many.
        subtype: how to store a sample, if the format knows it and it keeps more than 16 bits do;
            the format's own way otherwise.

    Raises:
        InputError: for a format that has no such rate or number of channels, or a folder that
            cannot be written into.
    """
    check_format(path, rate, channels)
    stored = subtype if subtype in _KEPT and soundfile.check_format(_kind(path), subtype) else None
    n, peak = 0, 0.0

    def write(scratch: Path) -> None:
        nonlocal n, peak
        with soundfile.SoundFile(scratch, "w", rate, channels, stored) as file:
            for block in blocks:
                try:
                    file.write(block.T)
                except soundfile.SoundFileError as error:
                    raise InputError(f"{path}: cannot be written ({error})") from None
                n, peak = n + block.shape[1], max(peak, float(np.abs(block).max(initial=0.0)))

    write_atomically(path, write)
    return Recording(path, rate, channels, n, peak, stored or "")


def resampled(
    blocks: Iterable[np.ndarray], channels: int, before: int, after: int
) -> Iterator[np.ndarray]:
    """Blocks at another rate, the same as if the recording were resampled at once."""
    if before == after:
        yield from blocks
        return
    stream = soxr.ResampleStream(before, after, channels, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block.T)).T
    yield stream.resample_chunk(np.zeros((0, channels), np.float32), last=True).T


def fitted(blocks: Iterable[np.ndarray], channels: int, n: int) -> Iterator[np.ndarray]:
    """Blocks of n samples in all: cut, or followed by silence."""
    for block in blocks:
        part = block[:, :n]
        n -= part.shape[1]
        if part.shape[1]:
            yield part
        if n == 0:
            return
    if n:
        yield np.zeros((channels, n), np.float32)


def check_suffix(path: Path) -> None:
    """Whether the name's ending is that of a format which is written.

    Raises:
        InputError: it is not.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected a name that ends in one of {', '.join(SUFFIXES)}")


def check_format(path: Path, rate: int, channels: int) -> None:
    """Whether the format that the name's ending says can hold such a recording; nothing is written.

    Raises:
        InputError: it cannot.
    """
    try:
        soundfile.SoundFile(io.BytesIO(), "w", rate, channels, format=_kind(path)).close()
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"{path}: {channels} channels at {rate} Hz cannot be written in this format "
            f"({error}); choose .wav or .flac"
        ) from None


def _kind(path: Path) -> str:
    return path.suffix[1:].upper()
