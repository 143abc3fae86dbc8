"""A model on recordings of any length: in overlapping chunks, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import to
from sicore_speech.audio import Sound
from sicore_speech.chunks import Chunks
from sicore_speech.recording import fitted, resampled
from sicore_speech.spectrogram import RATE, loudest

if TYPE_CHECKING:
    from sicore.hub.model import Model

Advance = Callable[[int], object]


def enhance_blocks(
    model: Model,
    blocks: Iterable[Tensor],
    n: int,
    *,
    seed: int = 0,
    overlap: int | None = None,
    batch_size: int = 8,
    bfloat16: bool = False,
    advance: Advance | None = None,
    **options: Any,
) -> Iterator[Tensor]:
    """Clean a recording that comes in blocks, and goes in others.

    Each chunk of each channel is divided by its own peak before and multiplied by it after, as in
    training, so that loudness is kept. (With one number for the whole recording, what is 20 dB
    below its loudest part would hardly be cleaned: networks know what they were trained on.)
    Sample k of a seed belongs to chunk k of every channel whatever the batch size.

    Args:
        model: a bridge from noisy to clean in the domain of speech.
        blocks: float32 ``(channels, m)`` at 16 kHz, of any lengths.
        n: samples in all.
        seed: of the sampler.
        overlap: samples that a chunk shares with the next one; by default a quarter of it, such
            that the frames of all chunks are those of the whole recording.
        batch_size: chunks at once.
        bfloat16: run the network's convolutions and products in bfloat16.
        advance: called with a number of chunks when they are done, ``n_chunks`` for each channel.
        options: passed on to ``model.sample``: ``solver``, ``steps``, ``grid``, ``epsilon``.

    Yields:
        Blocks ``(channels, m)``, n samples in all, on the device of the blocks.

    Raises:
        InputError: for another domain's model, a model that does not start from the recording, or
            a result that is not finite.
    """
    chunks = chunks_of(model, overlap)
    domain: Any = model.domain

    def clean(first: int, noisy: Tensor) -> Tensor:
        peak = loudest(noisy)
        with torch.autocast(model.device.type, torch.bfloat16) if bfloat16 else nullcontext():
            drawn = model.sample(
                len(noisy),
                x0=domain.encode(noisy / peak),
                seed=seed,
                first_index=first,
                batch_size=batch_size,
                **options,
            )
        if bool(drawn.status.any()):
            raise InputError(
                f"the result is not finite near {first * chunks.hop / RATE:.0f} s: take more steps "
                "or another solver"
            )
        if advance is not None:
            advance(len(noisy))
        return cast("Tensor", domain.decode(to(drawn.x, noisy.device, noisy.dtype)) * peak)

    pieces = (
        (first, torch.stack([clean(first, channel) for channel in noisy]))
        for first, noisy in chunks.cut(blocks, n, batch_size)
    )
    yield from chunks.join(pieces, n)


def enhance(model: Model, waveform: Tensor, **options: Any) -> Tensor:
    """Clean one channel of a recording.

    Args:
        model: a bridge from noisy to clean in the domain of speech.
        waveform: float32 ``(n,)`` at 16 kHz.
        options: of `enhance_blocks`.

    Returns:
        ``(n,)``, on the same device as the waveform.

    Raises:
        InputError: as `enhance_blocks` does, and for a waveform that is empty or not finite.
    """
    if waveform.ndim != 1 or not len(waveform) or not bool(waveform.isfinite().all()):
        raise InputError(
            f"waveform: expected one channel of finite samples, got shape {tuple(waveform.shape)}"
        )
    whole = [waveform.float().unsqueeze(0)]
    return torch.cat(list(enhance_blocks(model, whole, len(waveform), **options)), 1)[0]


def enhance_sound(model: Model, sound: Sound, **options: Any) -> Sound:
    """Clean every channel of a recording at any sample rate; rate and length stay the same.

    What lies above 8 kHz, which the models do not know, is not in the result. A result that would
    clip is scaled down as a whole.

    Args:
        model: a bridge from noisy to clean in the domain of speech.
        sound: the recording.
        options: of `enhance_blocks`.

    Raises:
        InputError: as `enhance` does.
    """
    channels, n = sound.samples.shape
    narrow = torch.from_numpy(sound.resampled(RATE).samples)
    clean = torch.stack([enhance(model, channel, **options) for channel in narrow]).numpy()
    wide = fitted(resampled([clean], channels, RATE, sound.rate), channels, n)
    samples = np.concatenate(list(wide), 1)
    return Sound(samples / max(1.0, float(np.abs(samples).max(initial=0.0))), sound.rate)


def chunks_of(model: Model, overlap: int | None = None) -> Chunks:
    """How a model's recordings are cut.

    Raises:
        InputError: for another domain's model, or a model that does not start from the recording.
    """
    if model.domain.name != "speech" or model.coupling.observed is None:
        raise InputError(
            "enhance: needs a bridge of the domain 'speech', from noisy to clean recordings; "
            f"this model is of the domain '{model.domain.name}'"
        )
    domain: Any = model.domain
    hop = domain.spectrogram.hop
    quarter = domain.samples - hop * (3 * domain.frames // 4)
    return Chunks(domain.samples, quarter if overlap is None else overlap, step=hop)
