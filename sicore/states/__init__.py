"""States, their spaces and their noise: tensors and trees of tensors."""

from sicore.states.brownian import BrownianTree
from sicore.states.noise import Noise
from sicore.states.spaces import StateSpace, SymmetricSpace, TensorSpace, TreeSpace
from sicore.states.trees import (
    Scalar,
    State,
    add,
    batch_size,
    by_leaf,
    combine,
    concatenate,
    expand,
    inner,
    inner_by_leaf,
    leaves,
    repeat,
    scale,
    size_per_sample,
    take,
    to,
    tree_map,
    weighted_sum,
    zeros_like,
)

__all__ = [
    "BrownianTree",
    "Noise",
    "Scalar",
    "State",
    "StateSpace",
    "SymmetricSpace",
    "TensorSpace",
    "TreeSpace",
    "add",
    "batch_size",
    "by_leaf",
    "combine",
    "concatenate",
    "expand",
    "inner",
    "inner_by_leaf",
    "leaves",
    "repeat",
    "scale",
    "size_per_sample",
    "take",
    "to",
    "tree_map",
    "weighted_sum",
    "zeros_like",
]
