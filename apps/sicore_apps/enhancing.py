"""Enhance one recording: once, or as often as posterior samples are wanted, and write the files."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore.hub import Model
from sicore.progress import Bar, progress_bar
from sicore_apps.recordings import Job
from sicore_apps.uncertainty import uncertainty_picture
from sicore_images.rendering import png_bytes
from sicore_speech.enhancement import chunks_of, enhance_blocks
from sicore_speech.recording import Recording, check_format, open_recording, write_recording
from sicore_speech.spectrogram import RATE


@dataclass(frozen=True)
class Ready:
    """A job whose recordings were read through: they are sound.

    Args:
        job: the files.
        noisy: its source.
        reference: the clean recording, if it is known.
    """

    job: Job
    noisy: Recording
    reference: Recording | None


@dataclass(frozen=True)
class Enhanced:
    """What was done.

    Args:
        ready: what there was to do.
        gain: what the results were multiplied by, so that none clips; 1 unless one would.
        seconds: that it took, without writing.
        uncertainty: the picture of the samples' deviation, the bytes of a PNG file.
    """

    ready: Ready
    gain: float
    seconds: float
    uncertainty: bytes | None = None

    @property
    def job(self) -> Job:
        """The files."""
        return self.ready.job

    @property
    def noisy(self) -> Recording:
        """What was read."""
        return self.ready.noisy

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for each second of sound and each sample."""
        return self.seconds / self.noisy.seconds / max(1, self.job.samples)


def work(model: Model, ready: Ready) -> int:
    """How many chunks there are to do, over all channels and samples."""
    chunks = chunks_of(model).count(ready.noisy.length(RATE))
    return chunks * ready.noisy.channels * max(1, ready.job.samples)


def opened(jobs: Iterable[Job]) -> tuple[list[Ready], list[str]]:
    """The jobs that can be done, and what is wrong with the others."""
    ready, failed = [], []
    for job in jobs:
        try:
            noisy = open_recording(job.source)
            reference = None if job.reference is None else open_recording(job.reference)
        except InputError as error:
            failed.append(str(error))
        else:
            ready.append(Ready(job, noisy, reference))
    return ready, failed


def enhance_jobs(
    model: Model,
    ready: Sequence[Ready],
    failed: list[str],
    *,
    seed: int,
    options: Mapping[str, Any],
) -> Iterator[Enhanced]:
    """Enhance one recording after the other, under a bar that counts the chunks of all.

    Args:
        model: a bridge from noisy to clean.
        ready: what to do.
        failed: gets what is wrong with those that could not be done.
        seed: of each recording.
        options: of ``enhance_blocks``.
    """
    chunks = [work(model, each) for each in ready]
    with progress_bar("enhancing", sum(chunks)) as bar:
        for each in ready:
            bar.describe(each.job.source.name)
            try:
                yield enhance_recording(model, each, seed=seed, options=options, bar=bar)
            except InputError as error:
                failed.append(f"{each.job.source}: {error}")


def enhance_recording(
    model: Model,
    ready: Ready,
    *,
    seed: int,
    options: Mapping[str, Any],
    bar: Bar,
) -> Enhanced:
    """Enhance a recording and write its results, block by block.

    Posterior sample k is the result of seed ``seed + k − 1``, and the target is the mean of their
    waveforms: of all signals the one with the least expected squared error.

    Args:
        model: a bridge from noisy to clean.
        ready: what to do.
        seed: of the (first) sample.
        options: of ``enhance_blocks``.
        bar: counts the chunks.

    Raises:
        InputError: when the model does not fit, or a result cannot be written.
    """
    job, noisy = ready.job, ready.noisy
    check_format(job.target, noisy.rate, noisy.channels)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".enhance-", dir=job.target.parent) as folder:
        scratch, started = Path(folder), time.monotonic()
        drawn = []
        for number in range(max(1, job.samples)):
            clean = _clean(model, noisy, seed + number, options, bar)
            drawn.append(_kept(scratch / f"{number}.w64", clean, noisy))
        seconds = time.monotonic() - started
        if not job.samples:
            gain = _write({job.target: drawn[0]}, noisy)
            return Enhanced(ready, gain, seconds)
        mean = _kept(scratch / "mean.w64", _mean(drawn), noisy)
        picture = png_bytes(uncertainty_picture(mean, drawn))
        samples = {job.sample(number): sample for number, sample in enumerate(drawn, 1)}
        gain = _write({job.target: mean} | samples, noisy)
        write_atomically(job.uncertainty, lambda path: path.write_bytes(picture))
        return Enhanced(ready, gain, seconds, picture)


def _clean(
    model: Model,
    noisy: Recording,
    seed: int,
    options: Mapping[str, Any],
    bar: Bar,
) -> Iterator[np.ndarray]:
    """The enhanced recording at the model's rate."""
    blocks = (torch.from_numpy(np.ascontiguousarray(block)) for block in noisy.blocks(RATE))
    n = noisy.length(RATE)
    for block in enhance_blocks(model, blocks, n, seed=seed, advance=bar.advance, **options):
        yield block.numpy()


def _kept(path: Path, blocks: Iterator[np.ndarray], noisy: Recording) -> Recording:
    """A recording at the model's rate, in floats, for as long as the work goes on."""
    return write_recording(path, blocks, RATE, noisy.channels, "FLOAT")


def _mean(drawn: list[Recording]) -> Iterator[np.ndarray]:
    for blocks in zip(*(sample.blocks() for sample in drawn), strict=True):
        yield np.mean(blocks, 0)


def _write(results: Mapping[Path, Recording], noisy: Recording) -> float:
    """Write with the source's rate and length; all are scaled down alike if one would clip.

    Returns:
        What they were multiplied by.
    """
    loudest = max(
        float(np.abs(block).max())
        for clean in results.values()
        for block in clean.blocks(noisy.rate, noisy.n)
    )
    gain = 1 / max(1.0, loudest)
    for target, clean in results.items():
        blocks = (gain * block for block in clean.blocks(noisy.rate, noisy.n))
        write_recording(target, blocks, noisy.rate, noisy.channels, noisy.subtype)
    return gain
