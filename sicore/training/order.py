"""The order of the data as a function of seed and step: nothing to save, nothing to replay."""

from __future__ import annotations

import torch
from torch import Tensor


def batch_indices(n: int, batch_size: int, step: int, seed: int) -> Tensor:
    """The data of step ``step``: each epoch is a fresh permutation, batches run across epochs.

    Args:
        n: size of the data set.
        batch_size: how many to take; may exceed n.
        step: counted from 0.
        seed: of the training.
    """
    first = step * batch_size
    parts, taken = [], 0
    while taken < batch_size:
        epoch, offset = divmod(first + taken, n)
        part = _permutation(n, epoch, seed)[offset : offset + batch_size - taken]
        parts.append(part)
        taken += len(part)
    return torch.cat(parts)


def _permutation(n: int, epoch: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(n, generator=generator)
