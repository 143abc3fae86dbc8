"""VoiceBank–DEMAND: the pairs of recordings that the literature compares itself on."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from sicore.downloads import Archive, obtain
from sicore.errors import InputError
from sicore_speech.data.bank import map_bank, write_bank
from sicore_speech.data.pairs import Pair, RecordedPairs
from sicore_speech.data.places import dataset_folder, prepared_file
from sicore_speech.data.prepare import decode
from sicore_speech.data.reading import quantised
from sicore_speech.data.recipe import SPLITS
from sicore_speech.data.segments import Segments

SIDES = ("clean", "noisy")
VALIDATION_SPEAKERS = ("p226", "p287")
BITSTREAMS = "https://datashare.ed.ac.uk/server/api/core/bitstreams"


def _archive(name: str, number: str, md5: str) -> Archive:
    return Archive(f"{BITSTREAMS}/{number}/content", md5, "md5", f"{name}.zip")


ARCHIVES = {
    ("train", "clean"): _archive(
        "clean_trainset_28spk_wav",
        "245452b6-6235-44b6-a6f9-e7eb19797769",
        "d2d5a45ec32f8fcbf201bde0447e20ba",
    ),
    ("train", "noisy"): _archive(
        "noisy_trainset_28spk_wav",
        "ecb5a102-bb00-46d3-8af5-40c79823b837",
        "1fca9e8bafb8cd069f6653c6d92f9e9c",
    ),
    ("test", "clean"): _archive(
        "clean_testset_wav",
        "dec213d3-bf57-4777-9663-c24bdce92d5e",
        "34eb1c0ba7ef667e9b966866c542fc16",
    ),
    ("test", "noisy"): _archive(
        "noisy_testset_wav",
        "13c1bfbf-14a6-41db-9b41-8f7310f01ad5",
        "fb1b86caa31e8ba5b506c0c64da9aab5",
    ),
}


class VoiceBankDemand(Segments):
    """Recordings that were mixed once and for all, at 48 kHz; here at 16 kHz, as in the papers.

    Of the 28 training speakers, p226 and p287 are the split ``validation`` (as in SGMSE+) and the
    other 26 are ``train``; ``test`` has the two speakers p232 and p257, with other noises. The
    samples stay on the disk.

    Segments are cuts; `recording` gives whole recordings, which the published figures are of.

    Args:
        split: ``train``, ``validation`` or ``test``.
        frames: of a segment.
        size: how many segments there are; by default 1,000,000, 200 and 200.
        seed: of the segments.
        folder: where the prepared recordings are; by default the cache.

    Raises:
        InputError: for an unknown split, or when the recordings are not there; says how to get
            them.

    Source: Valentini-Botinhao, "Noisy speech database for training speech enhancement algorithms
    and TTS models", 2017, https://doi.org/10.7488/ds/2117.
    """

    title = "VoiceBank–DEMAND, 30 speakers of English with and without noise"
    licence = "CC BY 4.0"
    source = "https://doi.org/10.7488/ds/2117"

    def __init__(
        self,
        split: str = "train",
        frames: int = 256,
        size: int | None = None,
        seed: int = 0,
        folder: str | None = None,
    ) -> None:
        super().__init__(split, frames, size, seed)
        place = Path(folder).expanduser() if folder else dataset_folder("voicebank-demand")
        paths = [_prepared(place, split, side) for side in SIDES]
        if not all(path.is_file() for path in paths):
            raise InputError(
                f"VoiceBank–DEMAND is not in {place}; get it with 'sicore data fetch "
                "speech/voicebank-demand' (6 GB from datashare.ed.ac.uk, 2 GB to keep), or "
                "'--source FOLDER' for one that has its archives, or their folders"
            )
        self.pairs = RecordedPairs(*map(map_bank, paths))

    def waveforms(self, number: int, n: int) -> Pair:
        """The clean and the noisy recording of a segment, float32 ``(n,)``."""
        return self.pairs.draw(n, self.seed, number)

    def recording(self, number: int) -> Pair:
        """A whole recording: there are ``len(self.pairs.clean)`` in the split."""
        clean, noisy = (
            bank.clip(number).astype(np.float32) / 32768
            for bank in (self.pairs.clean, self.pairs.noisy)
        )
        return clean, noisy

    @classmethod
    def available(cls) -> bool:
        """Whether every split is prepared in the cache."""
        place = dataset_folder("voicebank-demand")
        return all(_prepared(place, split, side).is_file() for split in SPLITS for side in SIDES)

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch, verify and prepare the recordings; what is prepared is not fetched again.

        Args:
            folder: where to; by default into the cache.
            source: ``url``, or a folder that has the archives, or the folders in them.

        Raises:
            InputError: when an archive cannot be had, is not the published one, or does not fit
                the other.
        """
        place = (folder or dataset_folder("voicebank-demand")).expanduser()
        for given, splits in (("test", ("test",)), ("train", ("validation", "train"))):
            missing = [
                split
                for split in splits
                if not all(_prepared(place, split, side).is_file() for side in SIDES)
            ]
            if missing:
                _prepare(given, missing, source, place)
        return place


def _prepared(place: Path, split: str, side: str) -> Path:
    return prepared_file(place, f"{split}-{side}")


def _prepare(given: str, splits: list[str], source: str, place: Path) -> None:
    """The splits in one pair of archives; both sides are put in place when both are whole."""
    found = [_find(ARCHIVES[given, side], source, place) for side in SIDES]
    clean, noisy = (_recordings(path) for path in found)
    if clean.keys() != noisy.keys() or not clean:
        odd = sorted(clean.keys() ^ noisy.keys())[:3]
        raise InputError(f"{found[0].name} and {found[1].name}: do not have the same files: {odd}")
    place.mkdir(parents=True, exist_ok=True)
    for split in splits:
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            paths = [Path(scratch) / side for side in SIDES]
            for path, files in zip(paths, (clean, noisy), strict=True):
                write_bank(path, _clips(files, split))
            RecordedPairs(*map(map_bank, paths))  # raises when they do not fit each other
            for side, path in zip(SIDES, paths, strict=True):
                path.replace(_prepared(place, split, side))
    for path in found:
        if path.parent == place:
            path.unlink()


def _find(archive: Archive, source: str, place: Path) -> Path:
    """The folder that an archive was extracted to, or else the archive."""
    extracted = Path(source).expanduser() / Path(archive.file).stem
    return extracted if extracted.is_dir() else obtain(archive, source, place)


def _recordings(path: Path) -> Mapping[str, Callable[[], bytes]]:
    """How to get each recording of an archive or a folder, by its name; not those of __MACOSX."""
    if path.is_dir():
        files = (file for file in path.rglob("*.wav") if not file.name.startswith("."))
        return {file.name: file.read_bytes for file in files}
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: cannot be opened ({error}); fetch it again") from None
    names = [PurePosixPath(name) for name in archive.namelist() if name.endswith(".wav")]
    return {
        name.name: partial(archive.read, str(name))
        for name in names
        if "__MACOSX" not in name.parts
    }


def _clips(
    files: Mapping[str, Callable[[], bytes]], split: str
) -> Iterator[tuple[str, np.ndarray]]:
    for name in sorted(files):
        held_out = name.split("_")[0] in VALIDATION_SPEAKERS
        if split == "test" or held_out == (split == "validation"):
            yield name, quantised(decode(name, files[name]()))
