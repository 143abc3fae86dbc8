r"""The state of speech: a complex short-time Fourier transform with compressed amplitudes.

Speech has a few loud bins and many quiet ones that matter as much to the ear. Compression brings
them together: each coefficient c becomes ``factor · |c|^exponent · e^{i∠c}``.

Source: Richter et al., "Speech enhancement and dereverberation with diffusion-based generative
models", 2023, section IV-B, from where the numbers are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError

RATE = 16_000
"""Samples per second of all states."""


@dataclass(frozen=True)
class Spectrogram:
    """Waveforms to states and back.

    Frame j is centred on sample ``j · hop``; beyond the ends the waveform is mirrored. A state has
    the real and the imaginary part as its two channels, ``(B, 2, n_fft // 2 + 1, frames)``.

    Args:
        n_fft: samples of a frame and of its window, a periodic Hann window.
        hop: samples between frames.
        factor: scale of the compressed amplitudes.
        exponent: in (0, 1], of the amplitude.

    Raises:
        InputError: unless the frames overlap by half or more, and the numbers are positive.
    """

    n_fft: int = 510
    hop: int = 128
    factor: float = 0.15
    exponent: float = 0.5

    def __post_init__(self) -> None:
        if self.n_fft < 2 or not 1 <= self.hop <= self.n_fft // 2:
            raise InputError(
                f"spectrogram: expected frames that overlap by half or more, 1 <= hop <= n_fft/2, "
                f"got n_fft {self.n_fft} and hop {self.hop}"
            )
        if not (0 < self.factor < math.inf and 0 < self.exponent <= 1):
            raise InputError(
                f"spectrogram: expected factor > 0 and 0 < exponent <= 1, got {self.factor} and "
                f"{self.exponent}"
            )

    @property
    def bins(self) -> int:
        """Frequencies of a frame."""
        return self.n_fft // 2 + 1

    def samples(self, frames: int) -> int:
        """The length of the waveform that has so many frames."""
        return (frames - 1) * self.hop

    def encode(self, waveform: Tensor) -> Tensor:
        """``(B, samples)`` to ``(B, 2, bins, samples // hop + 1)``, compressed.

        Raises:
            InputError: for a waveform too short to be mirrored at its ends.
        """
        if waveform.ndim != 2 or waveform.shape[1] <= self.n_fft // 2:
            raise InputError(
                f"waveform: expected shape (B, samples) with more than {self.n_fft // 2} samples, "
                f"got {tuple(waveform.shape)}"
            )
        window = self._window(waveform)
        c = torch.stft(waveform, self.n_fft, self.hop, window=window, return_complex=True)
        return torch.stack((c.real, c.imag), 1) * self._gain(c.abs(), self.exponent, self.factor)

    def decode(self, x: Tensor, samples: int | None = None) -> Tensor:
        """The waveforms ``(B, samples)`` of states; by default as long as their frames say.

        Differentiable, also where a coefficient is 0.
        """
        amplitude = (x.square().sum(1)).clamp(min=torch.finfo(x.dtype).tiny).sqrt() / self.factor
        wide = x * self._gain(amplitude, 1 / self.exponent, 1 / self.factor)
        c = torch.complex(wide[:, 0].contiguous(), wide[:, 1].contiguous())
        length = self.samples(x.shape[-1]) if samples is None else samples
        return torch.istft(c, self.n_fft, self.hop, window=self._window(x), length=length)

    def _gain(self, amplitude: Tensor, exponent: float, factor: float) -> Tensor:
        """``factor · |c|^(exponent − 1)``, ``(B, 1, bins, frames)``, 0 where c is 0."""
        positive = amplitude.clamp(min=torch.finfo(amplitude.dtype).tiny)
        return (factor * positive ** (exponent - 1)).unsqueeze(1)

    def _window(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.n_fft, periodic=True, dtype=like.dtype, device=like.device)


def loudest(waveform: Tensor) -> Tensor:
    """What both signals are divided by: ``max |y|`` of each noisy one, ``(B, 1)``; 1 for silence.

    Args:
        waveform: the noisy recordings ``(B, samples)``.
    """
    peak = waveform.abs().amax(-1, keepdim=True)
    return torch.where(peak > 0, peak, torch.ones_like(peak))
