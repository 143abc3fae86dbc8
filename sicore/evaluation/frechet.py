"""Fréchet distance: the 2-Wasserstein distance between the Gaussians fitted to two samples."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """``‖μa − μb‖² + tr Σa + tr Σb − 2 tr (Σa Σb)^{1/2}`` of two samples.

    Biased upwards by about 1/n: compare only figures at the same n, beside the floor of real
    against real.

    Args:
        features_a: ``(N, D)``.
        features_b: ``(M, D)``; N and M at least 2.

    Source: Heusel et al. 2017 (as FID, on Inception features).
    """
    a, b = moments(features_a), moments(features_b)
    if len(a[0]) != len(b[0]):
        raise InputError(f"features have {len(a[0])} and {len(b[0])} columns, expected the same")
    return frechet_between(*a, *b)


def frechet_between(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """The same from means ``(D,)`` and covariances ``(D, D)``, in float64.

    The trace of the root is the sum of the singular values of ``Σa^{1/2} Σb^{1/2}``, which needs
    no root of a matrix that is not symmetric and stays exact for singular covariances.
    """
    overlap = torch.linalg.svdvals(_root(cov_a.double()) @ _root(cov_b.double())).sum()
    shift = (mean_a.double() - mean_b.double()).square().sum()
    spread = cov_a.double().trace() + cov_b.double().trace() - 2 * overlap
    return (shift + spread).clamp_min(0).item()


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean ``(D,)`` and unbiased covariance ``(D, D)`` of ``(N, D)``, in float64."""
    if features.ndim != 2 or len(features) < 2:
        raise InputError(f"features: expected shape (N, D) with N > 1, got {tuple(features.shape)}")
    x = features.double()
    centred = x - x.mean(0)
    return x.mean(0), centred.T @ centred / (len(x) - 1)


def _root(cov: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((cov + cov.T) / 2)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
