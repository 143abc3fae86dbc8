"""Exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class EMA:
    """``w̄ ← d w̄ + (1 − d) w`` with ``d = min(decay, (1 + n)/(10 + n))`` after n updates.

    The warm-up of d keeps early, bad weights from lingering.

    Args:
        network: whose floating-point tensors are averaged; the others are copied.
        decay: the limit of d.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.tensors = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take one step towards the network's weights."""
        self.updates += 1
        d = min(self.decay, (1 + self.updates) / (10 + self.updates))
        floating, targets = [], []
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                floating.append(self.tensors[name])
                targets.append(value)
            else:
                self.tensors[name].copy_(value)
        torch._foreach_lerp_(floating, targets, 1 - d)

    def load(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        """Continue from a checkpoint."""
        self.updates = updates
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
