"""What a data set of pictures says about its domain: shape, moments, classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def describe_pictures(images: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """The ``domain:`` section that fits uint8 pictures ``(N, C, H, W)`` of these classes."""
    mean, std = channel_statistics(images)
    return {
        "name": "images",
        "shape": list(images.shape[1:]),
        "mean": mean,
        "std": std,
        "classes": list(classes),
    }


def channel_statistics(images: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, on the scale [0, 1], by counting.

    Args:
        images: uint8 ``(N, C, H, W)``.
    """
    means, deviations = [], []
    levels = torch.arange(256, dtype=torch.float64) / 255
    for channel in images.unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256).double()
        share = counts / counts.sum()
        mean = (share * levels).sum()
        means.append(round(mean.item(), 6))
        # A channel of one constant value is left at its scale: 1/255 is its smallest step.
        variance = (share * (levels - mean) ** 2).sum()
        deviations.append(round(max(variance.sqrt().item(), 1 / 255), 6))
    return means, deviations
