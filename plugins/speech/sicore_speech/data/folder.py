"""The user's own recordings: clean ones with noises to mix in, or clean ones with noisy ones."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sicore.errors import InputError
from sicore_speech.audio import SUFFIXES, read_audio
from sicore_speech.data.bank import Bank
from sicore_speech.data.mixing import Mixer
from sicore_speech.data.pairs import Pair, RecordedPairs, paired_states
from sicore_speech.data.recipe import SPLITS
from sicore_speech.spectrogram import RATE, Spectrogram

SHARES = {"train": (0, 90), "validation": (90, 95), "test": (95, 100)}
"""Hundredths of the hash of a file's name."""


class SpeechFolder:
    """Recordings in a folder with sub-folders ``clean`` and ``noise``, or ``clean`` and ``noisy``.

    Noises are mixed in as they are asked for. Noisy recordings belong to the clean ones of the same
    name, as those of VoiceBank–DEMAND do, and are taken as they are. Everything is read as one
    channel at 16 kHz and held in memory, 2 MB for each minute. The split of a file is decided by
    its name alone; files that cannot be read are named in a warning and left out.

    Args:
        folder: where the two sub-folders are; each is searched with its own sub-folders.
        split: ``train`` (about 90 %), ``validation`` or ``test`` (about 5 % each).
        frames: of a segment.
        size: how many segments there are; by default 1,000,000, 200 and 200.
        seed: of the segments.
        snr: the range of signal-to-noise ratios in dB, where noise is mixed in.
        rooms: the share of training mixtures in which the speaker is in a room.

    Raises:
        InputError: when a folder is missing, or a split holds no recording.
    """

    title = "Your own recordings, clean ones with noises or with noisy ones"
    licence = "yours"
    source = "data.folder=PATH"
    encoded = True

    def __init__(
        self,
        folder: str = "",
        split: str = "train",
        frames: int = 256,
        size: int | None = None,
        seed: int = 0,
        snr: tuple[float, float] = (-3.0, 18.0),
        rooms: float = 0.0,
    ) -> None:
        if not folder:
            raise InputError("the data set speech/folder needs your recordings: data.folder=PATH")
        if split not in SPLITS:
            raise InputError(f"unknown split '{split}' of a folder; known: {', '.join(SPLITS)}")
        root = Path(folder).expanduser()
        noise, noisy = root / "noise", root / "noisy"
        if not (root / "clean").is_dir() or noise.is_dir() == noisy.is_dir():
            raise InputError(
                f"{root}: expected two sub-folders, 'clean' and either 'noise' (to be mixed in) or "
                f"'noisy' (the same recordings with noise)"
            )
        self.frames, self.seed = frames, seed
        self.size = (1_000_000 if split == "train" else 200) if size is None else size
        self.spectrogram = Spectrogram()
        clean = _files(root / "clean", split)
        self.pairs: Mixer | RecordedPairs
        if noisy.is_dir():
            self.pairs = _recorded(clean, root / "clean", noisy)
        else:
            speech, noises = _bank(clean), _bank(_files(noise, split))
            training = split == "train"
            self.pairs = Mixer(
                [speech], noises, [speech], None, snr, rooms if training else 0.0, augment=training
            )

    def __len__(self) -> int:
        """The number of segments."""
        return self.size

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Clean states ``(B, 2, bins, frames)`` and ``{"x0": noisy states}``."""
        n = self.spectrogram.samples(self.frames)
        clean, noisy = paired_states([self.waveforms(int(k), n) for k in indices], self.spectrogram)
        return clean, {"x0": noisy}

    def waveforms(self, number: int, n: int) -> Pair:
        """The clean and the noisy recording of a segment, float32 ``(n,)``."""
        return self.pairs.draw(n, self.seed, number)

    def domain_config(self) -> dict[str, Any]:
        """The ``domain:`` section that fits these segments."""
        return {"name": "speech", "frames": self.frames}

    @classmethod
    def available(cls) -> bool:
        """Not before the user names a folder."""
        return False


def _files(folder: Path, split: str) -> list[Path]:
    """The sound files of a split, in order.

    Raises:
        InputError: if there are none.
    """
    every = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    low, high = SHARES[split]
    mine = [p for p in every if low <= _hundredth(p.relative_to(folder)) < high]
    if not mine:
        raise InputError(
            f"{folder}: no recording in the split '{split}', {len(every)} files in all; "
            f"a split holds about {high - low} % of them, chosen by name"
        )
    return mine


def _bank(files: list[Path]) -> Bank:
    clips = {str(path): clip for path in files if (clip := _read(path)) is not None}
    if not clips:
        raise InputError(f"{files[0].parent}: none of {len(files)} recordings can be read")
    return Bank.of(list(clips.values()), list(clips))


def _recorded(clean: list[Path], root: Path, noisy: Path) -> RecordedPairs:
    """The clean recordings that have a noisy one; both cut to the shorter one's length."""
    pairs = []
    for path in clean:
        other = noisy / path.relative_to(root)
        first, second = _read(path), _read(other)
        if first is not None and second is not None:
            n = min(len(first), len(second))
            pairs.append((str(path), first[:n], second[:n]))
    names = [name for name, _, _ in pairs]
    if not names:
        raise InputError(f"{noisy}: holds no recording with the name of one in {root}")
    return RecordedPairs(
        Bank.of([x for _, x, _ in pairs], names), Bank.of([y for _, _, y in pairs], names)
    )


def _read(path: Path) -> np.ndarray | None:
    try:
        wave = read_audio(path).resampled(RATE).samples.mean(0)
    except InputError as error:
        warnings.warn(f"left out: {error}", stacklevel=2)
        return None
    return np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)


def _hundredth(name: Path) -> int:
    return int.from_bytes(hashlib.sha256(name.as_posix().encode()).digest()[:8], "big") % 100
