"""The recordings that speech enhancement is measured on, and how figures of them are summed up.

Three sets of forty mixtures of 5.4 s, each at 0, 5, 10 and 15 dB: ``test`` (speakers, languages and
noises that no training of ours saw), the same in simulated rooms, where clean means the early
reflections alone, and the validation voice with validation noises. ``rooms`` are the test speakers
in rooms without noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sicore_speech.data.mixing import generator
from sicore_speech.data.mixtures import TEST_NOISES, TEST_SNR, Mixtures
from sicore_speech.data.pairs import Pair
from sicore_speech.data.rooms import reverberate, room_response
from sicore_speech.metrics import METRICS, SECONDS, scores
from sicore_speech.spectrogram import RATE

SAMPLES = int(SECONDS * RATE)
RESAMPLES = 2000


def ratio_of(number: int) -> float:
    """The ratio of signal and noise of a mixture, in dB."""
    return TEST_SNR[number // TEST_NOISES % 4]


def mixtures(numbers: Sequence[int]) -> dict[str, list[Pair]]:
    """Clean and noisy recordings of each set."""
    voice = Mixtures("validation")
    at = {ratio: replace(voice.mixer, snr=(ratio, ratio)) for ratio in TEST_SNR}
    dry, rooms = Mixtures("test"), Mixtures("test", reverberant=True)
    return {
        "test": [dry.waveforms(k, SAMPLES) for k in numbers],
        "reverberation": [rooms.waveforms(k, SAMPLES) for k in numbers],
        "validation": [at[ratio_of(k)].draw(SAMPLES, 0, k) for k in numbers],
    }


def rooms(numbers: Sequence[int]) -> list[Pair]:
    """Test speakers with the early reflections of a room, and with all of them."""
    mixer, pairs = Mixtures("test").mixer, []
    for k in numbers:
        rng = generator(1, k)
        voice = mixer.voice(SAMPLES, rng)
        pairs.append(reverberate(voice, room_response(rng)))
    return pairs


def measured(clean: Sequence[np.ndarray], estimates: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Every metric of every recording."""
    rows = [scores(x, y) for x, y in zip(clean, estimates, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in METRICS}


def interval(gain: np.ndarray) -> list[float]:
    """The 95 % interval of the mean of paired differences, by the bootstrap."""
    picks = np.random.default_rng(0).integers(len(gain), size=(RESAMPLES, len(gain)))
    low, high = np.quantile(gain[picks].mean(1), (0.025, 0.975))
    return [round(float(low), 3), round(float(high), 3)]


def summary(
    values: dict[str, np.ndarray], noisy: dict[str, np.ndarray], ratios: np.ndarray
) -> dict[str, Any]:
    """Means, intervals of the gain over the noisy recordings, and the values of each recording."""
    result: dict[str, Any] = {
        name: {"mean": round(float(each.mean()), 3), "gain": interval(each - noisy[name])}
        for name, each in values.items()
    }
    result["pesq_at"] = {
        f"{ratio:g} dB": round(float(values["pesq"][ratios == ratio].mean()), 2)
        for ratio in np.unique(ratios)
    }
    return result | {"each": {name: np.round(v, 4).tolist() for name, v in values.items()}}
