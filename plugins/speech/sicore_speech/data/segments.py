"""What all data sets of recordings share: segments as states, the noisy one as the condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from sicore.errors import InputError
from sicore_speech.data.pairs import Pair, paired_states
from sicore_speech.data.recipe import SPLITS
from sicore_speech.spectrogram import Spectrogram

SIZES = {"train": 1_000_000, "validation": 200, "test": 200}


class Segments:
    """Segments that are drawn when they are asked for; segment k of a seed is always the same.

    Items are states already: the compressed spectrograms of the clean recordings. The condition
    ``x0`` is that of the noisy ones, and both are divided by the peak of the noisy one.

    Args:
        split: ``train``, ``validation`` or ``test``.
        frames: of a segment.
        size: how many segments there are; by default what ``sizes`` says for the split.
        seed: of the segments.

    Raises:
        InputError: for an unknown split.
    """

    encoded = True
    sizes: ClassVar[Mapping[str, int]] = SIZES

    def __init__(self, split: str, frames: int, size: int | None, seed: int) -> None:
        if split not in SPLITS:
            raise InputError(f"unknown split '{split}'; known: {', '.join(SPLITS)}")
        self.split, self.frames, self.seed = split, frames, seed
        self.size = self.sizes[split] if size is None else size
        self.spectrogram = Spectrogram()

    def waveforms(self, number: int, n: int) -> Pair:
        """The clean and the noisy recording of a segment, float32 ``(n,)``."""
        raise NotImplementedError

    def __len__(self) -> int:
        """The number of segments."""
        return self.size

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Clean states ``(B, 2, bins, frames)`` and ``{"x0": noisy states}``."""
        n = self.spectrogram.samples(self.frames)
        clean, noisy = paired_states([self.waveforms(int(k), n) for k in indices], self.spectrogram)
        return clean, {"x0": noisy}

    def domain_config(self) -> dict[str, Any]:
        """The ``domain:`` section that fits these segments."""
        return {"name": "speech", "frames": self.frames}
