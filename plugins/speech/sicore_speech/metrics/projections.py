r"""Ratios of powers in samples, whatever the scale of the estimate: SI-SDR, SI-SIR, SI-SAR.

With the clean recording ``x``, the noise ``n`` that was added to it and the estimate ``x̂``, all of
mean 0,

    target = P_x x̂,    interference = P_{x,n} x̂ − P_x x̂,    artefacts = x̂ − P_{x,n} x̂,

where ``P`` projects onto the span of its indices. The three are orthogonal, so that the powers of
the errors add up: ``1/SDR = 1/SIR + 1/SAR`` (as ratios, not in dB).

Source: Le Roux, Wisdom, Erdogan and Hershey, "SDR – half-baked or well done?", 2019.
"""

from __future__ import annotations

import numpy as np

TINY = 1e-20


def si_sdr(clean: np.ndarray, estimate: np.ndarray) -> float:
    """Target to all errors: ``10 log10 (‖P_x x̂‖² / ‖x̂ − P_x x̂‖²)`` in dB, waveforms ``(n,)``."""
    x, y = _centred(clean), _centred(estimate)
    target = _projection(y, x)
    return _decibels(target, y - target)


def si_sir(clean: np.ndarray, estimate: np.ndarray, noisy: np.ndarray) -> float:
    """Target to what is left of the noise, in dB.

    Args:
        clean: waveform ``(n,)``.
        estimate: of it.
        noisy: what it was estimated from; the noise is ``noisy − clean``.
    """
    target, interference, _ = _parts(clean, estimate, noisy)
    return _decibels(target, interference)


def si_sar(clean: np.ndarray, estimate: np.ndarray, noisy: np.ndarray) -> float:
    """Target to what the enhancement itself has put in or taken away, in dB; see `si_sir`."""
    target, _, artefacts = _parts(clean, estimate, noisy)
    return _decibels(target, artefacts)


def _parts(
    clean: np.ndarray, estimate: np.ndarray, noisy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Target, interference and artefacts."""
    x, y = _centred(clean), _centred(estimate)
    noise = _centred(noisy) - x
    apart = noise - _projection(noise, x)  # the part of the noise that the target has not
    target, interference = _projection(y, x), _projection(y, apart)
    return target, interference, y - target - interference


def _centred(wave: np.ndarray) -> np.ndarray:
    return np.asarray(wave, np.float64) - np.mean(wave, dtype=np.float64)


def _projection(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return x * (x @ y) / max(float(x @ x), TINY)


def _decibels(target: np.ndarray, error: np.ndarray) -> float:
    return float(10 * np.log10((target @ target + TINY) / (error @ error + TINY)))
