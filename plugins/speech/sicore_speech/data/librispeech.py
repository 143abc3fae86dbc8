"""LibriSpeech: clean speech of many readers, mixed with noise as it is asked for."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sicore.downloads import Archive, obtain
from sicore.errors import InputError
from sicore_speech.data.bank import Bank, map_bank, read_bank, write_bank
from sicore_speech.data.mixing import Mixer
from sicore_speech.data.pairs import Pair
from sicore_speech.data.places import dataset_folder, find_recordings, prepared_file
from sicore_speech.data.reading import read_clip, sound_files
from sicore_speech.data.recipe import SOURCES, split_of_noise
from sicore_speech.data.segments import Segments
from sicore_speech.torchaudio_import import torchaudio

SUBSETS = {"train": "train-clean-100", "validation": "dev-clean", "test": "test-clean"}
SHA256 = {
    "train-clean-100": "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
    "dev-clean": "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    "test-clean": "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
}
ARCHIVES = {
    subset: Archive(f"https://www.openslr.org/resources/12/{subset}.tar.gz", digest)
    for subset, digest in SHA256.items()
}


class LibriSpeech(Segments):
    """Readings of audiobooks, with noise that is mixed in when a segment is asked for.

    The splits are train-clean-100 (100 hours, 251 speakers), dev-clean and test-clean (5 hours and
    40 speakers each): no speaker is in two. The samples stay on the disk.

    Noises are those of a folder, or else the recorded ones of ``speech/mixtures`` for the same
    split where those have been fetched; always with coloured noise and babble, which are all there
    is without either.

    Args:
        split: ``train``, ``validation`` or ``test``.
        frames: of a segment.
        size: how many segments there are; by default 1,000,000, 200 and 200.
        seed: of the segments.
        snr: the range of signal-to-noise ratios in dB.
        rooms: the share of training mixtures in which the speaker is in a room.
        noise: a folder of noises, searched with its sub-folders. Give each split its own.
        folder: where the prepared recordings are; by default the cache.

    Raises:
        InputError: for an unknown split, a folder of noises without any, or when LibriSpeech is
            not there; says how to get it.

    Source: Panayotov et al., "Librispeech: an ASR corpus based on public domain audio books", 2015.
    """

    title = "LibriSpeech, readings of audiobooks in English, mixed with noise"
    licence = "CC BY 4.0 (the noises have their own)"
    source = "https://www.openslr.org/12"

    def __init__(
        self,
        split: str = "train",
        frames: int = 256,
        size: int | None = None,
        seed: int = 0,
        snr: tuple[float, float] = (-3.0, 18.0),
        rooms: float = 0.0,
        noise: str = "",
        folder: str | None = None,
    ) -> None:
        super().__init__(split, frames, size, seed)
        place = Path(folder).expanduser() if folder else dataset_folder("librispeech")
        path = prepared_file(place, SUBSETS[split])
        if not path.is_file():
            raise InputError(
                f"LibriSpeech is not in {place}; get it with 'sicore data fetch speech/librispeech'"
                " (7 GB from openslr.org, 12 GB to keep), or '--source FOLDER' for one that has "
                "its archives, or the folder LibriSpeech"
            )
        speech, training = map_bank(path), split == "train"
        self.mixer = Mixer(
            [speech],
            _folder_noises(Path(noise).expanduser()) if noise else _recipe_noises(split),
            [speech],
            snr=snr,
            rooms=rooms if training else 0.0,
            augment=training,
        )

    def waveforms(self, number: int, n: int) -> Pair:
        """The clean and the noisy recording of a segment, float32 ``(n,)``."""
        return self.mixer.draw(n, self.seed, number)

    @classmethod
    def available(cls) -> bool:
        """Whether every split is prepared in the cache."""
        place = dataset_folder("librispeech")
        return all(prepared_file(place, subset).is_file() for subset in SUBSETS.values())

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch, verify and prepare the three splits; what is prepared is not fetched again.

        Args:
            folder: where to; by default into the cache.
            source: ``url``, or a folder with the archives, or with the folder ``LibriSpeech``.

        Raises:
            InputError: when an archive cannot be had or is not the published one.
            PluginError: without torchaudio.
        """
        place = (folder or dataset_folder("librispeech")).expanduser()
        for subset in SUBSETS.values():
            target = prepared_file(place, subset)
            if not target.is_file():
                _prepare(subset, source, target)
        return place


def _prepare(subset: str, source: str, target: Path) -> None:
    own = Path(source).expanduser()
    if (own / "LibriSpeech" / subset).is_dir():
        write_bank(target, _utterances(own, subset))
        return
    archive = obtain(ARCHIVES[subset], source, target.parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        write_bank(target, _utterances(Path(scratch), subset))
    if archive.parent == target.parent:
        archive.unlink()


def _utterances(root: Path, subset: str) -> Iterator[tuple[str, np.ndarray]]:
    """Names and samples; torchaudio knows the layout, soundfile reads the files."""
    dataset = torchaudio().datasets.LIBRISPEECH(root, url=subset)
    for number in range(len(dataset)):
        path = root / "LibriSpeech" / dataset.get_metadata(number)[0]
        clip = read_clip(path)
        if clip is not None:
            yield path.stem, clip


def _folder_noises(folder: Path) -> Bank:
    clips = {
        str(path): clip for path in sound_files(folder) if (clip := read_clip(path)) is not None
    }
    if not clips:
        raise InputError(f"data.noise: '{folder}' has no recording that can be read")
    return Bank.of(list(clips.values()), list(clips))


def _recipe_noises(split: str) -> Bank:
    """The recorded noises of a split of ``speech/mixtures``; none where they are not prepared."""
    place = find_recordings()
    sources = [source for source in SOURCES if source.kind == "noise"] if place else []
    banks = [read_bank(prepared_file(place, source.name)) for source in sources if place]
    chosen = [
        (bank.clip(number), name)
        for bank in banks
        for number, name in enumerate(bank.names)
        if split_of_noise(name) == split
    ]
    return Bank.of([clip for clip, _ in chosen], [name for _, name in chosen])
