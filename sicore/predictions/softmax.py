"""Outputs of a network as laws over kinds, for states whose entries are one-hot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from sicore.interpolants import Interpolant, Time
from sicore.predictions.kinds import CATEGORICAL, Kind, Value
from sicore.predictions.network import Condition, Network
from sicore.states import State, tree_map


@dataclass(frozen=True)
class Softmax:
    """``p(x1|x_t)`` of each entry by the softmax of the network's output over the last axis.

    A row of x that is all zero is no entry, and gets no law: its probabilities are zero.
    """

    def kind(self, configured: Kind) -> Kind:
        """Always categorical."""
        return CATEGORICAL

    def __call__(
        self,
        network: Network,
        interpolant: Interpolant,
        t: Time,
        times: Tensor,
        x: State,
        condition: Condition,
    ) -> Value:
        """The probabilities, of the dtype of x."""
        logits = cast("State", network(x, times, condition))
        return cast("Value", tree_map(_probabilities, logits, x))


def _probabilities(logits: Tensor, x: Tensor) -> Tensor:
    there = (x != 0).any(-1, keepdim=True)
    return torch.where(there, logits.to(x.dtype).softmax(-1), 0.0)
