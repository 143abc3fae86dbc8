"""The metrics by name: three that are always computed, and those that somebody asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError
from sicore.plugins import get_registry
from sicore_speech.metrics import listeners, projections
from sicore_speech.metrics.composite import composite as composite_of
from sicore_speech.metrics.listeners import estoi, pesq_wide_band
from sicore_speech.metrics.projections import si_sdr


@dataclass(frozen=True)
class Trial:
    """What a metric compares: waveforms ``(n,)`` at 16 kHz.

    Args:
        clean: the truth.
        estimate: the enhanced recording.
        noisy: what it was made from.
    """

    clean: np.ndarray
    estimate: np.ndarray
    noisy: np.ndarray


Metric = Callable[[Trial], Mapping[str, float]]
"""Figures by name; what a plugin registers in the group ``metric``."""

METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "pesq": pesq_wide_band,
    "estoi": estoi,
    "si_sdr": si_sdr,
}
"""The metrics that are computed when none is named."""


def scores(
    clean: np.ndarray,
    estimate: np.ndarray,
    noisy: np.ndarray | None = None,
    metrics: Sequence[str] = (),
) -> dict[str, float]:
    """The figures of one recording.

    Args:
        clean: waveform ``(n,)`` at 16 kHz.
        estimate: of it.
        noisy: what it was estimated from; only the metrics that are named may need it.
        metrics: names in the registry's group ``metric`` (``sicore plugins speech``), such as
            ``speech/composite``; by default `METRICS`.

    Raises:
        InputError: for waveforms of several lengths, and as the metrics do.
        UnknownName: for a metric that no plugin brings.
    """
    shapes = {np.shape(wave) for wave in (clean, estimate, noisy) if wave is not None}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise InputError(f"metrics: expected waveforms (n,) of one length, got {sorted(shapes)}")
    if not metrics:
        return {name: metric(clean, estimate) for name, metric in METRICS.items()}
    if noisy is None:
        raise InputError("metrics: metrics by name compare with the noisy recording, too: give it")
    trial, figures = Trial(clean, estimate, noisy), dict[str, float]()
    for name in metrics:
        figures |= get_registry().resolve("metric", name)(trial)
    return figures


def pesq(trial: Trial) -> dict[str, float]:
    """``speech/pesq``."""
    return {"pesq": pesq_wide_band(trial.clean, trial.estimate)}


def intelligibility(trial: Trial) -> dict[str, float]:
    """``speech/estoi``."""
    return {"estoi": estoi(trial.clean, trial.estimate)}


def ratios(trial: Trial) -> dict[str, float]:
    """``speech/si-sdr``: SI-SDR, and the SI-SIR and SI-SAR that it is made of."""
    triple = (trial.clean, trial.estimate, trial.noisy)
    return {
        "si_sdr": si_sdr(trial.clean, trial.estimate),
        "si_sir": projections.si_sir(*triple),
        "si_sar": projections.si_sar(*triple),
    }


def composite(trial: Trial) -> dict[str, float]:
    """``speech/composite``: CSIG, CBAK, COVL, and PESQ, LLR, WSS, segmental SNR."""
    return composite_of(trial.clean, trial.estimate).figures()


def dnsmos(trial: Trial) -> dict[str, float]:
    """``speech/dnsmos``."""
    return listeners.dnsmos(trial.estimate)
