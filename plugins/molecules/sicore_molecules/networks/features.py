"""What the structure of a graph says of its nodes and pairs, for networks to start from.

Networks that pass messages cannot count cycles; the probabilities of random walks tell them.
Sources: Ma et al., "Graph inductive biases in transformers without message passing", 2023 (GRIT;
relative random-walk probabilities), and Qin et al., "DeFoG", 2024, which uses them in a flow.
"""

from __future__ import annotations

import torch
from torch import Tensor


def random_walks(edges: Tensor, steps: int) -> Tensor:
    """Powers 1 … K of the normalised adjacency ``D^(−1/2) W D^(−1/2)``, ``(K, B, N, N)``.

    The weight of a pair is ``W_ij = Σ_{e ≥ 1} |x_ij^e|``: for one-hot states 1 where there is an
    edge. A state with Gaussian noise has negative entries; their absolute values make W a weight
    to walk with, so that D is never negative, and all powers stay within [−1, 1]: the scale of the
    noise drops out, and nothing has to be clipped. A node without edges has zeros.

    Args:
        edges: ``(B, N, N, E)``, symmetric; the channel 0 is "no edge".
        steps: K.
    """
    weights = edges[..., 1:].abs().sum(-1)
    degree = weights.sum(-1)
    root = torch.where(degree > 0, degree, 1.0).rsqrt()
    walk = root.unsqueeze(-1) * weights * root.unsqueeze(-2)
    powers = [walk]
    for _ in range(steps - 1):
        powers.append(powers[-1] @ walk)
    return torch.stack(powers)
