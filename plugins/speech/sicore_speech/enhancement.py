"""A model on recordings of any length: in overlapping chunks, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_speech.audio import Sound
from sicore_speech.chunks import Chunks
from sicore_speech.spectrogram import RATE, loudest

if TYPE_CHECKING:
    from sicore.hub.model import Model


def enhance(
    model: Model,
    waveform: Tensor,
    *,
    seed: int = 0,
    overlap: int | None = None,
    batch_size: int = 8,
    **options: Any,
) -> Tensor:
    """Clean one channel of a recording.

    Each chunk is divided by its peak before and multiplied by it after, as in training, so that
    loudness is kept. Sample k of a seed belongs to chunk k whatever the batch size.

    Args:
        model: a bridge from noisy to clean in the domain of speech.
        waveform: float32 ``(n,)`` at 16 kHz.
        seed: of the sampler.
        overlap: samples that a chunk shares with the next one; by default a quarter of it.
        batch_size: chunks at once.
        options: passed on to ``model.sample``: ``solver``, ``steps``, ``grid``, ``epsilon``.

    Returns:
        ``(n,)``, on the same device as the waveform.

    Raises:
        InputError: for another domain's model, a model that does not start from the recording, or
            a waveform that is empty or not finite.
    """
    if model.domain.name != "speech" or model.coupling.observed is None:
        raise InputError(
            "enhance: needs a bridge of the domain 'speech', from noisy to clean recordings; "
            f"this model is of the domain '{model.domain.name}'"
        )
    if waveform.ndim != 1 or not len(waveform) or not bool(waveform.isfinite().all()):
        raise InputError(
            f"waveform: expected one channel of finite samples, got shape {tuple(waveform.shape)}"
        )
    domain: Any = model.domain
    chunks = Chunks(domain.samples, domain.samples // 4 if overlap is None else overlap)
    clean = torch.zeros_like(waveform, dtype=torch.float32)
    for first, last in chunks.batches(len(waveform), batch_size):
        noisy = chunks.cut(waveform.float(), first, last)
        peak = loudest(noisy)
        drawn = model.sample(
            last - first,
            x0=domain.encode(noisy / peak),
            seed=seed,
            first_index=first,
            batch_size=batch_size,
            **options,
        )
        chunks.add(clean, domain.decode(drawn.x).to(clean) * peak, first)
    return clean


def enhance_sound(model: Model, sound: Sound, **options: Any) -> Sound:
    """Clean every channel of a recording at any sample rate; rate and length stay the same.

    What lies above 8 kHz, which the models do not know, is not in the result. A result that would
    clip is scaled down as a whole.

    Args:
        model: a bridge from noisy to clean in the domain of speech.
        sound: the recording.
        options: of `enhance`.

    Raises:
        InputError: as `enhance` does.
    """
    narrow = torch.from_numpy(sound.resampled(RATE).samples)
    clean = torch.stack([enhance(model, channel, **options) for channel in narrow])
    wide = Sound(clean.numpy(), RATE).resampled(sound.rate).samples
    n = sound.samples.shape[1]
    samples = np.pad(wide[:, :n], ((0, 0), (0, max(0, n - wide.shape[1]))))
    return Sound(samples / max(1.0, float(np.abs(samples).max(initial=0.0))), sound.rate)
