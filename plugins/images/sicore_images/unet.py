"""A U-Net for pictures: conditioned on time and on classes, at any size and number of channels.

The picture is first folded, ``(C, H, W) -> (C p², H/p, W/p)`` (pixel-unshuffle), so that the
costly convolutions run on few positions, and unfolded at the end. Between the two::

    stem ─ level 0 ───────────────── skips ─────────────── level 0 ─ head
              └ ↓2 ─ level 1 ─────── skips ───── level 1 ─ ↑2 ┘
                        └ middle: block, attention, block ┘

Every residual block is normalised, then scaled and shifted by a vector made from time and classes
(FiLM). Sources: Ronneberger et al. 2015 (U-Net), Ho et al. 2020 (its use in diffusion), Perez et
al. 2018 (FiLM), Shi et al. 2016 (pixel shuffle).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sicore.errors import InputError
from sicore.hub.domain import Domain
from sicore.states import TensorSpace


class UNet(nn.Module):
    """``forward(x (B, C, H, W), t (B,), condition) -> (B, C, H, W)``.

    Args:
        domain: the pictures; gives the channels, the size and the classes.
        channels: width of the first level.
        multipliers: width of each level, in units of ``channels``; each level halves the picture.
        blocks: residual blocks of each level, on the way down and on the way up.
        patch: side of the squares that are folded into channels at the start.
        attention: self-attention over all positions at the lowest level.
        dropout: rate inside the residual blocks.

    Raises:
        InputError: when the picture's height or width is not a multiple of
            ``patch · 2^(levels − 1)``, the smallest square that the network can halve.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: Domain,
        channels: int = 48,
        multipliers: Sequence[int] = (1, 2),
        blocks: int = 2,
        patch: int = 2,
        attention: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        colours, height, width = cast("TensorSpace", domain.space).shape
        unit = patch * 2 ** (len(multipliers) - 1)
        if height % unit or width % unit:
            raise InputError(
                f"this U-Net needs a height and a width that are multiples of {unit} "
                f"(patch {patch}, {len(multipliers)} levels), got {height}×{width}: "
                "resize the pictures, or choose another network.patch or network.multipliers"
            )
        self.patch = patch
        widths = [channels * m for m in multipliers]
        features = 4 * channels
        self.embedding = Embedding(
            features, {name: domain.categories(name).size for name in domain.conditions}
        )
        self.stem = nn.Conv2d(colours * patch**2, widths[0], 3, padding=1)

        self.down = nn.ModuleList()
        before = widths[0]
        for level, width_ in enumerate(widths):
            stage = nn.ModuleList()
            for _ in range(blocks):
                stage.append(Block(before, width_, features, dropout))
                before = width_
            last = level == len(widths) - 1
            halve = nn.Identity() if last else nn.Conv2d(before, before, 3, stride=2, padding=1)
            self.down.append(nn.ModuleDict({"blocks": stage, "halve": halve}))

        self.middle_in = Block(before, before, features, dropout)
        self.attention = Attention(before) if attention else nn.Identity()
        self.middle_out = Block(before, before, features, dropout)

        self.up = nn.ModuleList()
        for level, width_ in reversed(list(enumerate(widths))):
            stage = nn.ModuleList()
            for _ in range(blocks):
                stage.append(Block(before + width_, width_, features, dropout))
                before = width_
            grow = nn.Identity() if level == 0 else Grow(before, widths[level - 1])
            before = before if level == 0 else widths[level - 1]
            self.up.append(nn.ModuleDict({"blocks": stage, "grow": grow}))

        self.norm = nn.GroupNorm(groups(before), before)
        self.head = zeroed(nn.Conv2d(before, colours * patch**2, 3, padding=1))

    def forward(
        self, x: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The prediction at time ``t`` of the path; a class of −1, or no condition, is "any"."""
        film = self.embedding(t, condition)
        h = self.stem(F.pixel_unshuffle(x, self.patch))
        skips = []
        for stage in self.down:
            parts = cast("nn.ModuleDict", stage)
            for block in cast("nn.ModuleList", parts["blocks"]):
                h = block(h, film)
                skips.append(h)
            h = parts["halve"](h)
        h = self.middle_out(self.attention(self.middle_in(h, film)), film)
        for stage in self.up:
            parts = cast("nn.ModuleDict", stage)
            for block in cast("nn.ModuleList", parts["blocks"]):
                h = block(torch.cat((h, skips.pop()), 1), film)
            h = parts["grow"](h)
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), self.patch)


class Embedding(nn.Module):
    """Time and classes as one vector: ``MLP(fourier(t)) + Σ table_name[class]``, then SiLU.

    Args:
        features: length of the vector.
        sizes: number of classes of each condition; its table has one more row, for "any".
    """

    def __init__(self, features: int, sizes: Mapping[str, int], frequencies: int = 32) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(2 * frequencies, features), nn.SiLU(), nn.Linear(features, features)
        )
        self.tables = nn.ModuleDict({k: nn.Embedding(n + 1, features) for k, n in sizes.items()})
        for table in self.tables.values():
            nn.init.normal_(cast("nn.Embedding", table).weight, std=0.02)
        self.frequencies = frequencies

    def forward(self, t: Tensor, condition: Mapping[str, Tensor] | None) -> Tensor:
        """``(B, features)``."""
        # Wavelengths from 8 (slower than the whole path) down to 1/32 of the path; no buffer, so
        # that a network cast to half precision keeps its clock.
        rates = torch.logspace(-3, 5, self.frequencies, base=2.0, device=t.device)
        angle = t.float().unsqueeze(-1) * (2.0 * math.pi * rates)
        waves = torch.cat((angle.sin(), angle.cos()), -1)
        first = cast("nn.Linear", self.mlp[0])
        vector = self.mlp(waves.to(first.weight.dtype))
        for name, module in self.tables.items():
            table = cast("nn.Embedding", module)
            anything = table.num_embeddings - 1
            chosen = (condition or {}).get(name)
            if chosen is None:
                vector = vector + table.weight[anything]
            else:
                vector = vector + table(torch.where(chosen < 0, anything, chosen))
        return F.silu(vector)


class Block(nn.Module):
    """``skip(x) + conv(silu((1 + a) · norm(conv(silu(norm(x)))) + b))``, (a, b) from the vector."""

    def __init__(self, inputs: int, outputs: int, features: int, dropout: float) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(groups(inputs), inputs)
        self.conv_in = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.film = nn.Linear(features, 2 * outputs)
        self.norm_out = nn.GroupNorm(groups(outputs), outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """``(B, inputs, H, W) -> (B, outputs, H, W)``."""
        a, b = self.film(film)[..., None, None].chunk(2, 1)
        h = self.conv_in(F.silu(self.norm_in(x)))
        h = F.silu(torch.addcmul(b, self.norm_out(h), 1 + a))
        return cast("Tensor", self.skip(x) + self.conv_out(self.dropout(h)))


class Attention(nn.Module):
    """Every position looks at every other: residual multi-head self-attention."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.heads = max(1, channels // width)
        self.norm = nn.GroupNorm(groups(channels), channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W) -> (B, C, H, W)``."""
        n, c, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        h = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2)
        return cast("Tensor", x + self.out(h.reshape(n, c, height, width)))


class Grow(nn.Module):
    """Twice the height and width: nearest neighbour, then a convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, H, W) -> (B, outputs, 2H, 2W)``."""
        return cast("Tensor", self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest")))


def groups(channels: int) -> int:
    """The largest number of normalisation groups up to 8 that divides ``channels``."""
    return next(g for g in range(8, 0, -1) if channels % g == 0)


def zeroed(conv: nn.Conv2d) -> nn.Conv2d:
    """Start a residual branch at zero, so that the network starts as the identity."""
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(cast("Tensor", conv.bias))
    return conv
