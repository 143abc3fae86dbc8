"""A model on many test recordings, by the metrics that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sicore_speech.enhancement import enhance
from sicore_speech.metrics.table import scores
from sicore_speech.spectrogram import RATE

if TYPE_CHECKING:
    from sicore.hub.model import Model

SECONDS = 5.4  # of a test recording


def evaluate(
    model: Model,
    *,
    n: int = 40,
    seed: int = 0,
    split: str = "test",
    metrics: Sequence[str] = (),
    **options: Any,
) -> dict[str, Any]:
    """Enhance n mixtures of unseen speakers and noises, and compare with the clean recordings.

    Args:
        model: a bridge from noisy to clean.
        n: how many; by 40 each of the ten noises has been met at each of the four ratios.
        seed: of the sampler; the mixtures are always the same.
        split: ``test`` or ``validation``.
        metrics: names in the registry's group ``metric``; by default PESQ, ESTOI and SI-SDR.
        options: passed on to ``model.sample``.

    Returns:
        ``{"n", "noisy": {metric: mean}, "model": {metric: mean}, "each": [...]}``.
    """
    data = model.config.data.build(split=split)
    samples = int(SECONDS * RATE)
    rows = []
    for number in range(min(n, len(data))):
        clean, noisy = data.waveforms(number, samples)
        estimate = enhance(model, torch.from_numpy(noisy), seed=seed, **options).numpy()
        before, after = (scores(clean, wave, noisy, metrics) for wave in (noisy, estimate))
        rows.append({"noisy": before, "model": after})
    return {
        "n": len(rows),
        "noisy": _mean([row["noisy"] for row in rows]),
        "model": _mean([row["model"] for row in rows]),
        "each": rows,
    }


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
