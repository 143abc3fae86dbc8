"""A generic network for small states; the networks of pictures or sounds come with plugins."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from sicore.backbones.conditions import ConditionEmbedding
from sicore.errors import InputError
from sicore.predictions import Pair, Value
from sicore.states import State, leaves

if TYPE_CHECKING:
    from sicore.hub import Domain


class MLP(nn.Module):
    """A perceptron on the flattened state, time features and embedded conditions.

    Time enters as ``sin(2^k π t), cos(2^k π t)``; for conditions see `ConditionEmbedding`.

    Args:
        domain: gives the shape of the states and the conditions.
        width: units of each hidden layer.
        depth: number of hidden layers.
        frequencies: number of time frequencies.
        observed: the condition, or conditions, that are states of the same shape and known, such
            as the observed source state of a bridge; they are joined to the state.
        pair: whether it predicts the pair (v, η) of the kind ``velocity-noise``.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: Domain,
        width: int = 128,
        depth: int = 3,
        frequencies: int = 6,
        observed: str | tuple[str, ...] | None = None,
        pair: bool = False,
    ) -> None:
        super().__init__()
        self.observed = (observed,) if isinstance(observed, str) else observed or ()
        self.pair = pair
        zeros = leaves(domain.space.zeros(1))
        self.shapes = {name: tuple(leaf.shape[1:]) for name, leaf in zeros.items()}
        size = sum(leaf.numel() for leaf in zeros.values())
        self.conditions = ConditionEmbedding(domain.conditions, width)
        self.register_buffer("frequencies", pi * 2.0 ** torch.arange(frequencies), persistent=False)
        inputs = size * (1 + len(self.observed))
        self.enter = nn.Linear(inputs + 2 * frequencies, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.leave = nn.Linear(width, 2 * size if pair else size)

    def forward(self, x: State, t: Tensor, condition: Mapping[str, Tensor] | None = None) -> Value:
        """Map states x at times t ``(B,)`` to states; codes are int64 ``(B,)``."""
        angles = t[:, None] * self.get_buffer("frequencies").to(t.dtype)
        flat = [leaf.flatten(1) for leaf in leaves(x).values()]
        for name in self.observed:
            known = (condition or {}).get(name)
            if known is None:
                raise InputError(f"mlp: the condition '{name}' is missing")
            flat += [leaf.flatten(1) for leaf in leaves(known).values()]
        h = self.enter(torch.cat([*flat, angles.sin(), angles.cos()], 1))
        h = h + self.conditions(condition, t)
        h = nn.functional.silu(h)
        for layer in self.hidden:
            h = h + nn.functional.silu(layer(h))
        out = self.leave(h)
        return Pair(*map(self._shaped, out.chunk(2, 1))) if self.pair else self._shaped(out)

    def _shaped(self, flat: Tensor) -> State:
        parts = flat.split([torch.Size(s).numel() for s in self.shapes.values()], 1)
        out = {
            name: part.reshape(-1, *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }
        return out[""] if set(out) == {""} else out
