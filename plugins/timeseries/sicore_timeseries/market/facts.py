r"""The stylised facts of returns: eleven of them, what is expected, and whether it holds.

Source: Cont, "Empirical properties of asset returns: stylized facts and statistical issues",
Quantitative Finance 1, 2001, section 3.

A figure alone says little for a series of a few thousand heavy-tailed numbers. So what is about
dependence in time is compared with 200 shuffles of the series, what is about symmetry with 200
series of random signs, and kurtosis with 200 Gaussian series: a fact holds if the figure lies on
the expected side of 95 % of them. No law of the returns is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError
from sicore_timeseries.market.figures import (
    LAGS,
    SLOW,
    acf,
    aggregated,
    clustering,
    correlation,
    decay_exponent,
    devolatilised,
    excess_kurtosis,
    fano_factor,
    leverage,
    skewness,
    tail_index,
    time_asymmetry,
)

LEAST = 500  # returns: with fewer, most facts cannot be told from chance
DRAWS, LEVEL = 200, 0.95
LONG = 20  # returns of an aggregated one

Figure = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Fact:
    """One stylised fact.

    Attributes:
        name: after Cont.
        what: which figure is given.
        figure: its value; NaN where it is not defined.
        expected: what is found in markets.
        chance: what the figure passes in 5 % of the comparisons; None where it is not compared.
        holds: whether it is as expected.
    """

    name: str
    what: str
    figure: float
    expected: str
    chance: float | None
    holds: bool


@dataclass(frozen=True)
class _Compared:
    """A figure that should lie on one side (``sign``) of those of other series."""

    name: str
    what: str
    figure: Figure
    others: str
    sign: int

    def of(self, r: np.ndarray, others: Sequence[np.ndarray]) -> Fact:
        level = LEVEL if self.sign > 0 else 1 - LEVEL
        chance = float(np.quantile([self.figure(other) for other in others], level))
        value = self.figure(r)
        expected = f"{'positive' if self.sign > 0 else 'negative'}, beyond chance"
        holds = self.sign * value > self.sign * chance
        return Fact(self.name, self.what, value, expected, chance, bool(holds))


_LAGS = f"lags 1-{LAGS}"
_COMPARED = (
    _Compared("heavy tails", "excess kurtosis", excess_kurtosis, "normal", +1),
    _Compared("gain/loss asymmetry", "skewness", skewness, "signed", -1),
    _Compared("intermittency", "Fano factor of large moves", fano_factor, "shuffled", +1),
    _Compared(
        "volatility clustering",
        f"mean autocorrelation of |returns|, {_LAGS}",
        clustering,
        "shuffled",
        +1,
    ),
    _Compared(
        "leverage effect",
        f"mean correlation of a return with later squares, {_LAGS}",
        leverage,
        "shuffled",
        -1,
    ),
    _Compared(
        "asymmetry in time scales",
        "how well coarse volatility foretells fine one, less the other way round",
        time_asymmetry,
        "shuffled",
        +1,
    ),
)


def stylised_facts(
    returns: np.ndarray, volumes: np.ndarray | None = None, seed: int = 0
) -> list[Fact]:
    """The eleven facts of a series, heavy tails by two figures; volume only where it is given.

    Args:
        returns: differences of the log price over equal times, ``(n,)``.
        volumes: traded in the same times, ``(n,)``.
        seed: of the comparisons.

    Raises:
        InputError: for fewer than 500 returns, values that are not finite, returns that never
            change, or volumes that do not fit.
    """
    r = _checked(returns)
    random = np.random.default_rng(seed)
    others = _comparisons(r, random)
    compared = {c.name: c.of(r, others[c.others]) for c in _COMPARED}
    facts = [
        _no_autocorrelation(r),
        compared["heavy tails"],
        _tail_index(r),
        compared["gain/loss asymmetry"],
        _aggregation(r),
        compared["intermittency"],
        compared["volatility clustering"],
        _conditional_tails(r),
        _slow_decay(r, compared["volatility clustering"].holds),
        compared["leverage effect"],
    ]
    if volumes is not None:
        facts.append(_volume(r, _checked_volumes(volumes, len(r)), random))
    return [*facts, compared["asymmetry in time scales"]]


def _comparisons(r: np.ndarray, random: np.random.Generator) -> dict[str, list[np.ndarray]]:
    size = np.abs(r - np.median(r))
    return {
        "shuffled": [random.permutation(r) for _ in range(DRAWS)],
        "signed": [size * random.choice([-1.0, 1.0], len(r)) for _ in range(DRAWS)],
        "normal": [random.standard_normal(len(r)) for _ in range(DRAWS)],
    }


def _no_autocorrelation(r: np.ndarray) -> Fact:
    figure = float(np.sqrt(np.mean(acf(r, LAGS) ** 2)))
    what = f"root mean square autocorrelation of returns, {_LAGS}"
    return Fact("absence of autocorrelations", what, figure, "below 0.1", None, figure < 0.1)


def _tail_index(r: np.ndarray) -> Fact:
    figure = tail_index(r)
    what = "Hill's tail index of the largest 5 % of |returns|"
    return Fact("heavy tails: index", what, figure, "2 to 5", None, 2 < figure < 5)


def _aggregation(r: np.ndarray) -> Fact:
    tail, sums = excess_kurtosis(r), excess_kurtosis(aggregated(r, LONG))
    what = f"excess kurtosis of sums of {LONG}, over that of single returns"
    name = "aggregational Gaussianity"
    return Fact(name, what, _ratio(sums, tail), "below 1", None, tail > 0 and sums < tail)


def _conditional_tails(r: np.ndarray) -> Fact:
    tail, scaled = excess_kurtosis(r), excess_kurtosis(devolatilised(r))
    what = "excess kurtosis of returns over recent volatility, over that of returns"
    name = "conditional heavy tails"
    return Fact(name, what, _ratio(scaled, tail), "0 to 1", None, 0 < scaled < tail)


def _slow_decay(r: np.ndarray, clusters: bool) -> Fact:
    figure = decay_exponent(r)
    what = f"exponent of the power law of the autocorrelation of |returns|, lags 1-{SLOW}"
    name, expected = "slow decay of autocorrelation", "0 to 1, beside clustering"
    return Fact(name, what, figure, expected, None, clusters and 0 < figure < 1)


def _volume(r: np.ndarray, volumes: np.ndarray, random: np.random.Generator) -> Fact:
    moves = np.abs(r)
    compared = _Compared(
        "volume/volatility correlation",
        "correlation of volume and |returns|",
        lambda v: correlation(v, moves),
        "shuffled",
        +1,
    )
    return compared.of(volumes, [random.permutation(volumes) for _ in range(DRAWS)])


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else np.nan


def _checked(returns: np.ndarray) -> np.ndarray:
    r = np.asarray(returns, dtype=float)
    if r.ndim != 1 or len(r) < LEAST:
        raise InputError(f"returns: expected at least {LEAST} in one row, got shape {r.shape}")
    if not np.isfinite(r).all():
        where = int(np.argmin(np.isfinite(r))) + 1
        raise InputError(f"returns: number {where} is {r[where - 1]}; expected finite numbers")
    if np.ptp(r) == 0:
        raise InputError("returns: all are the same number")
    return r


def _checked_volumes(volumes: np.ndarray, n: int) -> np.ndarray:
    v = np.asarray(volumes, dtype=float)
    if v.shape != (n,) or not np.isfinite(v).all() or np.ptp(v) == 0:
        raise InputError(f"volumes: expected {n} finite numbers that change, got shape {v.shape}")
    return v
