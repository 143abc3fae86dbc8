r"""A distance of loudness, as ears have it: the disturbance of ITU-T P.862, as a loss.

From the power spectrum of a frame to what is heard of it: the powers of 48 bands of 0.44
Bark are summed, and become loudness by Zwicker's law

    ``L = (P0/½)^0.23 ((½ + ½ P/P0)^0.23 − 1)``, 0 below the threshold of hearing P0.

The disturbance of a band is ``d = max(|L̂ − L| − ¼ min(L̂, L), 0)``: a small difference is masked.
Added noise is worse than lost speech, so it counts once more by ``h = ((P̂ + 50)/(P + 50))^1.2``,
0 where h < 3 and at most 12. Over bands ``‖w d‖_2`` and ``‖w h d‖_1``; a frame counts more if it is
quiet. Both recordings are brought to one level first. The loss is ``0.1 D + 0.0309 A``, the points
of the mean opinion score that are lost.

It is not PESQ: no alignment in time, no filters of a handset, bands and threshold by formula.

Sources: ITU-T Recommendation P.862, 2001, and P.862.2, 2007; Martín-Doñas et al., "A deep learning
loss function based on the perceptual evaluation of the speech quality", 2018; Jukić et al.,
"Schrödinger bridge for generative speech enhancement", 2024 (such a term beside a bridge's loss);
Traunmüller, "Analytical expressions for the tonotopic sensory scale", 1990; Terhardt, "Calculating
virtual pitch", 1979 (threshold).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import InterpolantSample
from sicore.predictions import DATA, Kind, Value
from sicore_speech.spectrogram import RATE, Spectrogram

BANDS = 48
LEVEL = 1e7  # the mean power of a recording, between 325 and 3250 Hz, in units of the threshold
QUIETEST = 1e-9  # of a recording's power, so that silence has a gradient
LEAST = 1e-3  # of a disturbance, whose sixth power still is a float32
EXPONENT = 0.23


@dataclass(frozen=True)
class LoudnessLoss:
    """The loudness distance of predicted data, of a model that predicts the data.

    Args:
        weight: of the points of the opinion score that are lost.

    Raises:
        InputError: for a negative weight, or a model that predicts something else.
    """

    weight: float = 1e-3

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise InputError(f"speech/loudness: expected a weight >= 0, got {self.weight}")

    def of_value(self, kind: Kind, value: Value, sample: InterpolantSample) -> Tensor:
        """The weighted distance of each sample, ``(B,)``."""
        if kind != DATA or not isinstance(value, Tensor) or not isinstance(sample.x1, Tensor):
            raise InputError("speech/loudness: compares predicted data; set prediction=data")
        with torch.autocast(value.device.type, enabled=False):
            return self.weight * loudness_distance(sample.x1.float(), value.float())


def loudness_distance(clean: Tensor, estimate: Tensor) -> Tensor:
    """How much of an estimate is heard to be wrong, ``(B,)``, in points of the opinion score.

    Args:
        clean: states ``(B, 2, bins, frames)`` (``sicore_speech.spectrogram``).
        estimate: states of the same shape.
    """
    bands, threshold, width = _bands(clean)
    reference, degraded = (_band_powers(x, bands) for x in (clean, estimate))
    heard, wrong = _loudness(reference, threshold), _loudness(degraded, threshold)
    masked = 0.25 * torch.minimum(heard, wrong)
    disturbance = ((wrong - heard).abs() - masked).clamp(min=0)
    ratio = ((degraded + 50) / (reference + 50)) ** 1.2
    added = torch.where(ratio < 3, torch.zeros_like(ratio), ratio.clamp(max=12))
    total = width.sum()
    both = total.sqrt() * ((width * disturbance).square().sum(1) + QUIETEST).sqrt()
    asymmetric = (width * disturbance * added).sum(1)
    quiet = ((reference[:, 1:].sum(1) + 1e5) / LEVEL) ** 0.04
    worst = [(d / quiet).clamp(max=45) for d in (both, asymmetric)]
    return 0.1 * _over_time(worst[0]) + 0.0309 * _over_time(worst[1])


def _over_time(frames: Tensor, window: int = 40) -> Tensor:
    """Root mean square over the recording of the sixth-power mean of each third of a second."""
    length = min(window, frames.shape[1])
    parts = frames.unfold(1, length, max(1, length // 2))
    inner = (parts + LEAST).pow(6).mean(2).pow(1 / 6)
    return inner.square().mean(1).sqrt()


def _band_powers(x: Tensor, bands: Tensor) -> Tensor:
    """Powers of the bands ``(B, BANDS, frames)``, of recordings at one level."""
    spectrogram = Spectrogram()
    amplitude = x.square().sum(1) / spectrogram.factor**2
    power = amplitude ** (1 / spectrogram.exponent)
    frequencies = torch.arange(power.shape[1], device=x.device) * RATE / spectrogram.n_fft
    voice = (frequencies > 325) & (frequencies < 3250)
    level = power[:, voice].sum(1).mean(1) + QUIETEST
    return torch.einsum("kf,bft->bkt", bands, power) * (LEVEL / level)[:, None, None]


def _loudness(power: Tensor, threshold: Tensor) -> Tensor:
    """Zwicker's law, in sone up to a factor."""
    above = (0.5 + 0.5 * power / threshold) ** EXPONENT - 1
    loud = (threshold / 0.5) ** EXPONENT * above
    return torch.where(power > threshold, loud, torch.zeros_like(loud)) * 0.187


def _bands(like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which bins each band takes, its threshold as a power ``(BANDS, 1)``, its width in Bark."""
    bins, device = like.shape[2], like.device
    frequencies = torch.arange(bins, device=device) * RATE / Spectrogram().n_fft
    bark = 26.81 / (1 + 1960 / frequencies.clamp(min=20)) - 0.53
    edges = torch.linspace(float(bark[1]), float(bark[-1]) + 1e-3, BANDS + 1, device=device)
    of = torch.bucketize(bark, edges[1:-1], right=True)
    bands = torch.nn.functional.one_hot(of, BANDS).T.to(like.dtype)
    bands[:, 0] = 0  # the mean
    centre = (edges[:-1] + edges[1:]) / 2
    hertz = 1960 / (26.81 / (centre + 0.53) - 1)
    kilo = (hertz / 1000).clamp(min=0.02)
    decibels = 3.64 * kilo**-0.8 - 6.5 * torch.exp(-0.6 * (kilo - 3.3) ** 2) + 1e-3 * kilo**4
    threshold = 10 ** (decibels.clamp(max=70) / 10)
    width = (edges[1:] - edges[:-1]).to(like.dtype)
    return bands, threshold.to(like.dtype).unsqueeze(1), width.unsqueeze(1)
