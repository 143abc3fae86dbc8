"""What a network makes of conditions: a vector for each, and another where it is not given."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi

import torch
from torch import Tensor, nn

from sicore.hub.conditions import Categorical, ConditionKind, Scalar

FREQUENCIES = 8


class ConditionEmbedding(nn.Module):
    """The sum of one vector for each condition, ``(B, width)``.

    A code looks its vector up. A number v enters by its ``(v − mean)/std``, as it is and as sines
    and cosines, and a perceptron. What is not given (−1, NaN, or no value at all) has a vector of
    its own, so that guidance without a classifier works.

    Args:
        conditions: those of the domain; what networks do not see is left out, and so are arrays,
            which they read in their own way.
        width: of the vectors.
    """

    def __init__(self, conditions: Mapping[str, ConditionKind], width: int) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(
            {
                name: MODULES[type(c)](c, width)
                for name, c in conditions.items()
                if c.seen and type(c) in MODULES
            }
        )

    def forward(self, condition: Mapping[str, Tensor] | None, like: Tensor) -> Tensor:
        """The sum; ``like`` ``(B, ...)`` gives batch, device and dtype."""
        total = like.new_zeros(len(like), 1)
        for name, part in self.parts.items():
            total = total + part((condition or {}).get(name), like)
        return total


class CodeEmbedding(nn.Module):
    """A table with one more row, the first, for "not given"."""

    def __init__(self, condition: Categorical, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(condition.size + 1, width)

    def forward(self, code: Tensor | None, like: Tensor) -> Tensor:
        """``(B, width)``, or ``(1, width)`` where nothing is given."""
        return self.table.weight[:1] if code is None else self.table(code + 1)


class NumberEmbedding(nn.Module):
    """A perceptron on a standardised number, and a vector for "not given"."""

    def __init__(self, condition: Scalar, width: int) -> None:
        super().__init__()
        self.mean, self.std = condition.mean, condition.std
        self.missing = nn.Parameter(torch.randn(width))
        self.enter = nn.Linear(1 + 2 * FREQUENCIES, width)
        self.leave = nn.Linear(width, width)

    def forward(self, value: Tensor | None, like: Tensor) -> Tensor:
        """``(B, width)``, or ``(1, width)`` where nothing is given."""
        nothing = value is None
        number = like.new_zeros(1) if value is None else (value.to(like) - self.mean) / self.std
        missing = number.isnan()
        standard = torch.where(missing, 0.0, number).unsqueeze(-1)
        # Wavelengths from 16 deviations down to an eighth of one.
        angles = standard * (2 * pi / 16 * 2.0 ** torch.arange(FREQUENCIES).to(like))
        made = self.enter(torch.cat([standard, angles.sin(), angles.cos()], -1))
        made = self.leave(nn.functional.silu(made))
        return torch.where((missing | nothing).unsqueeze(-1), self.missing.to(made), made)


MODULES: Mapping[type, type[nn.Module]] = {Categorical: CodeEmbedding, Scalar: NumberEmbedding}
