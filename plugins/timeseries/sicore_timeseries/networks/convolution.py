"""Dilated convolutions over time: cheap on long windows, for moments at regular distances.

Sources: van den Oord et al., "WaveNet", 2016; Kong et al., "DiffWave", 2021 (both directions, the
time of the path in every block, one sum of skips).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

import torch.nn.functional as F
from torch import Tensor, nn

from sicore_timeseries.networks.inputs import SeriesInputs, TimeEmbedding, zeroed

if TYPE_CHECKING:
    from sicore_timeseries.domain import TimeSeries


class SeriesConvolution(nn.Module):
    """``forward(x (B, T, C), t (B,), condition) -> (B, T, C)``; for any number of moments.

    Dilations 1, 2, 4, … repeat every ``cycle`` blocks, so that a block of the cycle's end sees
    ``2^cycle`` moments to each side. Irregular stamps are seen as features only.

    Args:
        domain: the series.
        width: channels of the hidden states.
        depth: how many blocks.
        cycle: how many blocks until the dilation is 1 again.
        dropout: the share of hidden channels that training leaves out.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: TimeSeries,
        width: int = 64,
        depth: int = 8,
        cycle: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.inputs = SeriesInputs(domain)
        self.enter = nn.Linear(self.inputs.width, width)
        self.time = TimeEmbedding(width)
        self.blocks = nn.ModuleList(Block(width, 2 ** (i % cycle), dropout) for i in range(depth))
        self.leave = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), zeroed(nn.Linear(width, self.inputs.channels))
        )

    def forward(
        self, x: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Map windows at times t to windows."""
        features, _ = self.inputs(x, condition)
        h, vector = self.enter(features), self.time(t)
        total = h
        for block in self.blocks:
            h = h + block(h, vector)
            total = total + h
        return cast("Tensor", self.leave(F.layer_norm(total, total.shape[-1:])) * (x != 0))


class Block(nn.Module):
    """A gated convolution of width 3, which begins as the identity."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.shift = nn.Linear(width, width)
        self.mix = nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.dropout = nn.Dropout(dropout)
        self.leave = zeroed(nn.Linear(width, width))

    def forward(self, h: Tensor, vector: Tensor) -> Tensor:
        """What is added to h ``(B, T, width)``, given t as a vector ``(B, width)``."""
        normal = F.layer_norm(h, h.shape[-1:]) + self.shift(vector).unsqueeze(1)
        gated = F.glu(self.mix(normal.transpose(1, 2)), 1).transpose(1, 2)
        return cast("Tensor", self.leave(self.dropout(gated)))
