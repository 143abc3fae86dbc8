r"""GDSS's pair of score networks: one for the nodes X, one for the edges, both of (X, edges).

The paper's edges are one number for each pair, an adjacency matrix A with the orders of the bonds.
Here they have E channels, one-hot in the data. So the matrix that both networks work on is made
from the channels,

``A_ij = b + Σ_e w_e x_ije``,  at first  ``w_e = e − (E − 1)/2``,  ``b = (E − 1)/2``,

with w and b learned. At first it is the order: of all such sums that are right for one-hot pairs,
the one that gathers least noise. What the sum loses comes in again at the end: the last perceptron
of the edges is given the channels besides, and E numbers leave it.

* Nodes: ``H_l = tanh(GCN(H_{l−1}, A))``, and a perceptron of three layers on ``[X, H_1, …]``.
* Edges: from the channels ``[A, A², …]``, layers of graph multi-head attention, each with queries,
  keys and values by a GCN of its own for every channel c,
  ``Q, K, V = GCN_c(H, A_c)``, ``M_c = mean over heads of tanh(Q Kᵀ/√d)``, symmetrised. The values
  of all channels make the next H (the last layer needs none), and a perceptron makes the next
  channels of a pair from its M and A. A last perceptron reads the channels of all layers.

What is not the paper's, besides the channels:

* The networks see t, by a few of its sines and cosines: beside the nodes' numbers, and in front of
  both last perceptrons. The authors' networks must guess the noise level from the state.
* A node is there if its row is not zero. The authors look for its edges, and lose single atoms.
* Edges are symmetrised to the last bit, and their diagonal is zero.
* Conditions, where the domain has any, are added to what is told of t.

Source: Jo, Lee and Hwang, "Score-based generative modeling of graphs via the system of stochastic
differential equations", 2022, section 3.3 and appendix; attention: Baek, Kang and Hwang,
"Accurate learning of graph representations with graph multiset pooling", 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import pi, sqrt
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from sicore.backbones import ConditionEmbedding
from sicore.errors import InputError
from sicore.hub.domain import Domain
from sicore.states import State, TreeSpace
from sicore_molecules.domain import pair_mask, present


class GDSS(nn.Module):
    """``forward({"nodes": (B, N, A), "edges": (B, N, N, E)}, t (B,)) -> the same shapes``.

    The defaults are the paper's for QM9. Weights do not depend on N.

    Args:
        domain: the graphs; gives A, E and the conditions.
        width: numbers of each node in hidden layers.
        depth: graph convolutions of the node network.
        layers: attention layers of the edge network.
        heads: of the attention; they share ``width``.
        powers: how many powers of A the edge network starts from.
        channels: of each pair in hidden layers.
        last_channels: the same, after the last attention layer.
        frequencies: of t, with a sine and a cosine each.

    Raises:
        InputError: when the heads do not divide the width.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: Domain,
        width: int = 16,
        depth: int = 2,
        layers: int = 3,
        heads: int = 4,
        powers: int = 2,
        channels: int = 8,
        last_channels: int = 4,
        frequencies: int = 3,
    ) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"network: expected heads that divide width {width}, got {heads}")
        spaces = cast("TreeSpace", domain.space).spaces
        kinds, orders = (spaces[leaf].shape[-1] for leaf in ("nodes", "edges"))
        angles = pi * 2.0 ** torch.arange(frequencies)
        self.register_buffer("frequencies", angles, persistent=False)
        self.order = nn.Linear(orders, 1)
        with torch.no_grad():
            self.order.weight.copy_(torch.arange(orders) - (orders - 1) / 2)
            self.order.bias.fill_((orders - 1) / 2)
        time = 2 * frequencies
        self.conditions = ConditionEmbedding(domain.conditions, time)
        self.nodes = NodeNetwork(kinds, width, depth, time)
        sizes = [powers, *(channels for _ in range(layers - 1)), last_channels]
        self.edges = EdgeNetwork(kinds, orders, width, heads, sizes, time)
        self.powers = powers

    def forward(self, x: State, t: Tensor, condition: Mapping[str, Tensor] | None = None) -> State:
        """Map graphs at times t ``(B,)`` to graphs; 0 where there is no node, or no pair."""
        state = cast("dict[str, Tensor]", x)
        nodes, edges = state["nodes"], state["edges"]
        mask = present(nodes)
        pairs = pair_mask(mask).unsqueeze(1)
        a = torch.where(pairs, self.order(edges).movedim(-1, 1), 0.0)
        known = (self._time(t) + self.conditions(condition, t)).unsqueeze(1)
        h = torch.cat((nodes, known.expand(-1, nodes.shape[1], -1)), -1)
        e = self.edges(h, edges, self._powers(a, pairs), known, pairs)
        return {
            "nodes": torch.where(mask.unsqueeze(-1), self.nodes(h, a), 0.0).to(nodes),
            "edges": torch.where(pairs.movedim(1, -1), symmetric(e, 1, 2), 0.0).to(edges),
        }

    def _time(self, t: Tensor) -> Tensor:
        angles = t.unsqueeze(1) * self.get_buffer("frequencies").to(t)
        return torch.cat((angles.sin(), angles.cos()), 1)

    def _powers(self, a: Tensor, pairs: Tensor) -> Tensor:
        """``[A, A², …]``, ``(B, powers, N, N)``, without what is no pair."""
        made = [a]
        for _ in range(self.powers - 1):
            made.append(made[-1] @ a)
        return torch.where(pairs, torch.cat(made, 1), 0.0)


class NodeNetwork(nn.Module):
    """Graph convolutions, and a perceptron on the outputs of all of them.

    Args:
        kinds: A, numbers of a node.
        width: numbers in hidden layers.
        depth: convolutions.
        time: features of time, which are among the inputs.
    """

    def __init__(self, kinds: int, width: int, depth: int, time: int) -> None:
        super().__init__()
        sizes = [kinds + time, *(width for _ in range(depth))]
        self.layers = nn.ModuleList(GraphConvolution(1, m, n) for m, n in pairwise(sizes))
        read = kinds + depth * width
        self.last = perceptron(3, read + time, 2 * read, kinds)

    def forward(self, inputs: Tensor, a: Tensor) -> Tensor:
        """From inputs ``(B, N, A + time)`` and A ``(B, 1, N, N)`` to ``(B, N, A)``."""
        h, read = inputs, [inputs]
        for layer in self.layers:
            h = layer(h, a).squeeze(1).tanh()
            read.append(h)
        made: Tensor = self.last(torch.cat(read, -1))
        return made


class EdgeNetwork(nn.Module):
    """Layers of graph multi-head attention, and a perceptron on the channels of all of them.

    Args:
        kinds: A, numbers of a node.
        orders: E, numbers of a pair.
        width: numbers of a node in hidden layers.
        heads: of the attention.
        channels: of a pair: before the first layer, and after each.
        time: features of time, which are among the inputs.
    """

    def __init__(
        self, kinds: int, orders: int, width: int, heads: int, channels: list[int], time: int
    ) -> None:
        super().__init__()
        nodes, sizes = [kinds + time, *(width for _ in channels[2:])], list(pairwise(channels))
        self.attention = nn.ModuleList(
            Attention(n, width, heads, *size) for n, size in zip(nodes, sizes, strict=True)
        )
        self.values = nn.ModuleList(
            Values(n, width, *size) for n, size in zip(nodes, sizes[:-1], strict=False)
        )
        read = sum(channels)
        self.last = perceptron(3, read + orders + time, 2 * read, orders)

    def forward(
        self, inputs: Tensor, edges: Tensor, powers: Tensor, known: Tensor, pairs: Tensor
    ) -> Tensor:
        """From nodes, pairs ``(B, N, N, E)`` and powers ``(B, C, N, N)`` to ``(B, N, N, E)``."""
        h, a = inputs, powers
        read = [edges, a.movedim(1, -1)]
        for number, layer in enumerate(self.attention):
            made = layer(h, a, pairs)
            if number < len(self.values):
                h = self.values[number](h, a)
            a = made
            read.append(a.movedim(1, -1))
        read.append(known.unsqueeze(1).expand(*edges.shape[:3], -1))
        result: Tensor = self.last(torch.cat(read, -1))
        return result


class Attention(nn.Module):
    """From nodes and channels of pairs to the next channels of pairs.

    Args:
        nodes: numbers of a node.
        width: of queries and keys.
        heads: of the attention.
        channels: of a pair that come in.
        out: of a pair that go out.
    """

    def __init__(self, nodes: int, width: int, heads: int, channels: int, out: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, 1 / sqrt(width)
        self.query, self.key = (GraphConvolution(channels, nodes, width) for _ in range(2))
        self.pair = perceptron(3, 2 * channels, 2 * max(channels, out), out)

    def forward(self, h: Tensor, a: Tensor, pairs: Tensor) -> Tensor:
        """From ``(B, N, F)`` and ``(B, C, N, N)`` to ``(B, C', N, N)``."""
        q, k = (part(h, a).unflatten(-1, (self.heads, -1)) for part in (self.query, self.key))
        scores = torch.einsum("bcihd,bcjhd->bchij", q, k) * self.scale
        attention = symmetric(scores.tanh().mean(2), 2, 3)
        read = torch.cat((attention.movedim(1, -1), a.movedim(1, -1)), -1)
        made = self.pair(read).movedim(-1, 1)
        return torch.where(pairs, 2 * symmetric(made, 2, 3), 0.0)


class Values(nn.Module):
    """From nodes and channels of pairs to the next nodes.

    Args:
        nodes: numbers of a node that come in.
        width: numbers that go out.
        channels: of a pair.
        out: channels of a pair in the next layer; the hidden size follows from it.
    """

    def __init__(self, nodes: int, width: int, channels: int, out: int) -> None:
        super().__init__()
        self.value = GraphConvolution(channels, nodes, width)
        self.gather = perceptron(2, channels * width, 2 * max(channels, out), width)

    def forward(self, h: Tensor, a: Tensor) -> Tensor:
        """From ``(B, N, F)`` and ``(B, C, N, N)`` to ``(B, N, width)``."""
        made: Tensor = self.gather(self.value(h, a).movedim(1, 2).flatten(2)).tanh()
        return made


class GraphConvolution(nn.Module):
    """``D^{−1/2} (A_c + I) D^{−1/2} H W_c + b_c`` for each of C matrices.

    D holds the row sums of ``A_c + I``, and 1 where they are less: matrices with noise have sums
    near 0 and below.

    Args:
        channels: C.
        inputs: numbers of a node that come in.
        outputs: numbers that go out.

    Source: Kipf and Welling, "Semi-supervised classification with graph convolutional networks",
    2017.
    """

    def __init__(self, channels: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(channels, 1, outputs))
        bound = sqrt(6 / (inputs + outputs))  # Glorot's
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, h: Tensor, a: Tensor) -> Tensor:
        """``(B, N, F)`` and ``(B, C, N, N)`` with a zero diagonal to ``(B, C, N, F')``."""
        looped = a + torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
        root = looped.sum(-1, keepdim=True).clamp(min=1).rsqrt()
        return root * (looped @ (root * (h.unsqueeze(1) @ self.weight))) + self.bias


def perceptron(layers: int, inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Linear layers with ELU between them."""
    sizes = [inputs, *(hidden for _ in range(layers - 1)), outputs]
    parts: list[nn.Module] = []
    for m, n in pairwise(sizes):
        parts += [nn.Linear(m, n), nn.ELU()]
    return nn.Sequential(*parts[:-1])


def symmetric(x: Tensor, i: int, j: int) -> Tensor:
    """``(x + xᵀ)/2`` over two axes: the same to the last bit on both sides."""
    return (x + x.transpose(i, j)) / 2
