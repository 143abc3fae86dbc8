"""A small U-Net on spectrograms with recurrent layers over frequency and over time.

The spectrogram is first folded, ``(C, F, T) -> (C p q, F/p, T/q)`` (space to depth), and every
level halves it again. At the lowest level one recurrent layer runs over the frequencies of each
frame and one over the frames of each frequency (dual path): together they see the whole segment.

Output: ``D = a·y + b·x + c`` for each bin, with complex gains a, b and a complex rest c. A gain on
the observed y is what a mask is to a predictor; a gain on x is what becomes right as the path
nears the data. At the start of training a = 1, b = 0 and c = 0 (b = 1 where nothing is observed).
With several observed states each has its gain, and that of the last is 1 at the start.

Sources: Song et al., "Score-based generative modeling through stochastic differential equations",
2021 (U-Net with time); Luo, Chen and Yoshioka, "Dual-path RNN: efficient long sequence modeling for
time-domain single-channel speech separation", 2020; Williamson, Wang and Wang, "Complex ratio
masking for monaural speech separation", 2016 (complex gains).
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


class DualPathUNet(nn.Module):
    """``forward(x (B, 2, F, T), t (B,), condition) -> (B, 2, F, T)``.

    Args:
        domain: gives the number of frequencies and frames.
        channels: width of each level, from the outermost in.
        patch: how many frequencies and frames are folded into channels at the start.
        blocks: residual blocks of each level, on the way down and on the way up.
        recurrent: units of the recurrent layers, in each direction.
        observed: the condition that is the observed source state of a bridge, several of them
            (of which the last is the best estimate of the data), or None.

    Raises:
        InputError: when the spectrogram cannot be folded and halved evenly.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: Domain,
        channels: Sequence[int] = (24, 32, 48, 64),
        patch: tuple[int, int] = (4, 2),
        blocks: int = 1,
        recurrent: int = 64,
        observed: str | tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        _, bins, frames = cast("TensorSpace", domain.space).shape
        self.unit = (patch[0] * 2 ** (len(channels) - 1), patch[1] * 2 ** (len(channels) - 1))
        if bins % self.unit[0] or frames % self.unit[1]:
            raise InputError(
                f"this U-Net needs frequencies and frames in multiples of {self.unit[0]} and "
                f"{self.unit[1]} (network.patch, {len(channels)} levels), got {bins} and {frames}"
            )
        self.patch = (patch[0], patch[1])
        names = (observed,) if isinstance(observed, str) else observed or ()
        self.observed = tuple(reversed(names))
        self.signals = 1 + len(names)
        features, fold = 4 * channels[0], patch[0] * patch[1]
        self.embedding = TimeEmbedding(features)
        self.stem = nn.Conv2d(2 * self.signals * fold, channels[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(channels):
            halve = [nn.Conv2d(channels[level - 1], width, 2, stride=2)] if level else []
            self.down.append(Stage(*halve, *(Block(width, width, features) for _ in range(blocks))))
        self.middle = DualPath(channels[-1], recurrent)
        for level in reversed(range(len(channels))):
            width = channels[level]
            inner = (Block(width, width, features) for _ in range(blocks - 1))
            grow = [nn.ConvTranspose2d(width, channels[level - 1], 2, stride=2)] if level else []
            self.up.append(Stage(Block(2 * width, width, features), *inner, *grow))
        self.norm = ChannelNorm(channels[0])
        self.head = zeroed(nn.Conv2d(channels[0], 2 * (self.signals + 1) * fold, 3, padding=1))

    def forward(
        self, x: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The prediction for states x at times t, given the observed source state if there is one.

        Raises:
            InputError: if the observed source state is missing.
        """
        given = [*(self._known(name, condition) for name in self.observed), x]
        film = self.embedding(t)
        h, skips = self.stem(fold(torch.cat(given, 1), self.patch)), []
        for stage in self.down:
            h = stage(h, film)
            skips.append(h)
        h = self.middle(h)
        for stage in self.up:
            h = stage(torch.cat((h, skips.pop()), 1), film)
        out = unfold(self.head(F.silu(self.norm(h))), self.patch).to(x.dtype)
        *gains, rest = out.chunk(self.signals + 1, 1)
        for number, (gain, signal) in enumerate(zip(gains, given, strict=True)):
            rest = rest + complex_product(gain, signal) + (signal if number == 0 else 0)
        return rest

    def _known(self, name: str, condition: Mapping[str, Tensor] | None) -> Tensor:
        known = (condition or {}).get(name)
        if known is None:
            raise InputError(f"speech/unet: the condition '{name}' is missing")
        return known


class Stage(nn.Module):
    """Blocks, which are given the time, and changes of size, in a row."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, h: Tensor, film: Tensor) -> Tensor:
        """Apply each part."""
        for part in self.parts:
            h = part(h, film) if isinstance(part, Block) else part(h)
        return h


class TimeEmbedding(nn.Module):
    """Time as a vector ``(B, features)``: an MLP of ``sin(2^k π t), cos(2^k π t)``."""

    def __init__(self, features: int, frequencies: int = 8) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.mlp = nn.Sequential(
            nn.Linear(2 * frequencies, features), nn.SiLU(), nn.Linear(features, features)
        )

    def forward(self, t: Tensor) -> Tensor:
        """Embed times ``(B,)``."""
        rates = math.pi * 2.0 ** torch.arange(self.frequencies, device=t.device)
        angle = t.float().unsqueeze(-1) * rates
        waves = torch.cat((angle.sin(), angle.cos()), -1)
        first = cast("nn.Linear", self.mlp[0])
        return F.silu(self.mlp(waves.to(first.weight.dtype)))


class Block(nn.Module):
    """``skip(x) + conv(silu((1 + a) · conv(norm(x)) + b))``, (a, b) from the time."""

    def __init__(self, inputs: int, outputs: int, features: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(inputs)
        self.conv_in = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.film = nn.Linear(features, 2 * outputs)
        self.conv_out = zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, film: Tensor) -> Tensor:
        """``(B, inputs, F, T) -> (B, outputs, F, T)``."""
        h = self.conv_in(self.norm(x))
        a, b = self.film(film).to(h.dtype)[..., None, None].chunk(2, 1)
        h = F.silu(torch.addcmul(b, h, 1 + a))
        return cast("Tensor", self.skip(x) + self.conv_out(h))


class ChannelNorm(nn.LayerNorm):
    """Normalises the channels of each bin by themselves, so that no bin depends on far ones."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, F, T) -> (B, C, F, T)``."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class DualPath(nn.Module):
    """Two residual bidirectional GRUs: over the frequencies of each frame, then over the frames."""

    def __init__(self, channels: int, units: int) -> None:
        super().__init__()
        self.over_frequency = Recurrent(channels, units)
        self.over_time = Recurrent(channels, units)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, F, T) -> (B, C, F, T)``."""
        x = x + self.over_frequency(x.transpose(2, 3)).transpose(2, 3)
        return cast("Tensor", x + self.over_time(x))


class Recurrent(nn.Module):
    """A bidirectional GRU over the last axis of ``(B, C, N, L)``."""

    def __init__(self, channels: int, units: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.gru = nn.GRU(channels, units, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * units, channels)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        b, c, n, length = x.shape
        rows = self.norm(x.permute(0, 2, 3, 1).reshape(b * n, length, c))
        out = self.out(self.gru(rows)[0])
        return cast("Tensor", out.reshape(b, n, length, c).permute(0, 3, 1, 2))


def fold(x: Tensor, patch: tuple[int, int]) -> Tensor:
    """Space to depth: ``(B, C, F, T) -> (B, C p q, F/p, T/q)``."""
    b, c, bins, frames = x.shape
    p, q = patch
    cut = x.reshape(b, c, bins // p, p, frames // q, q)
    return cut.permute(0, 1, 3, 5, 2, 4).reshape(b, c * p * q, bins // p, frames // q)


def unfold(x: Tensor, patch: tuple[int, int]) -> Tensor:
    """The inverse of `fold`."""
    b, c, bins, frames = x.shape
    p, q = patch
    cut = x.reshape(b, c // (p * q), p, q, bins, frames)
    return cut.permute(0, 1, 4, 2, 5, 3).reshape(b, c // (p * q), bins * p, frames * q)


def complex_product(a: Tensor, x: Tensor) -> Tensor:
    """``a · x`` where the two channels are real and imaginary part."""
    real = a[:, 0] * x[:, 0] - a[:, 1] * x[:, 1]
    return torch.stack((real, a[:, 0] * x[:, 1] + a[:, 1] * x[:, 0]), 1)


def zeroed(conv: nn.Conv2d) -> nn.Conv2d:
    """Start a branch at zero, so that the network starts as the identity."""
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(cast("Tensor", conv.bias))
    return conv
