"""Banks: the recordings of one source, end to end, as 16-bit samples at 16 kHz."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

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
        tensors = {"samples": self.samples, "ends": self.ends}
        metadata = {"names": json.dumps(self.names)}
        write_atomically(path, lambda scratch: save_file(tensors, scratch, metadata))


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
