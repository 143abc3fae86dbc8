"""Philox 4x32-10: random bits as a pure function of a key and a counter, written in torch.

Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
Having no state, it needs no replay: number n of stream k is there at once, on any device.
32-bit words are held in int64 tensors, whose products wrap modulo 2^64 without loss of the bits
that are used.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
AT_ONCE = 2**14  # counters: more of them do not fit into a processor's cache


def philox(key: tuple[int, int], counter: tuple[Tensor, Tensor, Tensor, Tensor]) -> list[Tensor]:
    """Four 32-bit words for each counter.

    Args:
        key: two 32-bit integers.
        counter: four int64 tensors of 32-bit words that broadcast against each other.
    """
    whole = torch.broadcast_tensors(*counter)
    words = [c.flatten().clone() for c in whole]
    size = AT_ONCE if words[0].device.type == "cpu" else words[0].numel()
    for parts in zip(*(c.split(max(size, 1)) for c in words), strict=True):
        _rounds(key, *parts)
    return [c.reshape(whole[0].shape) for c in words]


def _rounds(key: tuple[int, int], c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor) -> None:
    """All rounds in place: without new memory, in a cache's worth of it."""
    k0, k1 = key
    p0, p1 = torch.empty_like(c0), torch.empty_like(c0)
    for _ in range(_ROUNDS):
        torch.mul(c0, _MULTIPLIERS[0], out=p0)
        torch.mul(c2, _MULTIPLIERS[1], out=p1)
        torch.bitwise_right_shift(p1, 32, out=c0).bitwise_and_(MASK)
        c0.bitwise_xor_(c1).bitwise_xor_(k0)
        torch.bitwise_right_shift(p0, 32, out=c2).bitwise_and_(MASK)
        c2.bitwise_xor_(c3).bitwise_xor_(k1)
        torch.bitwise_and(p1, MASK, out=c1)
        torch.bitwise_and(p0, MASK, out=c3)
        k0, k1 = (k0 + _WEYL[0]) & MASK, (k1 + _WEYL[1]) & MASK


def to_uniform(words: Tensor) -> Tensor:
    """32-bit words to float64 in the open interval (0, 1): ``(w + ½) 2⁻³²``."""
    return (words.double() + 0.5) * 2.0**-32


def to_normal(words: list[Tensor]) -> list[Tensor]:
    """Four words to four independent float64 normals, by Box and Muller's transform."""
    normals = []
    for first, second in ((words[0], words[1]), (words[2], words[3])):
        radius = (-2.0 * to_uniform(first).log()).sqrt()
        angle = 2.0 * math.pi * to_uniform(second)
        normals += [radius * torch.cos(angle), radius * torch.sin(angle)]
    return normals
