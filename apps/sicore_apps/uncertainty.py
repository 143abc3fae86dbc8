"""How far posterior samples of a recording differ, at each time and frequency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from sicore_apps.charts import Panel, chart
from sicore_apps.spectra import decibels, frames, pooled, powers
from sicore_speech.recording import Recording
from sicore_speech.spectrogram import RATE

RANGE = 60.0
"""Decibels below the loudest bin of the mean at which all is silence."""
TOP = 10.0
"""Decibels of the brightest colour."""


def uncertainty_picture(mean: Recording, samples: Sequence[Recording]) -> Image.Image:
    """The spectrogram of the mean, and below it the samples' standard deviation in decibels.

    For each bin, the standard deviation over the samples of ``10 log10 max(|STFT|², floor)``, where
    the floor is 60 dB below the loudest bin of the mean: differences between silences do not count.

    Args:
        mean: of the samples.
        samples: two or more of the same length.
    """
    spectrum = pooled(powers(mean), frames(mean))
    loudest = max(float(part.max()) for part in powers(mean)) or 1.0
    floor = loudest * 10 ** (-RANGE / 10)
    spread = pooled(_deviations(samples, floor), frames(mean))
    panels = (
        Panel("mean of the samples", decibels(spectrum / loudest, 1e-30), -RANGE, 0.0),
        Panel(f"standard deviation of {len(samples)} samples", spread, 0.0, TOP),
    )
    return chart(panels, mean.seconds, RATE / 2000)


def _deviations(samples: Sequence[Recording], floor: float) -> Iterator[np.ndarray]:
    for parts in zip(*(powers(sample) for sample in samples), strict=True):
        yield np.std([decibels(part, floor) for part in parts], 0, ddof=1)
