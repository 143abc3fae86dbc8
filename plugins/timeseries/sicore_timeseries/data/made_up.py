"""Series that are made up: sums of seasons, trends, wandering and noise, of random strength.

A model that is trained on very many of them forecasts series that it has never seen. The idea of
training on made-up series alone is that of ForecastPFN (Dooley et al., NeurIPS 2023) and of
Chronos (Ansari et al., TMLR 2024); the recipe here is our own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import lfilter

Rows = np.ndarray
SEASONS = (4, 5, 6, 7, 8, 10, 12, 15, 20, 24, 30, 36, 48, 52, 72, 96, 144, 168)
"""In rows; drawn with equal chances."""


def made_up(n: int, length: int, season: int, rng: np.random.Generator) -> Rows:
    """N series ``(n, length)``, float64, of about unit size.

    Each part has, in each series, a strength of 0 or exp(N(0, 1)). Of the series, a fifth have
    another season than ``season``, and a third are then bent: made positive, cut at 0, or rounded.
    """
    true = np.where(rng.random(n) < 0.2, rng.integers(3, 2 * season + 4, n), season)
    total = np.zeros((n, length))
    for part, chance in PARTS:
        there = rng.random(n) < chance
        if there.any():
            strength = np.exp(rng.standard_normal((int(there.sum()), 1)))
            total[there] += strength * part(true[there], length, rng)
    empty = ~total.any(1)
    total[empty] = rng.standard_normal((int(empty.sum()), length))
    return _bent(_unit(total), rng)


def _unit(rows: Rows) -> Rows:
    deviation = rows.std(1, keepdims=True)
    return (rows - rows.mean(1, keepdims=True)) / np.where(deviation > 0, deviation, 1.0)


def _drifting(scale: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    """Ornstein–Uhlenbeck processes of unit variance, with memories of ``scale`` rows ``(n,)``."""
    out = np.empty((len(scale), length))
    for row, memory in enumerate(np.exp(-1 / scale)):
        noise = rng.standard_normal(length) * np.sqrt(1 - memory**2)
        noise[0] = rng.standard_normal()
        out[row] = lfilter([1.0], [1.0, -memory], noise)
    return out


def _memories(n: int, low: float, high: float, rng: np.random.Generator) -> np.ndarray:
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def _profile(phase: np.ndarray, rng: np.random.Generator) -> Rows:
    """A periodic function of a phase in turns ``(n, length)``: harmonics that fall off."""
    n = len(phase)
    steepness = rng.uniform(0.3, 2.5, (n, 1))
    total = np.zeros_like(phase)
    for order in range(1, 9):
        size = rng.standard_normal((n, 1)) * order**-steepness
        total += size * np.sin(2 * np.pi * (order * phase + rng.random((n, 1))))
    return _unit(total)


def _season(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    n = len(season)
    phase = np.arange(length) / season[:, None] + rng.random((n, 1))
    profile = _profile(phase, rng)
    slow = _drifting(_memories(n, 1, 12, rng) * season, length, rng)
    strength = 1 + rng.choice([0.0, 0.2, 0.5], (n, 1)) * slow
    return profile * strength


def _week(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    """Seven seasons that differ: levels, or strengths of the profile."""
    n = len(season)
    days = ((np.arange(length) / season[:, None] + 7 * rng.random((n, 1))) % 7).astype(int)
    odd = rng.random((n, 7)) < 0.3
    level = np.take_along_axis(odd * rng.standard_normal((n, 1)), days, 1)
    both = _profile(np.arange(length) / season[:, None], rng) * (1 + level)
    return np.where(rng.random((n, 1)) < 0.5, level, both)


def _trend(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    """A line with up to three bends."""
    n, rows = len(season), np.arange(length) / length
    total = rng.standard_normal((n, 1)) * rows
    for _ in range(3):
        bend = rng.random((n, 1))
        total += (
            rng.standard_normal((n, 1)) * (rng.random((n, 1)) < 0.3) * np.maximum(rows - bend, 0)
        )
    return 3 * total


def _memory(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    return _drifting(_memories(len(season), 0.5, 200, rng), length, rng)


def _smooth(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    """A process of two memories, whose paths have a slope."""
    n = len(season)
    scale = _memories(n, 1, 40, rng)
    rows = _drifting(scale, length, rng)
    for row, memory in enumerate(np.exp(-1 / scale)):
        rows[row] = lfilter([1 - memory], [1.0, -memory], rows[row])
    return _unit(rows)


def _walk(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    """A random walk whose steps have a size that changes slowly, and heavy tails in half."""
    n = len(season)
    size = np.exp(
        rng.choice([0.0, 0.5, 1.0], (n, 1)) * _drifting(_memories(n, 10, 200, rng), length, rng)
    )
    steps = np.where(
        rng.random((n, 1)) < 0.5, rng.standard_normal((n, length)), rng.standard_t(4, (n, length))
    )
    return (size * steps).cumsum(1) / np.sqrt(length)


def _noise(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    n = len(season)
    tails = np.where(
        rng.random((n, 1)) < 0.6, rng.standard_normal((n, length)), rng.standard_t(3, (n, length))
    )
    loud = 1 + (rng.random((n, 1)) < 0.3) * _profile(np.arange(length) / season[:, None], rng)
    return 0.5 * tails * np.abs(loud)


def _jumps(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    """Levels that change now and then."""
    n = len(season)
    rate = rng.uniform(0.5, 6, (n, 1)) / length
    return _unit((rng.standard_normal((n, length)) * (rng.random((n, length)) < rate)).cumsum(1))


def _bursts(season: np.ndarray, length: int, rng: np.random.Generator) -> Rows:
    n = len(season)
    rate = _memories(n, 0.003, 0.1, rng)[:, None]
    return np.asarray(2 * rng.exponential(size=(n, length)) * (rng.random((n, length)) < rate))


PARTS: tuple[tuple[Callable[[np.ndarray, int, np.random.Generator], Rows], float], ...] = (
    (_season, 0.65),
    (_week, 0.25),
    (_trend, 0.3),
    (_memory, 0.5),
    (_smooth, 0.35),
    (_walk, 0.4),
    (_noise, 0.7),
    (_jumps, 0.08),
    (_bursts, 0.08),
)


def _bent(rows: Rows, rng: np.random.Generator) -> Rows:
    n = len(rows)
    way, amount = rng.random((n, 1)), rng.uniform(0.2, 1.0, (n, 1))
    positive = np.exp(amount * rows)
    cut = np.maximum(rows - rng.uniform(-1.0, 0.5, (n, 1)), 0)
    grid = 4.0 ** rng.uniform(-2, 0.5, (n, 1))
    rounded = np.round(rows / grid) * grid
    return np.select([way < 0.15, way < 0.25, way < 0.33], [positive, cut, rounded], rows)
