r"""What listeners hear of an error of the data prediction, as terms of the loss.

The mean square of complex coefficients makes a prediction too quiet wherever it is unsure of the
phase. Its magnitudes and its waveform are therefore compared too:
``magnitude · mean (|D| − |x1|)² + waveform · mean |istft(D) − istft(x1)|``.

With these terms D is no longer exactly the conditional mean, as in the papers.

Sources: Braun and Tashev, "Data augmentation and loss normalization for deep noise suppression",
2020 (magnitudes beside complex coefficients); Jukić et al., "Schrödinger bridge for generative
speech enhancement", 2024 (waveform).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import InterpolantSample
from sicore.predictions import DATA, Kind, Value
from sicore_speech.spectrogram import Spectrogram

SMALLEST = 1e-6  # of a compressed magnitude, where the square root has no derivative


@dataclass(frozen=True)
class SpectralLoss:
    """Differences of magnitudes and of waveforms, of a model that predicts the data.

    Args:
        magnitude: weight of the mean square of differences of compressed magnitudes.
        waveform: weight of the mean absolute difference of waveforms with peak 1.

    Raises:
        InputError: for negative weights, or a model that predicts something else.
    """

    magnitude: float = 1.0
    waveform: float = 0.1

    def __post_init__(self) -> None:
        if not (self.magnitude >= 0 and self.waveform >= 0):
            raise InputError(
                f"speech/spectral: expected weights >= 0, got {self.magnitude} and {self.waveform}"
            )

    def of_value(self, kind: Kind, value: Value, sample: InterpolantSample) -> Tensor:
        """The weighted differences of each sample, ``(B,)``."""
        if kind != DATA or not isinstance(value, Tensor) or not isinstance(sample.x1, Tensor):
            raise InputError("speech/spectral: compares predicted data; set prediction=data")
        difference = magnitudes(value) - magnitudes(sample.x1)
        loss = self.magnitude * difference.square().mean((1, 2))
        if self.waveform == 0:
            return loss
        spectrogram = Spectrogram()
        distance = spectrogram.decode(value) - spectrogram.decode(sample.x1)
        return loss + self.waveform * distance.abs().mean(1)


def magnitudes(x: Tensor) -> Tensor:
    """The compressed magnitudes ``(B, bins, frames)`` of states."""
    return (x.square().sum(1) + SMALLEST**2).sqrt()
