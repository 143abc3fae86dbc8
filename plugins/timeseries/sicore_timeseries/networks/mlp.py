"""A residual perceptron on the whole window at once: strong and cheap for short windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

import torch.nn.functional as F
from torch import Tensor, nn

from sicore_timeseries.networks.inputs import SeriesInputs, TimeEmbedding, zeroed

if TYPE_CHECKING:
    from sicore_timeseries.domain import TimeSeries


class SeriesMLP(nn.Module):
    """``forward(x (B, T, C), t (B,), condition) -> (B, T, C)``; for one length T.

    All moments enter one vector, on which ``depth`` blocks act::

        h ─ LN, FiLM of t ─ linear ─ SiLU ─ linear ── + h

    Args:
        domain: the series.
        width: of the vector.
        depth: how many blocks.
        expansion: hidden units of a block, in units of the width.
        dropout: the share of hidden units that training leaves out.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: TimeSeries,
        width: int = 256,
        depth: int = 4,
        expansion: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.inputs = SeriesInputs(domain)
        size = self.inputs.moments * self.inputs.channels
        self.enter = nn.Linear(self.inputs.moments * self.inputs.width, width)
        self.time = TimeEmbedding(width)
        self.film = zeroed(nn.Linear(width, 2 * width * depth))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, expansion * width),
                nn.SiLU(),
                nn.Dropout(dropout),
                zeroed(nn.Linear(expansion * width, width)),
            )
            for _ in range(depth)
        )
        self.leave = zeroed(nn.Linear(width, size))

    def forward(
        self, x: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Map windows at times t to windows."""
        features, _ = self.inputs(x, condition)
        h = self.enter(features.flatten(1))
        films = self.film(self.time(t)).chunk(2 * len(self.blocks), -1)
        for block, scale, shift in zip(self.blocks, films[::2], films[1::2], strict=True):
            h = h + block(F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift)
        return cast("Tensor", self.leave(F.layer_norm(h, h.shape[-1:])).view_as(x) * (x != 0))
