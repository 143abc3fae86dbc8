"""Are posterior samples right? The truth must be like one more sample, at every rank.

With M samples and the truth drawn from the same posterior, the truth's rank among them is uniform
on 0 … M. Ties, e.g. a background that is the same in all, leave the rank open; they count with
their expectation under a random order, so that nothing here is random.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from sicore.errors import InputError


def rank_interval(truth: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
    """Where the truth's place in (0, 1) lies: uniform on ``[low, high]``, shaped as the truth.

    Args:
        truth: ``(...)``.
        samples: ``(M, ...)``.
    """
    if samples.shape[1:] != truth.shape:
        raise InputError(
            f"samples: expected shape (M, {str(tuple(truth.shape))[1:]}, got {tuple(samples.shape)}"
        )
    below = (samples < truth).sum(0).double()
    equal = (samples == truth).sum(0).double()
    return below / (len(samples) + 1), (below + equal + 1) / (len(samples) + 1)


def coverage(truth: Tensor, samples: Tensor, level: float = 0.9) -> float:
    """Share of entries whose truth is in the samples' central interval of this level.

    Its expectation is ``level`` for samples of the true posterior, whatever M: an interval end
    that falls between two ranks counts in part.
    """
    low, high = rank_interval(truth, samples)
    return _overlap(low, high, (1 - level) / 2, (1 + level) / 2).mean().item()


def rank_histogram(truth: Tensor, samples: Tensor, bins: int = 10) -> Tensor:
    """Shares ``(bins,)`` of the truth's places: flat when calibrated, ∪ when too sure of itself."""
    low, high = rank_interval(truth, samples)
    edges = torch.linspace(0, 1, bins + 1).tolist()
    parts = [_overlap(low, high, a, b).mean() for a, b in itertools.pairwise(edges)]
    return torch.stack(parts)


def _overlap(low: Tensor, high: Tensor, a: float, b: float) -> Tensor:
    """Share of each ``[low, high]`` that lies in ``[a, b]``."""
    return (high.clamp(max=b) - low.clamp(min=a)).clamp_min(0) / (high - low)


def psnr(truth: Tensor, estimate: Tensor, peak: float = 1.0) -> Tensor:
    """``10 log10(peak² / mean squared error)`` of each of ``(B, ...)``: decibels, ``(B,)``."""
    error = (truth.double() - estimate.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(peak**2 / error)
