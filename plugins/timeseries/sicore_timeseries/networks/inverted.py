"""Attention over channels: each channel is one vector of its whole window.

All channels pass through the same layers and differ by a learned vector, so that a few thousand
rows suffice, and attention joins them, so that samples are joint.

Source: Liu et al., "iTransformer: inverted transformers are effective for time series forecasting",
ICLR 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sicore_timeseries.networks.inputs import SeriesInputs, TimeEmbedding, zeroed
from sicore_timeseries.networks.transformer import Layer

if TYPE_CHECKING:
    from sicore_timeseries.domain import TimeSeries

OWN = 4  # features of each moment that a channel has for itself


class SeriesInverted(nn.Module):
    """``forward(x (B, T, C), t (B,), condition) -> (B, T, C)``; for one length T.

    Args:
        domain: the series.
        width: of a channel's vector.
        depth: how many layers.
        heads: of the attention.
        expansion: hidden units of the perceptrons, in units of the width.
        dropout: the share of hidden units that training leaves out.

    Raises:
        InputError: when the heads do not fit the width.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: TimeSeries,
        width: int = 128,
        depth: int = 3,
        heads: int = 4,
        expansion: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.inputs = SeriesInputs(domain)
        moments, channels = self.inputs.moments, self.inputs.channels
        self.enter = nn.Linear(OWN * moments, width)
        self.shared = nn.Linear((self.inputs.width - OWN * channels) * moments, width)
        self.channel = nn.Parameter(torch.randn(channels, width) / width**0.5)
        self.time = TimeEmbedding(width)
        self.layers = nn.ModuleList(Layer(width, heads, expansion, dropout) for _ in range(depth))
        self.leave = zeroed(nn.Linear(width, moments))

    def forward(
        self, x: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Map windows at times t to windows."""
        features, _ = self.inputs(x, condition)
        own, shared = features.split((OWN * x.shape[2], features.shape[2] - OWN * x.shape[2]), -1)
        tokens = own.unflatten(2, (OWN, -1)).permute(0, 3, 1, 2).flatten(2)  # (B, C, T · OWN)
        h = self.enter(tokens) + self.shared(shared.flatten(1)).unsqueeze(1) + self.channel
        vector, unturned = self.time(t), x.new_zeros(h.shape[:2])
        for layer in self.layers:
            h = layer(h, vector, unturned)
        made = self.leave(F.layer_norm(h, h.shape[-1:])).transpose(1, 2)
        return cast("Tensor", made * (x != 0))
