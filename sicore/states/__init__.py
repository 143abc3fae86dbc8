"""States, their spaces and their noise: tensors and trees of tensors."""

from sicore.states.noise import Noise
from sicore.states.spaces import StateSpace, SymmetricSpace, TensorSpace, TreeSpace
from sicore.states.trees import (
    Scalar,
    State,
    add,
    batch_size,
    combine,
    concatenate,
    expand,
    inner,
    leaves,
    repeat,
    scale,
    size_per_sample,
    take,
    to,
    tree_map,
    zeros_like,
)

__all__ = [
    "Noise",
    "Scalar",
    "State",
    "StateSpace",
    "SymmetricSpace",
    "TensorSpace",
    "TreeSpace",
    "add",
    "batch_size",
    "combine",
    "concatenate",
    "expand",
    "inner",
    "leaves",
    "repeat",
    "scale",
    "size_per_sample",
    "take",
    "to",
    "tree_map",
    "zeros_like",
]
