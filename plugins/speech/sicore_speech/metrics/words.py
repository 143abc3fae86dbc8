"""Word errors, by a transcriber that a plugin brings: none comes with this one.

A plugin gives its transcriber a name, and ``sicore evaluate`` can use it:

    from sicore_speech.metrics import word_errors

    wer = word_errors(transcribe)  # transcribe(waveform, rate) -> str

    registry.add("metric", "mine/wer", "mine.plugin:wer")  # in its sicore_register
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from sicore.errors import InputError
from sicore_speech.metrics.table import Metric, Trial
from sicore_speech.spectrogram import RATE

Transcriber = Callable[[np.ndarray, int], str]
"""Speech to text: a waveform ``(n,)``, float32 with full scale at 1, and its samples per second."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Substituted, missing and extra words, over the words of the reference.

    It is the least number of such edits (Levenshtein). Case and punctuation do not count. It can be
    above 1, when there are many extra words.

    Raises:
        InputError: for a reference without words.
    """
    wanted, heard = words(reference), words(hypothesis)
    if not wanted:
        raise InputError("word error rate: the reference text has no words")
    distances = np.arange(len(heard) + 1)  # from no word of the reference to so many heard ones
    for count, word in enumerate(wanted, 1):
        missed = distances + 1
        substituted = distances[:-1] + np.array([other != word for other in heard], int)
        best = np.append(count, np.minimum(missed[1:], substituted))
        extra = np.arange(len(best))
        distances = np.minimum.accumulate(best - extra) + extra
    return float(distances[-1] / len(wanted))


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


def word_errors(transcriber: Transcriber) -> Metric:
    """The metric ``wer``: what the transcriber hears in the estimate, beside the clean recording.

    The reference is its own text of the clean recording, so that the errors are those that noise
    and enhancement make, and not the transcriber's. A recording in which it hears no words counts
    as one word, for the rate to exist.
    """

    def metric(trial: Trial) -> dict[str, float]:
        clean = transcriber(trial.clean, RATE)
        heard = transcriber(trial.estimate, RATE)
        if not words(clean):
            return {"wer": float(len(words(heard)))}
        return {"wer": word_error_rate(clean, heard)}

    return metric
