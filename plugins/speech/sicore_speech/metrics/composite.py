r"""Composite measures: what people would say of the speech, the background and both.

Regressions of listeners' marks, from 1 to 5, on four measures (Hu and Loizou):

    CSIG = 3.093 − 1.029 LLR + 0.603 PESQ − 0.009 WSS
    CBAK = 1.634 + 0.478 PESQ − 0.007 WSS + 0.063 SNRseg
    COVL = 1.594 + 0.805 PESQ − 0.512 LLR − 0.007 WSS

They were fitted with narrow-band PESQ at 8 kHz. At 16 kHz the literature of speech enhancement puts
wide-band PESQ in, and so does this file: compare only with figures that were made so.

Sources: Hu and Loizou, "Evaluation of objective quality measures for speech enhancement", 2008;
Loizou, "Speech Enhancement: Theory and Practice", 2nd ed., 2013, chapter 11; Klatt, "Prediction of
perceived phonetic distance from critical-band spectra", 1982.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from sicore.errors import InputError
from sicore_speech.metrics.listeners import pesq_wide_band
from sicore_speech.spectrogram import RATE

FRAME, HOP = 480, 120  # samples: 30 ms, a quarter of it
ORDER = 16  # of linear prediction
KEPT = 0.95  # the share of frames that counts for LLR and WSS: the ones with the least distance
SNR_RANGE = (-10.0, 35.0)  # dB
FLOOR = 1e-10  # power; −100 dB

# fmt: off
BANDS = np.array([
    50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717, 904.128, 1020.38,
    1148.30, 1288.72, 1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04,
    3276.17, 3597.63,
])
"""Centres of the critical bands in Hz; they end at 3.6 kHz, whatever the sample rate."""
WIDTHS = np.array([
    70, 70, 70, 70, 70, 70, 70, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914,
    140.423, 153.823, 168.154, 183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126,
    321.465, 346.136,
])
# fmt: on
K_MAX, K_LOCAL = 20.0, 1.0  # dB, of Klatt's weights


@dataclass(frozen=True)
class Composite:
    """The three marks, and what they are made of.

    Args:
        csig: of the speech, 1 to 5.
        cbak: of the background, 1 to 5.
        covl: of both, 1 to 5.
        pesq: wide band.
        llr: log-likelihood ratio.
        wss: weighted spectral slope.
        segsnr: segmental signal-to-noise ratio in dB.
    """

    csig: float
    cbak: float
    covl: float
    pesq: float
    llr: float
    wss: float
    segsnr: float

    def figures(self) -> dict[str, float]:
        """All of them by name."""
        return asdict(self)


def composite(clean: np.ndarray, estimate: np.ndarray) -> Composite:
    """The composite measures of two waveforms ``(n,)`` at 16 kHz.

    Raises:
        InputError: when the package of PESQ is missing or finds no speech, or for less than 30 ms.
    """
    pesq = pesq_wide_band(clean, estimate)
    llr = log_likelihood_ratio(clean, estimate)
    wss = weighted_spectral_slope(clean, estimate)
    segsnr = segmental_snr(clean, estimate)
    csig = 3.093 - 1.029 * llr + 0.603 * pesq - 0.009 * wss
    cbak = 1.634 + 0.478 * pesq - 0.007 * wss + 0.063 * segsnr
    covl = 1.594 + 0.805 * pesq - 0.512 * llr - 0.007 * wss
    csig, cbak, covl = (float(np.clip(mark, 1, 5)) for mark in (csig, cbak, covl))
    return Composite(csig, cbak, covl, pesq, llr, wss, segsnr)


def segmental_snr(clean: np.ndarray, estimate: np.ndarray) -> float:
    """The mean over frames of ``10 log10 (‖x‖² / ‖x − x̂‖²)``, each limited to −10 … 35 dB."""
    x, y = _frames(clean), _frames(estimate)
    tiny = np.finfo(np.float64).eps
    ratio = np.square(x).sum(1) / (np.square(x - y).sum(1) + tiny)
    return float(np.clip(10 * np.log10(ratio + tiny), *SNR_RANGE).mean())


def log_likelihood_ratio(clean: np.ndarray, estimate: np.ndarray) -> float:
    """The mean over the best 95 % of the frames of ``ln (aₑᵀ R aₑ / aᵀ R a)``.

    ``R`` is the autocorrelation matrix of the clean frame, ``a`` its filter of linear prediction of
    order 16, and ``aₑ`` that of the estimate: how much less well the estimate's filter predicts the
    clean frame than its own. Waveforms ``(n,)`` at 16 kHz; frames of silence count 0.

    Raises:
        InputError: for recordings that are shorter than a frame of 30 ms.
    """
    r, a = _prediction(_frames(clean))
    _, other = _prediction(_frames(estimate))
    lag = np.abs(np.subtract.outer(np.arange(ORDER + 1), np.arange(ORDER + 1)))
    matrix = r[:, lag]
    own, foreign = (np.einsum("fi,fij,fj->f", b, matrix, b) for b in (a, other))
    heard = own > 0
    ratio = np.ones_like(own)
    ratio[heard] = foreign[heard] / own[heard]
    return _trimmed(np.log(ratio))


def weighted_spectral_slope(clean: np.ndarray, estimate: np.ndarray) -> float:
    """Klatt's distance: weighted squared differences of the slopes of the spectra, in dB².

    A slope is the difference of the levels of two neighbouring critical bands. Its weight,

        W = K_max / (K_max + E_max − E) · K_local / (K_local + E_peak − E),

    is large near the loudest band and near the peak that the slope leads to, and is the mean of
    those of both recordings. On a rising slope the peak is looked up one band short, as the
    published programs do, for figures to be comparable. Waveforms ``(n,)`` at 16 kHz.

    Raises:
        InputError: for recordings that are shorter than a frame of 30 ms.
    """
    levels = [_band_levels(_frames(wave)) for wave in (clean, estimate)]
    slopes = [np.diff(level, axis=1) for level in levels]
    pairs = zip(levels, slopes, strict=True)
    weight = np.sum([_klatt_weights(level, slope) for level, slope in pairs], axis=0)
    squares = np.square(slopes[0] - slopes[1])
    return _trimmed((weight * squares).sum(1) / weight.sum(1))


def _frames(wave: np.ndarray) -> np.ndarray:
    """Frames ``(f, 480)`` under a Hann window without its zeros; the last whole one is left out."""
    if wave.ndim != 1 or len(wave) < FRAME + HOP:
        raise InputError(
            f"composite measures: expected {FRAME + HOP} samples or more, got shape {wave.shape}"
        )
    window = np.hanning(FRAME + 2)[1:-1]
    cut = np.lib.stride_tricks.sliding_window_view(np.asarray(wave, np.float64), FRAME)
    return cut[: len(wave) - FRAME - HOP + 1 : HOP] * window


def _trimmed(distances: np.ndarray) -> float:
    kept = max(1, round(KEPT * len(distances)))
    return float(np.sort(distances)[:kept].mean())


def _prediction(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Autocorrelations ``(f, 17)`` and the filters ``(1, −a₁ …)`` by Levinson and Durbin."""
    r = np.stack(
        [(frames[:, : FRAME - k] * frames[:, k:]).sum(1) for k in range(ORDER + 1)], axis=1
    )
    a = np.zeros_like(r)
    a[:, 0] = 1.0
    error = r[:, 0].copy()
    for order in range(1, ORDER + 1):
        residual = (a[:, :order] * r[:, order:0:-1]).sum(1)
        reflection = -np.divide(residual, error, out=np.zeros_like(error), where=error > 0)
        a[:, : order + 1] += reflection[:, None] * a[:, order::-1]
        error *= 1 - reflection**2
    return r, a


def _band_levels(frames: np.ndarray) -> np.ndarray:
    """Levels of the critical bands in dB, ``(f, 25)``."""
    size = 2 * 512  # samples of the transform: the power of two from two frames' length on
    power = np.square(np.abs(np.fft.rfft(frames, size)))[:, : size // 2]
    bins = BANDS * size / RATE
    distance = (np.arange(size // 2) - np.floor(bins)[:, None]) / (WIDTHS * size / RATE)[:, None]
    filters = WIDTHS[0] / WIDTHS[:, None] * np.exp(-11 * distance**2)
    filters[filters <= np.exp(-30 / (2 * 2.303))] = 0
    return 10 * np.log10(np.maximum(power @ filters.T, FLOOR))


def _klatt_weights(level: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """``W`` of each slope, ``(f, 24)``."""
    count = slope.shape[1]
    peak = np.empty_like(slope)
    last = level[:, count - 1]  # a slope that rises to the end
    for band in reversed(range(count)):
        rising = slope[:, band] > 0
        follows = rising & (slope[:, band + 1] > 0) if band + 1 < count else rising
        last = np.where(follows, last, level[:, band])
        peak[:, band] = last
    first = level[:, 0]
    for band in range(count):
        falling = slope[:, band] <= 0
        follows = falling & (slope[:, band - 1] <= 0) if band else falling
        first = np.where(follows, first, level[:, band])
        peak[:, band] = np.where(falling, first, peak[:, band])
    below = level[:, :-1]
    loudest = level.max(1, keepdims=True)
    return K_MAX / (K_MAX + loudest - below) * K_LOCAL / (K_LOCAL + peak - below)
