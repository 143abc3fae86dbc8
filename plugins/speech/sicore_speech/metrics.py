r"""How close is an enhanced recording to the clean one, to the ear and in samples?

PESQ (wide band, −0.5 to 4.64) and ESTOI (0 to 1) model listeners: quality and intelligibility.
SI-SDR is the ratio of target and error in dB, whatever the scale of the estimate.

Sources: ITU-T P.862.2, 2007; Jensen and Taal, "An algorithm for predicting the intelligibility of
speech masked by modulated noise maskers", 2016; Le Roux et al., "SDR – half-baked or well done?",
2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sicore.errors import InputError
from sicore_speech.enhancement import enhance
from sicore_speech.spectrogram import RATE

if TYPE_CHECKING:
    from sicore.hub.model import Model

SECONDS = 5.4  # of a test recording
Metric = Callable[[np.ndarray, np.ndarray], float]


def si_sdr(clean: np.ndarray, estimate: np.ndarray) -> float:
    """``10 log10 (‖a x‖² / ‖a x − x̂‖²)`` with ``a = ⟨x̂, x⟩ / ‖x‖²``, in dB, both of mean 0."""
    x, y = (np.asarray(wave, np.float64) - np.mean(wave) for wave in (clean, estimate))
    target = x * (x @ y) / max(float(x @ x), 1e-20)
    error = y - target
    return float(10 * np.log10((target @ target + 1e-20) / (error @ error + 1e-20)))


def pesq_wide_band(clean: np.ndarray, estimate: np.ndarray) -> float:
    """PESQ of two recordings at 16 kHz.

    Raises:
        InputError: when the package is missing, or finds no speech.
    """
    try:
        from pesq import PesqError, pesq
    except ImportError:
        raise InputError("PESQ is not installed; pip install 'sicore-speech[metrics]'") from None
    try:
        return float(pesq(RATE, clean, estimate, "wb"))
    except PesqError as error:
        raise InputError(f"PESQ cannot be computed: {error}") from None


def estoi(clean: np.ndarray, estimate: np.ndarray) -> float:
    """ESTOI of two recordings at 16 kHz.

    Raises:
        InputError: when the package is missing.
    """
    try:
        from pystoi import stoi
    except ImportError:
        raise InputError("ESTOI is not installed; pip install 'sicore-speech[metrics]'") from None
    return float(stoi(clean, estimate, RATE, extended=True))


METRICS: dict[str, Metric] = {"pesq": pesq_wide_band, "estoi": estoi, "si_sdr": si_sdr}


def scores(clean: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
    """All metrics of one recording."""
    return {name: metric(clean, estimate) for name, metric in METRICS.items()}


def evaluate(
    model: Model,
    *,
    n: int = 40,
    seed: int = 0,
    split: str = "test",
    **options: Any,
) -> dict[str, Any]:
    """Enhance n mixtures of unseen speakers and noises, and compare with the clean recordings.

    Args:
        model: a bridge from noisy to clean.
        n: how many; by 40 each of the ten noises has been met at each of the four ratios.
        seed: of the sampler; the mixtures are always the same.
        split: ``test`` or ``validation``.
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
        rows.append({"noisy": scores(clean, noisy), "model": scores(clean, estimate)})
    return {
        "n": len(rows),
        "noisy": _mean([row["noisy"] for row in rows]),
        "model": _mean([row["model"] for row in rows]),
        "each": rows,
    }


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
