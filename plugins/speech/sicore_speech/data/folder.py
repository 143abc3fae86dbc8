"""The user's own recordings: clean ones with noises to mix in, or clean ones with noisy ones."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np

from sicore.errors import InputError
from sicore_speech.audio import read_audio
from sicore_speech.data.bank import Bank
from sicore_speech.data.matching import matched
from sicore_speech.data.mixing import Mixer
from sicore_speech.data.pairs import Pair, RecordedPairs
from sicore_speech.data.reading import read_clip, sound_files
from sicore_speech.data.rooms import direct_path_first
from sicore_speech.data.segments import Segments
from sicore_speech.spectrogram import RATE

SHARES = {"train": (0, 90), "validation": (90, 95), "test": (95, 100)}
"""Hundredths of the hash of a file's name."""
OWN_NAMES = {
    "train": ("train", "tr"),
    "validation": ("validation", "valid", "val", "dev", "cv", "dt"),
    "test": ("test", "tt", "et"),
}
"""What the folder of a split may be called."""
IN_ROOMS = 0.35  # the share of training mixtures, where there are room responses


class SpeechFolder(Segments):
    """Recordings in a folder with sub-folders ``clean`` and ``noise``, or ``clean`` and ``noisy``.

    Noises are mixed in as they are asked for. Noisy recordings are taken as they are; each belongs
    to the clean one of the same path, or else of the same name, of the same name but for "clean"
    and "noisy", or of the same ``fileid_`` number. A sub-folder ``rooms`` may hold room impulse
    responses, for noises that are mixed in.

    Everything is read as one channel at 16 kHz and held in memory, 2 MB for each minute. Files that
    cannot be read are named in a warning and left out.

    If there are folders ``train``, ``validation`` (or ``valid``, ``dev`` …) and ``test``, the
    sub-folders are looked for in that of the split. Else the split of a file is decided by its
    path: take care that each speaker has its files in one folder of a split if that matters.

    Args:
        folder: where the sub-folders are; each is searched with its own sub-folders.
        split: ``train`` (about 90 %), ``validation`` or ``test`` (about 5 % each).
        frames: of a segment.
        size: how many segments there are; by default 1,000,000, 200 and 200.
        seed: of the segments.
        snr: the range of signal-to-noise ratios in dB, where noise is mixed in.
        rooms: the share of training mixtures in which the speaker is in a room; by default 0.35
            with a sub-folder ``rooms`` and 0 without, where rooms are drawn from a model. The clean
            recording is then the one with the early reflections.

    Raises:
        InputError: when a folder is missing, or a split holds no recording.
    """

    title = "Your own recordings, clean ones with noises or with noisy ones"
    licence = "yours"
    source = "data.folder=PATH"

    def __init__(
        self,
        folder: str = "",
        split: str = "train",
        frames: int = 256,
        size: int | None = None,
        seed: int = 0,
        snr: tuple[float, float] = (-3.0, 18.0),
        rooms: float | None = None,
    ) -> None:
        super().__init__(split, frames, size, seed)
        if not folder:
            raise InputError("the data set speech/folder needs your recordings: data.folder=PATH")
        root, share = _of_split(Path(folder).expanduser(), split)
        noise, noisy = root / "noise", root / "noisy"
        if not (root / "clean").is_dir() or noise.is_dir() == noisy.is_dir():
            raise InputError(
                f"{root}: expected two sub-folders, 'clean' and either 'noise' (to be mixed in) or "
                f"'noisy' (the same recordings with noise)"
            )
        clean = _files(root / "clean", split, share)
        self.pairs: Mixer | RecordedPairs
        if noisy.is_dir():
            self.pairs = _recorded(clean, root / "clean", noisy)
            return
        speech, training = _bank(clean), split == "train"
        responses = _responses(root / "rooms") if (root / "rooms").is_dir() else []
        in_rooms = (IN_ROOMS if responses else 0.0) if rooms is None else rooms
        self.pairs = Mixer(
            [speech],
            _bank(_files(noise, split, share)),
            [speech],
            snr=snr,
            rooms=in_rooms if training else 0.0,
            augment=training,
            responses=responses,
        )

    def waveforms(self, number: int, n: int) -> Pair:
        """The clean and the noisy recording of a segment, float32 ``(n,)``."""
        return self.pairs.draw(n, self.seed, number)

    @classmethod
    def available(cls) -> bool:
        """Not before the user names a folder."""
        return False


def _of_split(root: Path, split: str) -> tuple[Path, tuple[int, int]]:
    """The folder of a split and all of it; or the folder itself, and the split's share of it."""
    folders = {
        name: next((root / own for own in own_names if (root / own / "clean").is_dir()), None)
        for name, own_names in OWN_NAMES.items()
    }
    found = folders[split]
    if found is not None:
        return found, (0, 100)
    if any(folders.values()):
        raise InputError(
            f"{root}: has folders of splits, but none of '{split}' with a sub-folder 'clean': "
            f"expected one that is called {' or '.join(OWN_NAMES[split])}"
        )
    return root, SHARES[split]


def _files(folder: Path, split: str, share: tuple[int, int]) -> list[Path]:
    """The sound files of a split, in order.

    Raises:
        InputError: if there are none.
    """
    every = sound_files(folder)
    low, high = share
    mine = [p for p in every if low <= _hundredth(p.relative_to(folder)) < high]
    if not mine:
        raise InputError(
            f"{folder}: no recording in the split '{split}', {len(every)} files in all; "
            f"a split holds about {high - low} % of them, chosen by name"
        )
    return mine


def _bank(files: list[Path]) -> Bank:
    clips = {str(path): clip for path in files if (clip := read_clip(path)) is not None}
    if not clips:
        raise InputError(f"{files[0].parent}: none of {len(files)} recordings can be read")
    return Bank.of(list(clips.values()), list(clips))


def _recorded(clean: list[Path], root: Path, noisy: Path) -> RecordedPairs:
    """The clean recordings that have a noisy one; both cut to the shorter one's length."""
    every = [path.relative_to(root) for path in sound_files(root)]
    partner = matched(every, [path.relative_to(noisy) for path in sound_files(noisy)])
    alone = [path for path in clean if path.relative_to(root) not in partner]
    if alone:
        warnings.warn(
            f"left out: {len(alone)} recordings such as {alone[0]}: have no noisy one in {noisy}",
            stacklevel=2,
        )
    pairs = []
    for path in clean:
        other = partner.get(path.relative_to(root))
        first, second = read_clip(path), read_clip(noisy / other) if other else None
        if first is not None and second is not None:
            n = min(len(first), len(second))
            pairs.append((str(path), first[:n], second[:n]))
    names = [name for name, _, _ in pairs]
    if not names:
        raise InputError(f"{noisy}: holds no recording with the name of one in {root}")
    return RecordedPairs(
        Bank.of([x for _, x, _ in pairs], names), Bank.of([y for _, _, y in pairs], names)
    )


def _responses(folder: Path) -> list[np.ndarray]:
    """Room impulse responses, of the first channel of each file.

    Raises:
        InputError: if there are none, or one is silent.
    """
    files = sound_files(folder)
    if not files:
        raise InputError(f"{folder}: holds no room response")
    return [direct_path_first(read_audio(path).resampled(RATE).samples[0]) for path in files]


def _hundredth(name: Path) -> int:
    return int.from_bytes(hashlib.sha256(name.as_posix().encode()).digest()[:8], "big") % 100
