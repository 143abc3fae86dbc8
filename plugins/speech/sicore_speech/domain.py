"""Speech as a domain: waveforms outside, compressed spectrograms inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sicore.errors import InputError
from sicore.hub.domain import Domain
from sicore.states import State, TensorSpace
from sicore_speech.audio import read_audio, write_audio
from sicore_speech.spectrogram import RATE, Spectrogram

if TYPE_CHECKING:
    from sicore.hub.model import Model


class Speech(Domain):
    """States are compressed spectrograms ``(B, 2, bins, frames)`` of 16 kHz waveforms.

    They are not standardised: the paths of speech enhancement state their noise for recordings
    that are divided by the peak of the noisy one, see ``sicore_speech.spectrogram.loudest``.

    Args:
        frames: of a segment; with the hop they say how long it is.
        n_fft: samples of a frame.
        hop: samples between frames.
        factor: scale of the compressed amplitudes.
        exponent: of the amplitude.

    Raises:
        InputError: when the numbers make no spectrogram.
    """

    name: ClassVar[str] = "speech"
    standardised: ClassVar[bool] = False
    metric_choice: ClassVar[bool] = True

    def __init__(
        self,
        frames: int = 256,
        n_fft: int = 510,
        hop: int = 128,
        factor: float = 0.15,
        exponent: float = 0.5,
    ) -> None:
        self.spectrogram = Spectrogram(n_fft, hop, factor, exponent)
        if self.spectrogram.samples(frames) <= n_fft // 2:
            raise InputError(f"domain.frames: {frames} are shorter than a frame of {n_fft} samples")
        self.frames = frames
        self.space = TensorSpace((2, self.spectrogram.bins, frames))

    @property
    def samples(self) -> int:
        """The samples of a segment."""
        return self.spectrogram.samples(self.frames)

    def encode(self, items: Any) -> Tensor:
        """Waveforms ``(B, samples)``, floats with peak 1 or int16, to float32 states."""
        waveform = torch.as_tensor(items)
        if waveform.ndim != 2 or waveform.shape[1] != self.samples:
            raise InputError(
                f"waveforms: expected shape (B, {self.samples}), got {tuple(waveform.shape)}"
            )
        floats = waveform.float() / 32768 if waveform.dtype == torch.int16 else waveform.float()
        return self.spectrogram.encode(floats)

    def decode(self, x: State) -> Tensor:
        """States to waveforms ``(B, samples)``."""
        assert isinstance(x, Tensor)
        return self.spectrogram.decode(x)

    def read(self, path: Path, *, resize: bool = False) -> Tensor:
        """A recording of the model's length, ``(1, samples)``: the first channel, at 16 kHz.

        Args:
            path: a sound file.
            resize: cut a longer recording, and let silence follow a shorter one.

        Raises:
            InputError: when it cannot be read, or has another length.
        """
        sound = read_audio(Path(path)).resampled(RATE)
        waveform = torch.from_numpy(sound.samples[:1].copy())
        if resize:
            missing = max(0, self.samples - waveform.shape[1])
            waveform = F.pad(waveform, (0, missing))[:, : self.samples]
        if waveform.shape[1] != self.samples:
            raise InputError(
                f"{path}: has {waveform.shape[1]} samples at 16 kHz, the model's segments have "
                f"{self.samples}; cut it to {self.samples / RATE:.2f} s, or add --resize"
            )
        return waveform

    def save(self, decoded: Any, folder: Path, *, stem: str = "sample") -> Sequence[Path]:
        """One WAV file for each waveform, ``stem-0000.wav`` …, scaled down if it would clip."""
        paths = []
        for number, waveform in enumerate(torch.as_tensor(decoded).float().cpu()):
            quiet = waveform / max(1.0, float(waveform.abs().max()))
            path = Path(folder) / f"{stem}-{number:04d}.wav"
            paths.append(write_audio(path, quiet.unsqueeze(0).numpy(), RATE))
        return paths

    def evaluate(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """PESQ, ESTOI and SI-SDR of enhanced mixtures, or ``metrics``: `sicore_speech.metrics`."""
        from sicore_speech.metrics import evaluate

        return evaluate(model, n=n, seed=seed, **options)
