"""Optimisers that a configuration can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from sicore.errors import InputError


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon for the matrices of a network, AdamW for all that is no matrix.

    Muon steps along the nearest orthogonal matrix of the averaged gradient, scaled so that its
    root mean square is a constant times that of AdamW's steps: one learning rate serves both.

    Args:
        network: whose parameters are trained.
        learning_rate: of both.
        weight_decay: of both.

    Raises:
        InputError: for a network without matrices.

    Source: Jordan et al., "Muon", 2024; Liu et al., "Muon is scalable for LLM training", 2025
    (the scale).
    """

    def __init__(self, network: nn.Module, learning_rate: float, weight_decay: float) -> None:
        matrices = [p for p in network.parameters() if p.ndim == 2]
        if not matrices:
            raise InputError("optimizer: this network has no matrices; choose 'adamw'")
        others = [p for p in network.parameters() if p.ndim != 2]
        muon = torch.optim.Muon(
            matrices,
            lr=learning_rate,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )
        adamw = torch.optim.AdamW(others, lr=learning_rate, weight_decay=weight_decay)
        super().__init__([*muon.param_groups, *adamw.param_groups], {})
        self.parts = (muon, adamw)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None if closure is None else closure()
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state
            part.step()
        return loss


def adamw(network: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW for all parameters; arguments as those of `MuonAndAdamW`."""
    return torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)


OPTIMIZERS: Mapping[str, Callable[[nn.Module, float, float], torch.optim.Optimizer]] = {
    "adamw": adamw,
    "muon": MuonAndAdamW,
}
