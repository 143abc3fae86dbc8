r"""Signatures of paths, truncated, and the distance of two laws of paths that they give.

The signature of a path X in ``ℝᵈ`` is its iterated integrals,

    ``S(X)^{i1…ik} = ∫_{0<t1<…<tk<1} dX^{i1} … dX^{ik}``,

for all words of k = 1 … m letters. Of a straight line with increment v it is the tensor exponential
``v^{⊗k}/k!``; of one path after another the tensor product of theirs (Chen's identity). So that of
a polygon is a product of exponentials. It does not depend on how fast the path is run through, nor
on where it starts.

Source: Chevyrev and Kormilitzin, "A primer on the signature method in machine learning", 2016;
Chevyrev and Oberhauser, "Signature moments to characterize laws of stochastic processes", 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values, standardised

DEPTH = 3
PART = 256  # windows at once: depth 3 of 29 columns is 25,000 numbers each


def signature(path: Tensor, depth: int) -> list[Tensor]:
    """Levels 1 … m of the signature of polygons, level k as ``(B, d, …, d)`` with k axes.

    Args:
        path: corners ``(B, T, d)``, T at least 2.
        depth: m.

    Raises:
        InputError: for another shape, or a depth below 1.

    Source: see the top of this file.
    """
    if path.ndim != 3 or path.shape[1] < 2 or depth < 1:
        raise InputError(
            f"signature: expected a path (B, T, d) of two rows or more and a depth >= 1, got "
            f"{tuple(path.shape)} and {depth}"
        )
    steps = path.diff(dim=1).unbind(1)
    levels = line_signature(steps[0], depth)
    for step in steps[1:]:
        levels = _then_line(levels, step)
    return levels


def line_signature(v: Tensor, depth: int) -> list[Tensor]:
    """``v^{⊗k}/k!``, k = 1 … m, of increments ``(B, d)``."""
    levels = [v]
    for k in range(2, depth + 1):
        levels.append(_outer(levels[-1], v) / k)
    return levels


def product(a: list[Tensor], b: list[Tensor]) -> list[Tensor]:
    """Levels of the tensor product: the signature of one path after the other.

    ``(a ⊗ b)_k = a_k + a_{k−1} ⊗ b_1 + … + a_1 ⊗ b_{k−1} + b_k``.
    """
    levels = []
    for k in range(1, len(a) + 1):
        mixed = (_outer(a[i - 1], b[k - i - 1]) for i in range(1, k))
        levels.append(sum(mixed, a[k - 1] + b[k - 1]))
    return levels


def flat(levels: list[Tensor]) -> Tensor:
    """All levels side by side, ``(B, d + d² + … + dᵐ)``."""
    return torch.cat([level.flatten(1) for level in levels], 1)


def with_time(path: Tensor, times: Tensor | None = None) -> Tensor:
    """The path with time as its first column, so that speed counts: ``(B, T, d + 1)``.

    Args:
        path: ``(B, T, d)``.
        times: ``(B, T)``; 0 to 1 at equal distances if not given.
    """
    regular = torch.linspace(0, 1, path.shape[1], dtype=path.dtype, device=path.device)
    column = regular.expand(path.shape[:2]) if times is None else times.to(path)
    return torch.cat((column.unsqueeze(-1), path), -1)


def lead_lag(path: Tensor) -> Tensor:
    """The path beside itself one row later, ``(B, 2 T − 1, 2 d)``: lead first, then lag.

    ``(x_1, x_1), (x_2, x_1), (x_2, x_2), (x_3, x_2), …``. The area between lead and lag is half of
    the quadratic variation, so that level 2 knows the volatility.

    Source: Chevyrev and Kormilitzin 2016, section 2.1.
    """
    twice = path.repeat_interleave(2, dim=1)
    return torch.cat((twice[:, 1:], twice[:, :-1]), -1)


def from_zero(path: Tensor) -> Tensor:
    """The path with 0 before its first row, so that where it starts counts: ``(B, T + 1, d)``."""
    return torch.cat((torch.zeros_like(path[:, :1]), path), 1)


def signature_mmd(
    samples: Values,
    real: Values,
    *,
    depth: int = DEPTH,
    lagged: bool = False,
    unit: Values | None = None,
) -> float:
    """Squared MMD of two sets of windows under the kernel ``⟨S(X), S(Y)⟩``, unbiased.

    It is ``‖E S(X) − E S(Y)‖²``, up to level m, estimated without the products of a window with
    itself, so that it may be slightly negative for equal laws. Windows are standardised,
    divided by ``√C``, and start from 0; time is their first column.

    Args:
        samples: ``(n, T, C)``.
        real: ``(m, T, C)``.
        depth: m; the cost and the memory grow as ``(C + 1)ᵐ``.
        lagged: with `lead_lag` of the columns, for volatility; twice the columns.
        unit: see `standardised`.

    Raises:
        InputError: as `pair_of` and `signature` do.

    Source: Chevyrev and Oberhauser 2022; Salvi et al., "The signature kernel is the solution of a
    Goursat PDE", 2021, for its use as a distance (there untruncated).
    """
    a, b = standardised(samples, real, unit)
    width = a.shape[2] ** 0.5
    (sum_a, square_a), (sum_b, square_b) = (
        _sums(windows / width, depth, lagged) for windows in (a, b)
    )
    n, m = len(a), len(b)
    within_a = (sum_a @ sum_a - square_a) / (n * (n - 1))
    within_b = (sum_b @ sum_b - square_b) / (m * (m - 1))
    return float(within_a + within_b - 2 * (sum_a @ sum_b) / (n * m))


def _sums(windows: Tensor, depth: int, lagged: bool) -> tuple[Tensor, Tensor]:
    """The sum of all signatures, and the sum of their squared lengths."""
    total, squares = torch.zeros(()).to(windows), torch.zeros(()).to(windows)
    for part in windows.split(PART):
        path = from_zero(part)
        path = with_time(lead_lag(path) if lagged else path)
        features = flat(signature(path, depth))
        total, squares = total + features.sum(0), squares + features.square().sum()
    return total, squares


def _then_line(levels: list[Tensor], v: Tensor) -> list[Tensor]:
    """The levels after one more line, ``(S ⊗ exp v)_k``, by Horner's rule.

    ``S_k + (S_{k−1} + (S_{k−2} + … (S_1 + v/k) ⊗ v/(k−1) …) ⊗ v/2) ⊗ v``
    """
    longer = []
    for k in range(1, len(levels) + 1):
        inner = v / k
        for i in range(1, k):
            inner = _outer(levels[i - 1] + inner, v / (k - i))
        longer.append(levels[k - 1] + inner)
    return longer


def _outer(a: Tensor, v: Tensor) -> Tensor:
    """``a ⊗ v`` of each item: the axes of a, then those of v."""
    shape = a.shape + v.shape[1:]
    return (a.flatten(1).unsqueeze(2) * v.flatten(1).unsqueeze(1)).reshape(shape)
