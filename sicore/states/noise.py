"""Noise: the only source of randomness, one counter-based stream for each sample.

Number k of seed s is the same sample whatever the batch it is drawn in, the order, the device,
or the number of processes: every value is a function of (seed, stream, sample, draw, leaf,
position), and nothing is kept between calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sicore.states.philox import MASK, philox, to_normal, to_uniform
from sicore.states.spaces import StateSpace, part_of_space
from sicore.states.trees import State, leaves, scale


@dataclass(frozen=True)
class Noise:
    """Streams of random numbers for the samples ``index`` of ``seed``.

    Args:
        seed: any integer.
        index: the numbers of the samples in this batch, int64 ``(B,)``.
        stream: names what the numbers are for, so that two uses never share them.
        draw: which draw of the stream; the solve loop sets it to the step.
        space: gives normals the structure of its states (symmetric edges, masks); None for iid.
    """

    seed: int
    index: Tensor
    stream: str = ""
    draw: int = 0
    space: StateSpace | None = None

    @classmethod
    def of(
        cls,
        seed: int,
        n: int,
        first: int = 0,
        device: torch.device | str | None = None,
        space: StateSpace | None = None,
    ) -> Noise:
        """Streams of the ``n`` samples from number ``first`` on."""
        return cls(seed, torch.arange(first, first + n, device=device), space=space)

    def named(self, stream: str) -> Noise:
        """Independent streams of the same samples for another use."""
        return replace(self, stream=f"{self.stream}/{stream}", draw=0)

    def at(self, draw: int) -> Noise:
        """The same streams at another draw."""
        return replace(self, draw=draw)

    def take(self, index: Tensor | slice) -> Noise:
        """The streams of a part of the batch."""
        space = part_of_space(self.space, index)
        return replace(self, index=self.index[index], space=space)

    def _key(self, leaf: str) -> tuple[int, int]:
        """What the counters of a leaf are hashed with."""
        name = f"{self.seed}/{self.stream}/{leaf}".encode()
        digest = hashlib.blake2b(name, digest_size=8).digest()
        return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")

    def _words(self, numel: int, leaf: str) -> list[Tensor]:
        block = torch.arange((numel + 3) // 4, device=self.index.device)
        sample = self.index.unsqueeze(-1)
        counter = (block, torch.full_like(block, self.draw), sample & MASK, sample >> 32)
        return philox(self._key(leaf), counter)

    def normal(
        self, shape: Sequence[int], dtype: torch.dtype | None = None, leaf: str = ""
    ) -> Tensor:
        """Standard normals ``(B, *shape)``; float32 values are the rounded float64 ones."""
        numel = torch.Size(shape).numel()
        flat = torch.stack(to_normal(self._words(numel, leaf)), -1).flatten(1)[:, :numel]
        return flat.to(dtype or torch.get_default_dtype()).reshape(-1, *shape)

    def uniform(
        self, shape: Sequence[int] = (), dtype: torch.dtype = torch.float64, leaf: str = ""
    ) -> Tensor:
        """Uniforms in (0, 1), ``(B, *shape)``."""
        numel = torch.Size(shape).numel()
        flat = to_uniform(torch.stack(self._words(numel, leaf), -1).flatten(1)[:, :numel])
        return flat.to(dtype).reshape(-1, *shape)

    def normal_like(self, x: State) -> State:
        """Standard normals of the structure, shape, dtype and device of ``x``."""
        return self._like(
            x, {k: self.normal(v.shape[1:], v.dtype, k) for k, v in leaves(x).items()}
        )

    def _like(self, x: State, drawn: dict[str, Tensor]) -> State:
        """Numbers that were drawn for each leaf of x, in its structure and that of the space."""
        like = leaves(x)
        moved = {k: v.to(device=like[k].device, dtype=like[k].dtype) for k, v in drawn.items()}
        z: State = moved[""] if isinstance(x, Tensor) else moved
        return z if self.space is None else self.space.shape_noise(z)

    def coordinates(self, t: float, s: float, x: State, count: int = 1) -> list[State]:
        """Independent standard normals that say what Brownian motion does over a step.

        With ``h = |s − t|`` the first, ξ, is its increment over √h, ``ΔW = √h ξ``; with the
        second, ζ, also ``∫ (W_u − W_t) du = h^(3/2) (ξ + ζ/√3)/2`` over the step (towards s).

        Args:
            t: where the step starts.
            s: where it ends.
            x: gives structure, shape, dtype and device.
            count: 1 or 2.
        """
        drawn = [self.normal_like(x)]
        if count > 1:
            drawn.append(self.named("area").at(self.draw).normal_like(x))
        return drawn

    def increment(self, t: float, s: float, x: State) -> State:
        """A Brownian increment over the step from t to s: variance ``|s − t|``, shaped as x."""
        return scale(abs(s - t) ** 0.5, self.coordinates(t, s, x)[0])
