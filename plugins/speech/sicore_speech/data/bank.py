"""Banks: the recordings of one source, end to end, as 16-bit samples at 16 kHz."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from sicore.errors import InputError
from sicore.files import write_atomically


@dataclass(frozen=True)
class Bank:
    """Clips in a row.

    Args:
        samples: int16 ``(n,)``, one clip after the other.
        ends: int64, where each clip ends.
        names: of the clips.
    """

    samples: np.ndarray
    ends: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, clips: Sequence[np.ndarray], names: Sequence[str]) -> Bank:
        """A bank of int16 clips."""
        lengths = np.array([len(clip) for clip in clips], np.int64)
        joined = np.concatenate(clips) if len(clips) else np.zeros(0, np.int16)
        return cls(joined, lengths.cumsum(), tuple(names))

    def __len__(self) -> int:
        """The number of clips."""
        return len(self.ends)

    def clip(self, number: int) -> np.ndarray:
        """The samples of a clip."""
        start = int(self.ends[number - 1]) if number else 0
        return self.samples[start : int(self.ends[number])]

    def only(self, numbers: Sequence[int]) -> Bank:
        """The bank of these clips."""
        return Bank.of([self.clip(n) for n in numbers], [self.names[n] for n in numbers])

    def save(self, path: Path) -> None:
        """Write a safetensors file; the names are in its metadata."""
        write_bank(path, ((name, self.clip(number)) for number, name in enumerate(self.names)))


def write_bank(path: Path, clips: Iterable[tuple[str, np.ndarray]]) -> None:
    """Write clips as they come, ``(name, int16 (n,))``: what is written is not held in memory.

    The file is in the format of safetensors: the length of the header, the header as JSON, and the
    tensors, here the ends of the clips and their samples.

    Raises:
        InputError: when the folder cannot be written into.
    """

    def write(scratch: Path) -> None:
        names, lengths = list[str](), list[int]()
        with tempfile.TemporaryFile(dir=scratch.parent) as samples:
            for name, clip in clips:
                samples.write(np.asarray(clip, "<i2").tobytes())
                names.append(name)
                lengths.append(len(clip))
            ends = np.cumsum(lengths, dtype="<i8")
            header = _header(names, sum(lengths))
            with scratch.open("wb") as file:
                file.write(len(header).to_bytes(8, "little") + header + ends.tobytes())
                samples.seek(0)
                shutil.copyfileobj(samples, file, 1 << 22)

    write_atomically(path, write)


def _header(names: Sequence[str], samples: int) -> bytes:
    """Padded to a multiple of 8 bytes, so that the tensors are aligned."""
    start = 8 * len(names)
    header = json.dumps(
        {
            "__metadata__": {"names": json.dumps(list(names))},
            "ends": {"dtype": "I64", "shape": [len(names)], "data_offsets": [0, start]},
            "samples": {
                "dtype": "I16",
                "shape": [samples],
                "data_offsets": [start, start + 2 * samples],
            },
        }
    ).encode()
    return header + b" " * (-len(header) % 8)


def map_bank(path: Path) -> Bank:
    """Read what ``write_bank`` wrote, but leave the samples on the disk until somebody wants them.

    Raises:
        InputError: when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        names = json.loads(header["__metadata__"]["names"])
        ends, samples = (
            np.asarray(
                np.memmap(
                    path,
                    np.dtype(kind),
                    "r",
                    8 + size + header[name]["data_offsets"][0],
                    tuple(header[name]["shape"]),
                )
            )
            for name, kind in (("ends", "<i8"), ("samples", "<i2"))
        )
        return Bank(samples, ends, tuple(names))
    except (OSError, KeyError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"{path}: no prepared recordings ({error}); fetch them again") from None


def read_bank(path: Path) -> Bank:
    """Read what ``Bank.save`` wrote.

    Raises:
        InputError: when it cannot be read.
    """
    try:
        with safe_open(path, "numpy") as file:
            names = json.loads((file.metadata() or {})["names"])
            return Bank(file.get_tensor("samples"), file.get_tensor("ends"), tuple(names))
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise InputError(f"{path}: no prepared recordings ({error}); fetch them again") from None
