"""A transformer over moments, whose attention knows how far apart they are.

Time stamps turn queries and keys (rotary embeddings of the stamps, not of the positions), so that
windows with irregular moments, and of other lengths, need nothing special.

Sources: Vaswani et al., "Attention is all you need", 2017; Su et al., "RoFormer", 2021 (rotary);
Peebles and Xie, "Scalable diffusion models with transformers", 2023 (time by scale, shift, gate).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import TYPE_CHECKING, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sicore.errors import InputError
from sicore_timeseries.networks.inputs import SeriesInputs, TimeEmbedding, zeroed

if TYPE_CHECKING:
    from sicore_timeseries.domain import TimeSeries


class SeriesTransformer(nn.Module):
    """``forward(x (B, T, C), t (B,), condition) -> (B, T, C)``; for any number of moments.

    Args:
        domain: the series.
        width: of a moment's state.
        depth: how many layers.
        heads: of the attention; ``width / heads`` must be even.
        expansion: hidden units of the perceptrons, in units of the width.
        dropout: the share of hidden units that training leaves out.

    Raises:
        InputError: when the heads do not fit the width.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: TimeSeries,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
        expansion: int = 4,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.inputs = SeriesInputs(domain)
        self.turns = self.inputs.moments * pi
        self.enter = nn.Linear(self.inputs.width, width)
        self.time = TimeEmbedding(width)
        self.layers = nn.ModuleList(Layer(width, heads, expansion, dropout) for _ in range(depth))
        self.leave = zeroed(nn.Linear(width, self.inputs.channels))

    def forward(
        self, x: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Map windows at times t to windows."""
        features, times = self.inputs(x, condition)
        h, vector = self.enter(features), self.time(t)
        for layer in self.layers:
            h = layer(h, vector, times * self.turns)
        return cast("Tensor", self.leave(F.layer_norm(h, h.shape[-1:])) * (x != 0))


class Layer(nn.Module):
    """Attention, then a perceptron; it begins as the identity.

    Raises:
        InputError: when the heads do not fit the width.
    """

    def __init__(self, width: int, heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        if width % (2 * heads):
            raise InputError(f"network: expected 2 · heads to divide width {width}, got {heads}")
        self.heads = heads
        self.film = zeroed(nn.Linear(width, 6 * width))
        self.qkv = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, expansion * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(expansion * width, width),
        )

    def forward(self, h: Tensor, vector: Tensor, angle: Tensor) -> Tensor:
        """States ``(B, T, width)``, what they know of t ``(B, width)``, moments ``(B, T)``."""
        film = self.film(vector).unsqueeze(1).chunk(6, -1)
        h = h + film[2] * self.join(self._attended(modulated(h, film[0], film[1]), angle))
        return h + film[5] * self.perceptron(modulated(h, film[3], film[4]))

    def _attended(self, h: Tensor, angle: Tensor) -> Tensor:
        q, k, v = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(rotated(q, angle), rotated(k, angle), v)
        return mixed.transpose(1, 2).flatten(2)


def modulated(h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Normalised, scaled by ``1 + scale`` and shifted."""
    return F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift


def rotated(q: Tensor, angle: Tensor) -> Tensor:
    """Pairs of entries of q ``(B, H, T, d)`` turned by the moment, at wavelengths 2 to 2,000.

    Args:
        q: queries or keys.
        angle: moments ``(B, T)``, π for each step of a regular window.
    """
    half = q.shape[-1] // 2
    falling = 1000.0 ** (-torch.arange(half, device=q.device) / half)
    turn = angle.float()[:, None, :, None] * falling
    cos, sin = turn.cos().to(q), turn.sin().to(q)
    first, second = q.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
