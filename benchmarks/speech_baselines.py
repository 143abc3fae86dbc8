"""What is installed to take noise off speech, on the mixtures that our models are measured on.

The recordings are those of ``speech_sets.py``. Every tool's ones are first moved by one number of
samples, at which they agree best with the noisy ones: its delay.

The values of each recording are kept, for paired tests against other systems.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import peers
from common import arguments, record
from peers.denoisers import DENOISERS, PACKAGES, Denoiser
from speech_sets import SAMPLES, measured, mixtures, ratio_of, summary

from sicore_speech.data.mixtures import SIZES, Mixtures
from sicore_speech.data.pairs import Pair
from sicore_speech.metrics import SECONDS

FURTHEST = 2_048  # samples, the longest delay
TIMED = 9  # recordings


def delay(noisy: Sequence[np.ndarray], estimates: Sequence[np.ndarray]) -> int:
    """By how many samples the estimates are late, from all of their cross-correlations."""
    size = 1 << (SAMPLES + max(map(len, estimates))).bit_length()
    spectra = (
        np.fft.rfft(e, size) * np.fft.rfft(y, size).conj()
        for y, e in zip(noisy, estimates, strict=True)
    )
    correlation = np.fft.irfft(np.sum(list(spectra), axis=0), size)
    lags = np.arange(-FURTHEST, FURTHEST + 1)
    return int(lags[np.argmax(correlation[lags])])


def aligned(wave: np.ndarray, late: int) -> np.ndarray:
    """The recording ``late`` samples earlier, of the mixtures' length."""
    moved = wave[late:] if late >= 0 else np.pad(wave, (-late, 0))
    return np.pad(moved[:SAMPLES], (0, max(0, SAMPLES - len(moved)))).astype(np.float32)


def baseline(
    denoise: Denoiser, sets: dict[str, list[Pair]], noisy: dict[str, Any], ratios: np.ndarray
) -> dict[str, dict[str, Any]]:
    """The figures of a tool on each set."""
    figures = {}
    for name, pairs in sets.items():
        recordings = [pair[1] for pair in pairs]
        raw = [denoise(y) for y in recordings]
        late = delay(recordings, raw)
        estimates = [aligned(wave, late) for wave in raw]
        values = measured([pair[0] for pair in pairs], estimates)
        figures[name] = summary(values, noisy[name], ratios) | {"delay": late}
    return figures


def cost(denoise: Denoiser, recordings: Sequence[np.ndarray]) -> float:
    """CPU seconds for each second of sound: what a recording costs more when it is twice as long.

    So what a tool does once for each recording, and what it does at its first, does not count.
    """
    spent = []
    for wave in recordings[:TIMED]:
        start = time.process_time()
        denoise(wave)
        middle = time.process_time()
        denoise(np.tile(wave, 2))
        spent.append(time.process_time() - middle - (middle - start))
    return float(np.median(spent)) / SECONDS


def main() -> None:
    """Measure, and write ``speech_baselines.json``."""
    options = arguments(__doc__)
    if not Mixtures.available():
        print("speech_baselines: left out; it needs: sicore data fetch speech/mixtures")
        return
    peers.available()
    numbers = range(0, SIZES["test"], 4 if options.quick else 1)
    sets, ratios = mixtures(numbers), np.array([ratio_of(k) for k in numbers])
    noisy = {name: measured(*map(list, zip(*pairs, strict=True))) for name, pairs in sets.items()}
    figures: dict[str, Any] = {"recordings": len(numbers), "versions": {}, "left out": {}}
    figures["cpu_seconds_per_second"] = {}
    waves = [pair[1] for pair in sets["test"]]
    figures["sets"] = {name: {"noisy": summary(v, v, ratios)} for name, v in noisy.items()}
    for name, make in DENOISERS.items():
        try:
            denoise = make()
        except (ImportError, OSError) as error:
            figures["left out"][name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        figures["cpu_seconds_per_second"][name] = round(cost(denoise, waves), 3)
        figures["versions"][PACKAGES[name]] = version(PACKAGES[name])
        for kind, found in baseline(denoise, sets, noisy, ratios).items():
            figures["sets"][kind][name] = found
    record("speech_baselines", options, figures)


if __name__ == "__main__":
    main()
