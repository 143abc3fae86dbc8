r"""The distance of two laws of paths that a generator can be trained by: MMD on signatures.

``2 E|φ(X) − φ(Y)| − E|φ(X) − φ(X')| − E|φ(Y) − φ(Y')|``, with φ the signature up to level m of the
path with time, each number in units of its deviation over the real windows, and with primes for
independent copies, is the squared MMD with the kernel ``|φ| + |φ'| − |φ − φ'|``, which is
characteristic on signatures: it is 0 only for equal laws of φ. Unlike a kernel ``⟨φ, φ'⟩`` it does
not only compare means, and it has no width to choose. It is taken of the whole window, of its
halves and quarters, and of each two rows in turn, for the sake of what happens in a few steps; time
runs through a part as it does through the whole. The mean over these four is returned.

Sources: Chevyrev and Oberhauser, "Signature moments to characterize laws of stochastic processes",
2022; Sejdinovic et al., "Equivalence of distance-based and RKHS-based statistics in hypothesis
testing", 2013; Morrill et al., "A generalised signature method for multivariate time series
feature extraction", 2020, for the parts of a window.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sicore_timeseries.metrics.signatures import (
    flat,
    from_zero,
    line_signature,
    product,
    with_time,
)

ROUNDING = 1e-5  # a number that deviates by less is the same for all windows, as time is


def part_features(windows: Tensor, times: Tensor, depth: int) -> list[Tensor]:
    """φ of the whole, of halves, quarters and pairs of rows, each ``(parts, B, F)``.

    Args:
        windows: without gaps, ``(B, T, C)``; they are divided by ``√C``.
        times: ``(B, T)``.
        depth: m.
    """
    rows, found = windows.shape[1], []
    shares = [(rows // count, count) for count in (1, 2, 4) if rows // count > 2]
    for length, count in [*shares, (2, rows - 1)]:
        starts = [k * (rows - length) // max(count - 1, 1) for k in range(count)]
        parts = torch.cat([windows[:, k : k + length] for k in starts]) / windows.shape[2] ** 0.5
        stamps = torch.cat([times[:, k : k + length] for k in starts])
        stamps = (stamps - stamps[:, :1]) * (rows - 1) / (length - 1)
        found.append(signature_features(parts, stamps, depth).unflatten(0, (count, -1)))
    return found


def signature_distance(made: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """The distance of two batches by their `part_features`, a scalar.

    The estimate is unbiased but for the units, which are those of ``real``; it may be negative.
    """
    scales = []
    for a, b in zip(made, real, strict=True):
        unit, mean = torch.std_mean(b, 1, keepdim=True)
        unit = torch.where(unit > ROUNDING * mean.abs(), unit, 1.0)
        scales.append(energy_distance((a - mean) / unit, (b - mean) / unit).mean())
    return torch.stack(scales).mean()


def signature_features(windows: Tensor, times: Tensor, depth: int) -> Tensor:
    """φ of windows ``(B, T, C)`` at times ``(B, T)`` from 0; where a path starts counts."""
    start = torch.zeros_like(times[:, :1])
    path = with_time(from_zero(windows), torch.cat((start, times), 1))
    return flat(_by_halves(path.diff(dim=1), depth))


def _by_halves(steps: Tensor, depth: int) -> list[Tensor]:
    """The signature of steps ``(B, N, d)``, by a tree of products: few calls, more memory."""
    rows = steps.shape[:2]
    levels = [level.unflatten(0, rows) for level in line_signature(steps.flatten(0, 1), depth)]
    while (count := levels[0].shape[1]) > 1:
        even = count // 2 * 2
        first, second = ([v[:, k:even:2].flatten(0, 1) for v in levels] for k in (0, 1))
        joined = [v.unflatten(0, (rows[0], -1)) for v in product(first, second)]
        levels = [torch.cat((v, w[:, even:]), 1) for v, w in zip(joined, levels, strict=True)]
    return [level[:, 0] for level in levels]


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """``2 E|a − b| − E|a − a'| − E|b − b'|`` of vectors ``(…, n, F)``, ``(…, m, F)``, unbiased."""
    return 2 * torch.cdist(a, b).mean((-2, -1)) - _within(a) - _within(b)


def _within(a: Tensor) -> Tensor:
    """The mean distance of two different ones."""
    n = a.shape[-2]
    others = 1 - torch.eye(n, dtype=a.dtype, device=a.device)
    return (torch.cdist(a, a) * others).sum((-2, -1)) / (n * (n - 1))
