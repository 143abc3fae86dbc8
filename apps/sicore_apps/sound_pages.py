"""What a page shows of enhanced recordings: to see, to hear, and in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sicore.errors import InputError
from sicore.hub import Model
from sicore.report import Figure, Page, Player, Section, Table
from sicore_apps.charts import Panel, chart
from sicore_apps.enhancing import Enhanced
from sicore_apps.spectra import decibels, frames, pooled, powers
from sicore_images.rendering import png_bytes
from sicore_speech.audio import flac_bytes
from sicore_speech.metrics import METRICS
from sicore_speech.recording import Recording, open_recording
from sicore_speech.spectrogram import RATE

RANGE = 80.0  # dB from the darkest to the brightest colour
HEARD = 30.0  # seconds of a player,
HEARD_IN_ALL = 300.0  # of all recordings of a page together,
LEAST_HEARD = 5.0  # and of each, however many there are
MEASURED = 60.0  # seconds from the start that the metrics look at
MOST = 60  # recordings on a page

TITLES = {"pesq": "PESQ (wide band)", "estoi": "ESTOI", "si_sdr": "SI-SDR (dB)"}
FORMATS = {"pesq": ".2f", "estoi": ".3f", "si_sdr": ".1f"}


@dataclass(frozen=True)
class Told:
    """What the page says about all its recordings.

    Args:
        model: name or folder.
        command: the command line that makes the results.
        settings: how they are made.
        recordings: how many there are; the more, the shorter are the players.
    """

    model: str
    command: str
    settings: Mapping[str, object]
    recordings: int

    @property
    def heard(self) -> float:
        """The seconds that a player holds."""
        return min(HEARD, max(LEAST_HEARD, HEARD_IN_ALL / self.recordings))


def settings_of(
    model: Model, name: str, options: Mapping[str, Any], seed: int, samples: int | None
) -> dict[str, object]:
    """What the results depend on, the model's own choices filled in."""
    own = model.config.sampling
    told: dict[str, object] = {
        "model": name,
        "solver": options.get("solver", own.solver.name),
        "steps": options.get("steps", own.steps),
        "precision": "bfloat16" if options.get("bfloat16") else "float32",
        "device": model.device.type,
        "seed": seed if not samples else f"{seed} to {seed + samples - 1}",
    }
    return told | ({"posterior samples": samples} if samples else {})


def sound_page(told: Told, sections: Sequence[Section]) -> Page:
    """The page; its sections are those of `sound_section`."""
    lead = f"{told.recordings} recording{'s' * (told.recordings != 1)}, by the model {told.model}."
    if told.recordings > MOST:
        lead += f" The page shows the first {MOST}."
    rows = list(told.settings.items())
    first = Section("How", command=told.command, tables=[Table(("setting", "value"), rows)])
    footer = (
        "Spectrograms and players are at 16 kHz, the rate of the model; the files keep theirs. "
        "What is lost in noise is guessed: do not rely on an enhanced recording for what was said."
    )
    return Page("Enhanced recordings", lead, [*sections, first], footer)


def sound_section(done: Enhanced, told: Told) -> Section:
    """One recording: players, spectrograms before and after, and figures."""
    noisy, clean = done.noisy, open_recording(done.job.target)
    known = done.ready.reference
    named = {"before": noisy, "after": clean} | ({"clean reference": known} if known else {})
    figures = [_spectrograms(named)]
    if done.uncertainty is not None:
        caption = (
            "Where the model is unsure: how far the samples differ at each time and frequency, in "
            "decibels; bins 60 dB below the loudest count as silent."
        )
        figures.append(Figure(done.uncertainty, caption, smooth=True))
    players = [_player(recording, name, told.heard) for name, recording in named.items()]
    tables = [Table(("", "value"), _facts(done))]
    if known:
        measured, text = _measured(known, noisy, clean)
        tables.insert(0, measured)
    else:
        text = "No clean reference was given (--reference), so nothing is measured here."
    return Section(noisy.path.name, text=text, figures=figures, tables=tables, players=players)


def _spectrograms(named: Mapping[str, Recording]) -> Figure:
    """All over the same decibels, below the loudest bin of the first."""
    spectra = {name: pooled(powers(each), frames(each)) for name, each in named.items()}
    first = next(iter(named))
    loudest = float(spectra[first].max()) or 1.0
    panels = [
        Panel(name, decibels(power / loudest, 1e-30), -RANGE, 0.0)
        for name, power in spectra.items()
    ]
    caption = f"Spectrograms, in decibels relative to the loudest bin of the recording {first}."
    picture = chart(panels, named[first].seconds, RATE / 2000)
    return Figure(png_bytes(picture), caption, smooth=True)


def _player(recording: Recording, name: str, seconds: float) -> Player:
    """The first seconds of at most two channels, as FLAC."""
    wave = beginning(recording, seconds)[:2]
    whole = recording.seconds <= seconds
    caption = name if whole else f"{name}: the first {seconds:g} of {recording.seconds:.0f} s"
    if recording.channels > 2:
        caption += f", the first two of {recording.channels} channels"
    return Player(flac_bytes(wave, RATE), "audio/flac", caption)


def beginning(recording: Recording, seconds: float) -> np.ndarray:
    """The first seconds at 16 kHz, ``(channels, n)``; the recording is read no further."""
    n = min(recording.length(RATE), round(seconds * RATE))
    return np.concatenate(list(recording.blocks(RATE, n)), 1)


def _facts(done: Enhanced) -> list[tuple[str, object]]:
    noisy = done.noisy
    rows: list[tuple[str, object]] = [
        ("result", done.job.target),
        ("length", f"{noisy.seconds:.2f} s"),
        ("channels, sample rate", f"{noisy.channels}, {noisy.rate} Hz"),
        ("real-time factor", _pace(done.real_time_factor, done.job.samples)),
    ]
    if done.gain < 1:
        rows.append(("scaled down, not to clip", f"{20 * np.log10(done.gain):.1f} dB"))
    return rows


def _pace(factor: float, samples: int) -> str:
    pace = f"{1 / factor:.1f} times faster" if factor < 1 else f"{factor:.1f} times slower"
    return f"{factor:.3f}{' for each sample' * bool(samples)}: {pace} than real time"


def _measured(known: Recording, noisy: Recording, clean: Recording) -> tuple[Table, str]:
    """PESQ, ESTOI and SI-SDR before and after, of the mean of the channels."""
    if abs(known.seconds - noisy.seconds) > 0.05:
        return Table(("metric", "before", "after"), []), (
            f"The reference is {known.seconds:.2f} s long and the recording {noisy.seconds:.2f} s: "
            "they do not belong together, and nothing is measured."
        )
    waves = [beginning(each, MEASURED).mean(0) for each in (known, noisy, clean)]
    n = min(len(wave) for wave in waves)
    truth, before, after = (wave[:n] for wave in waves)
    rows, missing = [], []
    for name, metric in METRICS.items():
        try:
            pair = [f"{metric(truth, wave):{FORMATS[name]}}" for wave in (before, after)]
        except InputError as error:
            missing.append(str(error))
        else:
            rows.append((TITLES[name], *pair))
    part = "" if known.seconds <= MEASURED else f" of the first {MEASURED:g} s"
    text = f"Measured against the clean reference {known.path.name}{part}."
    return Table(("metric", "before", "after"), rows), " ".join([text, *missing])
