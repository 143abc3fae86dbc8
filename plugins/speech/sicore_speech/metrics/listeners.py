r"""Models of listeners, from packages: PESQ and ESTOI beside the clean recording, DNSMOS alone.

PESQ (wide band, −0.5 to 4.64) is quality and ESTOI (0 to 1) intelligibility. DNSMOS is a network
that was trained on the marks (1 to 5) that people gave to recordings.

Sources: ITU-T P.862.2, 2007; Jensen and Taal, "An algorithm for predicting the intelligibility of
speech masked by modulated noise maskers", 2016; Reddy, Gopal and Cutler, "DNSMOS P.835", 2022.
"""

from __future__ import annotations

import numpy as np

from sicore.errors import InputError
from sicore_speech.spectrogram import RATE


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


def dnsmos(estimate: np.ndarray) -> dict[str, float]:
    """DNSMOS of one recording at 16 kHz, full scale at 1; no clean recording is needed.

    The network hears 9 s; shorter recordings are repeated. One that is louder than full scale is
    scaled down.

    Returns:
        Marks from 1 to 5: ``dnsmos_sig`` of the speech, ``dnsmos_bak`` of the background,
        ``dnsmos_ovrl`` of both (P.835), and ``dnsmos_p808``.

    Raises:
        InputError: when the packages are missing, or the recording is empty.
    """
    try:
        from speechmos.dnsmos import run
    except ImportError:
        raise InputError("DNSMOS is not installed; pip install 'sicore-speech[dnsmos]'") from None
    wave = np.asarray(estimate, np.float32)
    if wave.ndim != 1 or not len(wave):
        raise InputError(f"DNSMOS: expected one channel of samples, got shape {wave.shape}")
    marks = run(wave / max(1.0, float(np.abs(wave).max())), sr=RATE, return_df=False)
    return {
        f"dnsmos_{part}": float(marks[f"{part}_mos"]) for part in ("sig", "bak", "ovrl", "p808")
    }
