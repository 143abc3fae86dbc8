"""One noisy recording and its clean one, as a function of a seed and a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError
from sicore_speech.data import noises
from sicore_speech.data.augment import equalise, respeed
from sicore_speech.data.bank import Bank
from sicore_speech.data.levels import active_level, rms
from sicore_speech.data.rooms import reverberate, room_response

TRIES = 20
ACTIVE = 0.3  # the share of a mixture in which somebody speaks, at least
AUDIBLE = 2e-3  # RMS of a noise before it is scaled, at least
TALKERS = (3, 7)


@dataclass(frozen=True)
class Mixer:
    """Draws mixtures ``y = x + noise``, and ``h * x + noise`` in rooms, where clean is early.

    Args:
        speech: one bank for each source; a source is drawn in proportion to its length.
        noise: recorded noises; one is drawn in proportion to the root of its length. If there are
            none, all noise is coloured, or babble.
        talkers: banks of voices for babble.
        keys: key strokes for typing, or None.
        snr: the range of signal-to-noise ratios in dB, of the active level of the speech.
        rooms: the share of mixtures in which the speaker is in a room.
        augment: whether speeds and frequency responses vary.
        responses: of recorded rooms, float32 with the direct path at sample 0; without any, they
            are drawn from a model.

    Raises:
        InputError: for a range that is none, or without speech or talkers.
    """

    speech: Sequence[Bank]
    noise: Bank
    talkers: Sequence[Bank]
    keys: Bank | None = None
    snr: tuple[float, float] = (-3.0, 18.0)
    rooms: float = 0.0
    augment: bool = True
    responses: Sequence[np.ndarray] = ()

    def __post_init__(self) -> None:
        if not (np.isfinite(self.snr).all() and self.snr[0] <= self.snr[1]):
            raise InputError(f"snr: expected a range of decibels, low and high, got {self.snr}")
        if not all(sum(len(b.samples) for b in banks) for banks in (self.speech, self.talkers)):
            raise InputError("mixtures: there is no speech to mix, or nobody for the babble")

    def draw(self, n: int, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Clean and noisy recording, float32 ``(n,)`` each, of mixture ``number`` of a seed."""
        rng = generator(seed, number)
        clean = self.voice(n, rng)
        noise = scaled(self.any_noise(n, rng), clean, float(rng.uniform(*self.snr)))
        if rng.random() >= self.rooms:
            return clean, clean + noise
        early, whole = reverberate(clean, self.response(rng))
        return early, whole + noise

    def response(self, rng: np.random.Generator) -> np.ndarray:
        """Of one of the recorded rooms, or of the model's."""
        if self.responses:
            return self.responses[int(rng.integers(len(self.responses)))]
        return room_response(rng)

    def voice(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Somebody speaks: for `ACTIVE` of the time or more, or as much as was found."""
        lengths = np.array([len(bank.samples) for bank in self.speech], np.float64)
        best, most = np.zeros(n, np.float32), -1.0
        for _ in range(TRIES):
            stream = self.speech[int(rng.choice(len(lengths), p=lengths / lengths.sum()))].samples
            factor = float(rng.uniform(0.9, 1.1)) if self.augment else 1.0
            cut = noises.crop(stream, int(n * factor) + 16, rng)
            wave = (respeed(cut, factor) if self.augment else cut)[:n]
            level, share = active_level(wave)
            if share > most and level > AUDIBLE:
                best, most = wave, share
            if most >= ACTIVE:
                break
        return equalise(best, 4.0, rng) if self.augment else best

    def any_noise(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Mostly a recorded noise, or two; now and then coloured noise or babble."""
        shares = (0.5, 0.2, 0.15, 0.15) if len(self.noise) else (0, 0, 0.5, 0.5)
        kind = rng.choice(("recorded", "two", "coloured", "babble"), p=shares)
        if kind == "coloured":
            return noises.coloured(n, float(rng.uniform(0, 2)), rng)
        if kind == "babble":
            talkers = int(rng.integers(TALKERS[0], TALKERS[1] + 1))
            return noises.babble(self.talkers, n, talkers, rng)
        wave = self.recorded(n, rng)
        if kind == "two":
            other = self.recorded(n, rng)
            wave = wave + other * np.float32(
                rms(wave) / max(rms(other), 1e-6) * rng.uniform(0.3, 1)
            )
        return equalise(wave, 6.0, rng) if self.augment else wave

    def recorded(self, n: int, rng: np.random.Generator, number: int | None = None) -> np.ndarray:
        """A cut of a recorded noise, by default of any; one that can be heard if there is one."""
        lengths = np.diff(self.noise.ends, prepend=0).astype(np.float64)
        weights = np.sqrt(lengths) / np.sqrt(lengths).sum()
        best = np.zeros(n, np.float32)
        for _ in range(TRIES):
            chosen = int(rng.choice(len(weights), p=weights)) if number is None else number
            wave = noises.crop(self.noise.clip(chosen), n, rng)
            best = max(best, wave, key=rms)
            if rms(best) > AUDIBLE:
                break
        return best


def generator(seed: int, number: int) -> np.random.Generator:
    """The random numbers of one mixture, whatever was drawn before it."""
    return np.random.Generator(np.random.Philox(key=[seed, number]))


def scaled(noise: np.ndarray, clean: np.ndarray, snr: float) -> np.ndarray:
    """The noise at ``snr`` dB below the active level of the speech; silence stays silence."""
    level, loudness = active_level(clean)[0], rms(noise)
    if loudness == 0:
        return noise
    return noise * np.float32(level / loudness * 10 ** (-snr / 20))
