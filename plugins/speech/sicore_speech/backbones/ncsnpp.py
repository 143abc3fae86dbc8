"""A compact NCSN++: the convolutional U-Net of score-based speech enhancement, in a small size.

Residual blocks change the size themselves, by FIR filters before their first convolution (as in
BigGAN); the input, made smaller level by level, is added to what each level holds (progressive
input); attention looks over the whole segment at the lowest level. Its pieces are those of the
published network, their number is not: one block for each level, and no pyramid of outputs.

At the start of training the output is 0: the mean of a noise, and of the velocity of a bridge if
the recording were clean. A network that predicts data should start at the recording instead, as
``speech/unet`` does.

Sources: Song et al., "Score-based generative modeling through stochastic differential equations",
2021, appendix H (NCSN++); Richter et al., "Speech enhancement and dereverberation with
diffusion-based generative models", 2023, section IV-A (real and imaginary parts of ``[x_t, y]`` as
channels); Brock, Donahue and Simonyan, "Large scale GAN training for high fidelity natural image
synthesis", 2019 (residual blocks); Zhang, "Making convolutional networks shift-invariant again",
2019 (filters around changes of size).
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
from sicore_speech.backbones.unet import TimeEmbedding, zeroed

FIR = (1.0, 3.0, 3.0, 1.0)
GROUPED = 8  # channels of a group of the normalisation
HALF = math.sqrt(0.5)  # keeps the variance of a sum of two


class NCSNpp(nn.Module):
    """``forward(x (B, 2, F, T), t (B,), condition) -> (B, 2, F, T)``.

    Args:
        domain: gives the number of frequencies and frames.
        channels: width of each level, from the outermost in; multiples of 8.
        blocks: residual blocks of each level, on the way down and on the way up.
        observed: the condition that is the observed source state of a bridge, several of them, or
            None.

    Raises:
        InputError: when the spectrogram cannot be halved evenly, or a width is no multiple of 8.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: Domain,
        channels: Sequence[int] = (16, 24, 32, 48, 64, 64),
        blocks: int = 1,
        observed: str | tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        _, bins, frames = cast("TensorSpace", domain.space).shape
        unit = 2 ** (len(channels) - 1)
        if bins % unit or frames % unit:
            raise InputError(
                f"speech/ncsnpp: {len(channels)} levels need frequencies and frames in multiples "
                f"of {unit}, got {bins} and {frames}"
            )
        if not channels or any(width < 1 or width % GROUPED for width in channels):
            raise InputError(
                f"network.channels: expected multiples of {GROUPED}, got {list(channels)}"
            )
        self.observed = (observed,) if isinstance(observed, str) else tuple(observed or ())
        signals, features = 2 * (1 + len(self.observed)), 4 * channels[0]
        self.embedding = TimeEmbedding(features)
        self.stem = nn.Conv2d(signals, channels[0], 3, padding=1)
        self.smaller = Resample(up=False)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.changes, self.inputs = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(channels):
            self.down.append(Stage(*(Block(width, width, features) for _ in range(blocks))))
            if level:
                before = channels[level - 1]
                self.changes.append(Block(before, width, features, Resample(up=False)))
                self.inputs.append(nn.Conv2d(signals, width, 1))
        self.middle = Block(channels[-1], channels[-1], features)
        self.attention = Attention(channels[-1])
        for level in reversed(range(len(channels))):
            width = channels[level]
            inner = [Block(width, width, features) for _ in range(blocks - 1)]
            inner.insert(0, Block(2 * width, width, features))
            if level:
                inner.append(Block(width, channels[level - 1], features, Resample(up=True)))
            self.up.append(Stage(*inner))
        self.norm = normalised(channels[0])
        self.head = zeroed(nn.Conv2d(channels[0], 2, 3, padding=1))

    def forward(
        self, x: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The prediction for states x at times t, given the observed source state if there is one.

        Raises:
            InputError: if the observed source state is missing.
        """
        pyramid = torch.cat([x, *(self._known(name, condition) for name in self.observed)], 1)
        time = self.embedding(t)
        h = self.down[0](self.stem(pyramid), time)
        skips = [h]
        for change, project, stage in zip(self.changes, self.inputs, self.down[1:], strict=True):
            pyramid = self.smaller(pyramid)
            h = stage(HALF * (change(h, time) + project(pyramid)), time)
            skips.append(h)
        h = self.attention(self.middle(h, time))
        for stage in self.up:
            h = stage(torch.cat((h, skips.pop()), 1), time)
        return cast("Tensor", self.head(F.silu(self.norm(h)))).to(x.dtype)

    def _known(self, name: str, condition: Mapping[str, Tensor] | None) -> Tensor:
        known = (condition or {}).get(name)
        if known is None:
            raise InputError(f"speech/ncsnpp: the condition '{name}' is missing")
        return known


class Stage(nn.Module):
    """Blocks in a row."""

    def __init__(self, *blocks: Block) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        """Apply each."""
        for block in self.blocks:
            h = block(h, time)
        return h


class Block(nn.Module):
    """``(skip(x) + conv(silu(norm(conv(silu(norm(x))) + time)))) / √2``, perhaps of another size.

    Args:
        inputs: channels.
        outputs: channels.
        features: of the embedded time.
        resample: changes the size, before the first convolution and on the way around.
    """

    def __init__(
        self, inputs: int, outputs: int, features: int, resample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.norm_in, self.norm_out = normalised(inputs), normalised(outputs)
        self.resample = resample or nn.Identity()
        self.conv_in = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time = nn.Linear(features, outputs)
        self.conv_out = zeroed(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """``(B, inputs, F, T) -> (B, outputs, F', T')``."""
        h = self.conv_in(self.resample(F.silu(self.norm_in(x))))
        h = h + self.time(time).to(h.dtype)[..., None, None]
        h = self.conv_out(F.silu(self.norm_out(h)))
        return cast("Tensor", HALF * (self.skip(self.resample(x)) + h))


class Resample(nn.Module):
    """Half or twice the size in both directions, filtered by ``(1, 3, 3, 1)``."""

    kernel: Tensor

    def __init__(self, up: bool) -> None:
        super().__init__()
        self.enlarge = up
        taps = torch.tensor(FIR) / sum(FIR) * (2 if up else 1)
        self.register_buffer("kernel", torch.outer(taps, taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, F, T) -> (B, C, F/2, T/2)``, or ``(B, C, 2F, 2T)``."""
        channels = x.shape[1]
        weight = self.kernel.to(x.dtype).expand(channels, 1, -1, -1)
        if self.enlarge:
            return F.conv_transpose2d(x, weight, stride=2, padding=1, groups=channels)
        return F.conv2d(x, weight, stride=2, padding=1, groups=channels)


class Attention(nn.Module):
    """Each place looks at all others: ``(x + out(attention(norm(x)))) / √2``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normalised(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, F, T) -> (B, C, F, T)``."""
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, 2)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        return cast("Tensor", HALF * (x + self.out(seen)))


def normalised(channels: int) -> nn.GroupNorm:
    """Normalisation over groups of channels and the whole segment."""
    return nn.GroupNorm(channels // GROUPED, channels)
