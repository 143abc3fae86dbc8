r"""The published protocol: the discriminative and the predictive score of TimeGAN.

For comparison with published tables only. `sicore_timeseries.metrics.two_sample` and
`sicore_timeseries.metrics.prediction` ask the same questions strictly; the guide "What the figures
of series mean" says what is wrong with these.

Source: Yoon et al., "Time-series generative adversarial networks", NeurIPS 2019, section 5, and the
code that was published with it, which is what others compare with. The paper speaks of two-layer
LSTMs; the code, which we follow, has one layer of gated recurrent units.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor
from torch.nn.functional import softplus

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values, pair_of
from sicore_timeseries.metrics.judges import Judges, draw, train

JUDGES = 10
TRAINED = 0.8  # the share of windows that a judge learns from


def discriminative_score(
    samples: Values,
    real: Values,
    *,
    judges: int = JUDGES,
    iterations: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """``|accuracy − ½|`` of recurrent judges that tell samples from real windows, ``(J,)``.

    Each judge has ``max(⌊C/2⌋, 1)`` hidden numbers, its own split of 80 % to learn from and 20 % to
    be judged by, and batches of 128 a side. Published are mean and standard deviation over ten.

    Args:
        samples: ``(n, T, C)``, scaled to [0, 1] as the real ones are, by their least and greatest
            values.
        real: ``(m, T, C)``; by the protocol m = n.
        judges: J.
        iterations: of Adam; the protocol has 2000.
        seed: of weights, splits and batches.

    Raises:
        InputError: as `pair_of` does, or for fewer than five windows a side, judges or iterations
            below 1.

    Source: see the top of this file.
    """
    a, b = (values.float() for values in pair_of(samples, real))
    if min(len(a), len(b)) < 5 or judges < 1:
        raise InputError(
            "discriminative score: expected five windows a side and one judge or more, got "
            f"{len(a)}, {len(b)} and {judges}"
        )
    generator = torch.Generator().manual_seed(seed)
    network = Judges(judges, a.shape[2], max(a.shape[2] // 2, 1), generator).to(a.device)
    parts = [_split(len(values), judges, generator) for values in (a, b)]
    sets = (a, b)

    def loss() -> Tensor:
        x_fake, x_real = (
            values[learnt.gather(1, draw(judges, learnt.shape[1], generator))]
            for values, (learnt, _) in zip(sets, parts, strict=True)
        )
        logits_fake, logits_real = network.last(torch.cat((x_fake, x_real), 1)).split(
            (x_fake.shape[1], x_real.shape[1]), dim=1
        )
        return softplus(logits_fake).mean(1) + softplus(-logits_real).mean(1)

    train(network, loss, iterations)
    with torch.no_grad():
        wrong, right = (
            (network.last(values[kept]) > 0) for values, (_, kept) in zip(sets, parts, strict=True)
        )
    accuracy = torch.cat((~wrong, right), 1).double().mean(1)
    return (accuracy - 0.5).abs().numpy(force=True)


def discriminative_floor(n: int, m: int | None = None) -> float:
    """What judges score that toss a coin: the mean of ``|K/N − ½|``, K binomial.

    N is the number of windows that are judged, a fifth of both sets. Overlapping windows are not
    independent, so that real data may score more.

    Args:
        n: how many samples.
        m: how many real windows; n if not given.
    """
    judged = sum(size - int(size * TRAINED) for size in (n, n if m is None else m))
    hits = np.arange(judged + 1)
    return float((binom.pmf(hits, judged, 0.5) * np.abs(hits / judged - 0.5)).sum())


def predictive_score(
    samples: Values,
    real: Values,
    *,
    judges: int = JUDGES,
    iterations: int = 5000,
    seed: int = 0,
) -> np.ndarray:
    """Mean absolute error, on real windows, of judges that learnt from samples, ``(J,)``.

    They predict the last column one step ahead from all others, up to now.

    Args:
        samples: ``(n, T, C)``, scaled to [0, 1], C at least 2.
        real: ``(m, T, C)``.
        judges: J.
        iterations: of Adam; the protocol has 5000.
        seed: of weights and batches.

    Raises:
        InputError: as `pair_of` does, or for a single column, judges or iterations below 1.

    Source: see the top of this file.
    """
    a, b = (values.float() for values in pair_of(samples, real))
    columns = a.shape[2]
    if columns < 2 or judges < 1:
        raise InputError(
            "predictive score: expected two columns and one judge or more, got "
            f"{columns} and {judges}; `prediction_error` takes single columns"
        )
    generator = torch.Generator().manual_seed(seed)
    network = Judges(judges, columns - 1, max(columns // 2, 1), generator).to(a.device)

    def error(windows: Tensor) -> Tensor:
        predicted = network.every(windows[:, :, :-1, :-1]).sigmoid()
        return (predicted - windows[:, :, 1:, -1]).abs().mean((1, 2))

    train(network, lambda: error(a[draw(judges, len(a), generator)]), iterations)
    with torch.no_grad():
        total = sum(error(part.expand(judges, -1, -1, -1)) * len(part) for part in b.split(4096))
    return (total / len(b)).numpy(force=True)  # type: ignore[union-attr]


def constant_prediction(real: Values) -> float:
    """The predictive score of the best constant: the median of the last column.

    A score that is no better says nothing of the samples.
    """
    last = torch.as_tensor(real).double()[:, 1:, -1]
    return float((last - last.median()).abs().mean())


def _split(n: int, judges: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """For each judge, the windows that it learns from and those that it is judged by."""
    orders = torch.stack([torch.randperm(n, generator=generator) for _ in range(judges)])
    learnt = int(n * TRAINED)
    return orders[:, :learnt], orders[:, learnt:]
