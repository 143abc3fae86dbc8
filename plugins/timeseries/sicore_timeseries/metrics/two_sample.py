"""The strict two-sample test: boosted trees that tell samples from real windows.

Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017. Trees see each value
and each difference of two values in a row, so small errors of either show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, mannwhitneyu
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values, overlap, pair_of

BLOCKS = 10
KEPT = 4  # a block is this many times as long as what is left out of it


class TooFewWindows(InputError):
    """Windows overlap so much that two blocks have no room in them."""


@dataclass(frozen=True)
class TwoSampleTest:
    """How well samples can be told from real windows.

    Args:
        accuracy: share of right answers on windows that the trees did not learn from, as many of
            each kind; ½ if nothing tells them apart.
        low: lower end of its 95 % interval (Wilson's); too narrow where windows overlap.
        high: upper end.
        auc: area under the ROC curve: the chance that of a real window and a sample the real one
            looks more real.
        n: how many windows were judged.
    """

    accuracy: float
    low: float
    high: float
    auc: float
    n: int


def classifier_test(
    samples: Values, real: Values, *, blocks: int | None = None, seed: int = 0
) -> TwoSampleTest:
    """Accuracy and AUC of boosted trees on values and differences; needs scikit-learn.

    Both sets are cut, in their order, into blocks; every other block is what the trees learn from,
    and they are judged by the others. Real windows that share rows with a window of the block
    before are left out, so that no row is on both sides. Many blocks keep slow changes of a series
    on both sides; with 2 the trees have to judge a later time than they have seen.

    Args:
        samples: ``(n, T, C)``, in any units.
        real: ``(m, T, C)``, windows that the model was not trained on, in order of time. Of the
            larger set, only as many as the smaller one has are used, spread over it.
        blocks: how many, at least 2; if not given 10, or as many as leave three quarters of the
            windows.
        seed: of the trees.

    Raises:
        InputError: as `pair_of` does, or without scikit-learn.
        TooFewWindows: when blocks are too short for the overlap of the windows.

    Source: Lopez-Paz and Oquab 2017, section 3.
    """
    a, b = pair_of(samples, real)
    n = min(len(a), len(b))
    a, b = _spread(a, n), _spread(b, n)
    learn_a, judge_a = _blocks(a, blocks)
    learn_b, judge_b = _blocks(b, blocks)
    size_learn, size_judge = min(len(learn_a), len(learn_b)), min(len(judge_a), len(judge_b))
    trees = _trees(seed)
    trees.fit(*_labelled(_spread(learn_a, size_learn), _spread(learn_b, size_learn)))
    x, label = _labelled(_spread(judge_a, size_judge), _spread(judge_b, size_judge))
    chance = trees.predict_proba(x)[:, 1]
    hits = int(((chance > 0.5) == label).sum())
    interval = binomtest(hits, len(label)).proportion_ci(method="wilson")
    return TwoSampleTest(
        hits / len(label),
        float(interval.low),
        float(interval.high),
        _auc(chance, label),
        len(label),
    )


def _trees(seed: int) -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise InputError(
            "the two-sample test needs scikit-learn: pip install 'sicore-timeseries[metrics]'"
        ) from error
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed)


def _blocks(windows: Tensor, blocks: int | None) -> tuple[Tensor, Tensor]:
    """The windows of even and of odd blocks, without those that share rows with the one before."""
    n, shared = len(windows), overlap(windows)
    count = max(2, min(BLOCKS, n // (KEPT * shared + 1))) if blocks is None else blocks
    length = n // count if count > 1 else 0
    if length <= shared:
        raise TooFewWindows(
            f"two-sample test: {n} windows, each of which shares rows with the next {shared}, in "
            f"{count} blocks: expected two blocks or more of more than {shared} windows each; take "
            "fewer blocks, or more windows"
        )
    place = np.arange(n)
    block = np.minimum(place // length, count - 1)
    apart = (place - block * length >= shared) | (block == 0)
    return windows[(block % 2 == 0) & apart], windows[(block % 2 == 1) & apart]


def _labelled(samples: Tensor, real: Tensor) -> tuple[np.ndarray, np.ndarray]:
    features = [
        np.concatenate(
            (x.flatten(1).numpy(force=True), x.diff(dim=1).flatten(1).numpy(force=True)), 1
        )
        for x in (samples, real)
    ]
    return np.concatenate(features), np.repeat([False, True], [len(samples), len(real)])


def _auc(chance: np.ndarray, label: np.ndarray) -> float:
    """The Mann–Whitney statistic, over the number of pairs; ties count half."""
    real, samples = chance[label], chance[~label]
    return float(mannwhitneyu(real, samples).statistic / (len(real) * len(samples)))


def _spread(windows: Tensor, n: int) -> Tensor:
    """So many of the windows, at equal distances."""
    return windows[np.arange(n) * len(windows) // n]
