"""Distances between two samples that need no features: energy and sliced Wasserstein."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise


def energy_distance(a: Tensor, b: Tensor) -> float:
    """``2 E‖A − B‖ − E‖A − A'‖ − E‖B − B'‖``, zero only between equal laws; unbiased.

    Args:
        a: ``(N, ...)``.
        b: ``(M, ...)``; both are flattened to vectors of the same length.

    Source: Székely and Rizzo 2013. The estimate leaves out the zero distances of points to
    themselves, so it is unbiased and may be slightly negative for equal laws.
    """
    a, b = _vectors(a, b)
    within = [_total(x, x) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return 2 * _total(a, b) / (len(a) * len(b)) - within[0] - within[1]


def sliced_wasserstein(
    a: Tensor, b: Tensor, *, order: int = 2, directions: int = 256, seed: int = 0
) -> float:
    """``(E_θ W_p(θ·A, θ·B)^p)^{1/p}`` over random unit vectors θ.

    Args:
        a: ``(N, ...)``.
        b: ``(M, ...)``; N and M may differ.
        order: p.
        directions: how many θ.
        seed: of the directions.

    Source: Bonneel et al. 2015.
    """
    a, b = _vectors(a, b)
    theta = Noise.of(seed, directions).normal(a.shape[1:], torch.float64).to(a.device)
    theta = theta / theta.norm(dim=1, keepdim=True)
    cost = wasserstein_1d(a @ theta.T, b @ theta.T, order).mean()
    return cost.item() ** (1 / order)


def wasserstein_1d(a: Tensor, b: Tensor, order: int = 2) -> Tensor:
    """``W_p^p`` between the columns of ``(N, K)`` and ``(M, K)``: ``(K,)``, exact for any N, M.

    ``∫ |F⁻¹(u) − G⁻¹(u)|^p du``, where both quantile functions are constant between the places
    i/N and j/M.
    """
    n, m = len(a), len(b)
    # Places as whole multiples of 1/(N M), so that none is missed or doubled by rounding.
    places = torch.cat((torch.arange(n + 1) * m, torch.arange(m + 1) * n)).unique()
    width = places.diff().to(a) / (n * m)
    left = places[:-1]
    i, j = (left // m).to(a.device), (left // n).to(a.device)
    gap = (a.sort(0).values[i] - b.sort(0).values[j]).abs() ** order
    return (width.unsqueeze(1) * gap).sum(0)


def _vectors(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    if a.shape[1:] != b.shape[1:] or min(len(a), len(b)) < 2:
        raise InputError(
            "samples: expected (N, ...) and (M, ...) of the same inner shape, N and M above 1, got "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    return a.reshape(len(a), -1).double(), b.reshape(len(b), -1).double()


def _total(a: Tensor, b: Tensor) -> float:
    return sum(torch.cdist(part, b).sum().item() for part in a.split(1024))
