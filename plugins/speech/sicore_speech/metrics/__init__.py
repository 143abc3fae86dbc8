"""How good is an enhanced recording: samples, listeners, words; and a model on many of them."""

from sicore_speech.metrics.composite import (
    Composite,
    composite,
    log_likelihood_ratio,
    segmental_snr,
    weighted_spectral_slope,
)
from sicore_speech.metrics.evaluation import SECONDS, evaluate
from sicore_speech.metrics.listeners import dnsmos, estoi, pesq_wide_band
from sicore_speech.metrics.projections import si_sar, si_sdr, si_sir
from sicore_speech.metrics.table import METRICS, Metric, Trial, scores
from sicore_speech.metrics.words import Transcriber, word_error_rate, word_errors

__all__ = [
    "METRICS",
    "SECONDS",
    "Composite",
    "Metric",
    "Transcriber",
    "Trial",
    "composite",
    "dnsmos",
    "estoi",
    "evaluate",
    "log_likelihood_ratio",
    "pesq_wide_band",
    "scores",
    "segmental_snr",
    "si_sar",
    "si_sdr",
    "si_sir",
    "weighted_spectral_slope",
    "word_error_rate",
    "word_errors",
]
