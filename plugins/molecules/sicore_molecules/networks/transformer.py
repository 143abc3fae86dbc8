"""A dense graph transformer: nodes attend to each other, and every pair of nodes has a state too.

Written for speed on small graphs. Each pair i < j is kept once (`pairs`), so that edges are
symmetric by construction, and the first axis is that of nodes or pairs, ``(N, B, d)`` and
``(P, B, d)``, so that going from nodes to pairs copies whole blocks. A layer is::

    h ─ LN, FiLM ─┬─ perceptron ──────────────────────── + h
                  ├─ v ── attention with weights of z ── + h
                  └─ u_i ⊙ u_j ─┐
    e ─ LN ──────────────────── + = z ─ perceptron ───── + e

What two nodes have to say to each other is in z, so the attention takes its weights from there:
``w_ij = softmax_j(bias(z_ij)) · (1 + gate(z_ij))``. Time and conditions reach the pairs by u.
Attention and perceptron are side by side, after one normalisation (Wang and Komatsuzaki 2021).

Sources: Vignac et al., "DiGress", 2023 (the task, edges that steer attention, FiLM of time);
Dwivedi and Bresson, "A generalization of transformer networks to graphs", 2021 (states of edges);
Peebles and Xie 2023 (layers that begin as the identity).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sicore.backbones import ConditionEmbedding
from sicore.errors import InputError
from sicore.hub.domain import Domain
from sicore.states import State, TreeSpace
from sicore_molecules.networks.features import random_walks
from sicore_molecules.networks.pairs import Pairs, pairs_of

FREQUENCIES = 6


class GraphTransformer(nn.Module):
    """``forward(x, t (B,), condition) -> x``, ``{"nodes": (B, N, A), "edges": (B, N, N, E)}``.

    Equivariant to permutations of the nodes, and of any N. Nodes whose row is all zero are absent:
    they and their pairs have no influence, and 0 comes out for them.

    Args:
        domain: the graphs; gives A, E, the usual size and the conditions.
        d_node: width of the nodes' states.
        d_edge: width of the pairs' states.
        layers: how many.
        heads: of the attention; must divide d_node.
        expansion: hidden units of the perceptrons, in units of the widths.
        walks: K, the longest random walk whose probabilities are features.

    Raises:
        InputError: when the heads do not divide d_node.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: Domain,
        d_node: int = 128,
        d_edge: int = 48,
        layers: int = 7,
        heads: int = 8,
        expansion: int = 2,
        walks: int = 8,
    ) -> None:
        super().__init__()
        if d_node % heads:
            raise InputError(f"network: expected heads that divide d_node {d_node}, got {heads}")
        spaces = cast("TreeSpace", domain.space).spaces
        self.room, kinds = spaces["nodes"].shape
        orders = spaces["edges"].shape[-1]
        self.walks = walks
        self.enter_nodes = nn.Linear(kinds + orders - 1 + walks, d_node)
        self.enter_edges = nn.Linear(orders + walks, d_edge)
        self.enter_graph = nn.Linear(2 + 2 * FREQUENCIES, d_node)
        self.conditions = ConditionEmbedding(domain.conditions, d_node)
        self.hidden = nn.Linear(d_node, d_node)
        self.film = zeroed(nn.Linear(d_node, layers * 2 * d_node))
        self.layers = nn.ModuleList(Layer(d_node, d_edge, heads, expansion) for _ in range(layers))
        self.leave_nodes = nn.Sequential(nn.LayerNorm(d_node), nn.Linear(d_node, kinds))
        self.leave_edges = nn.Sequential(nn.LayerNorm(d_edge), nn.Linear(d_edge, orders))

    def forward(self, x: State, t: Tensor, condition: Mapping[str, Tensor] | None = None) -> State:
        """Map graphs at times t ``(B,)`` to graphs."""
        state = cast("dict[str, Tensor]", x)
        nodes, edges = state["nodes"], state["edges"]
        pairs = pairs_of(nodes.shape[1], nodes.device)
        mask = (nodes != 0).any(-1).T  # (N, B)
        h, e = self._entered(nodes, edges, pairs)
        film = self._film(mask.sum(0), t, condition).chunk(2 * len(self.layers), -1)
        keys = attended(mask, h.dtype)
        for layer, scale, shift in zip(self.layers, film[::2], film[1::2], strict=True):
            h, e = layer(h, e, scale, shift, pairs, keys)
        both = mask[pairs.first] & mask[pairs.second]
        with torch.autocast(nodes.device.type, enabled=False):  # rounded logits cost validity
            kinds, orders = self.leave_nodes(h.to(nodes)), self.leave_edges(e.to(edges))
        out = torch.where(mask.unsqueeze(-1), kinds, 0.0)
        listed = torch.where(both.unsqueeze(-1), orders, 0.0)
        square = pairs.square(listed, listed.new_zeros(1, *listed.shape[1:]))
        return {"nodes": out.transpose(0, 1), "edges": square.permute(2, 0, 1, 3)}

    def _entered(self, nodes: Tensor, edges: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Kinds, degrees by kind of edge (the valence is a sum of them), and random walks."""
        with torch.autocast(nodes.device.type, enabled=False):
            walks = random_walks(edges, self.walks)
        returns = walks.diagonal(dim1=2, dim2=3).permute(2, 1, 0)
        degrees = edges[..., 1:].sum(2)
        h = torch.cat([nodes.transpose(0, 1), degrees.transpose(0, 1), returns], -1)
        e = torch.cat([pairs.listed(edges), pairs.listed(walks.permute(1, 2, 3, 0))], -1)
        return self.enter_nodes(h), self.enter_edges(e)

    def _film(self, size: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None) -> Tensor:
        """Scale and shift of each layer, from time, the number of nodes and conditions."""
        angles = t.unsqueeze(-1) * (pi * 2.0 ** torch.arange(FREQUENCIES, device=t.device).to(t))
        known = torch.stack([t, (size / self.room).to(t)], -1)
        graph = self.enter_graph(torch.cat([known, angles.sin(), angles.cos()], -1))
        vector = F.silu(graph + self.conditions(condition, t))
        return cast("Tensor", self.film(F.silu(self.hidden(vector))))


class Layer(nn.Module):
    """One layer; it begins as the identity."""

    def __init__(self, d_node: int, d_edge: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.factors = nn.Linear(d_node, d_edge)
        self.values = nn.Linear(d_node, d_node)
        self.steer = nn.Linear(d_edge, 2 * heads)
        self.itself = nn.Parameter(torch.zeros(2 * heads))  # what steers from a node to itself
        self.join = zeroed(nn.Linear(d_node, d_node))
        self.nodes = perceptron(d_node, expansion)
        self.edges = perceptron(d_edge, expansion)

    def forward(
        self, h: Tensor, e: Tensor, scale: Tensor, shift: Tensor, pairs: Pairs, keys: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Nodes h ``(N, B, d_node)`` and pairs e ``(P, B, d_edge)``; keys as `attended` gives."""
        normal = torch.addcmul(shift, F.layer_norm(h, h.shape[-1:]), 1 + scale)
        u = self.factors(normal)
        products = u.index_select(0, pairs.first) * u.index_select(0, pairs.second)
        z = F.layer_norm(e, e.shape[-1:]) + products
        steering = self.steer(z)
        itself = self.itself.expand(1, *steering.shape[1:])
        bias, gate = pairs.square(steering, itself).chunk(2, -1)
        weights = (bias + keys).softmax(1) * (1 + gate)
        h = h + self.join(self._gathered(weights, self.values(normal))) + self.nodes(normal)
        return h, e + self.edges(z)

    def _gathered(self, weights: Tensor, values: Tensor) -> Tensor:
        """``Σ_j w_ij v_j`` of each head, from ``(N, N, B, H)`` and ``(N, B, d)``."""
        n, b, d = values.shape
        by_head = weights.flatten(2).permute(2, 0, 1).contiguous().to(values)  # (B · H, N, N)
        mixed = by_head @ values.view(n, b * self.heads, -1).transpose(0, 1)
        return mixed.transpose(0, 1).reshape(n, b, d)


def attended(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to logits, ``(N, N, B, 1)``: −∞ where j is absent, if it is not i itself.

    Args:
        mask: which nodes are there, ``(N, B)``.
        dtype: of the result.
    """
    itself = torch.eye(len(mask), dtype=torch.bool, device=mask.device).unsqueeze(-1)
    hidden = torch.where(mask | itself, 0.0, float("-inf"))
    return hidden.to(dtype).unsqueeze(-1)


def perceptron(width: int, expansion: int) -> nn.Sequential:
    """One hidden layer of rectifiers, which are the cheapest; 0 at first."""
    wide = width * expansion
    return nn.Sequential(nn.Linear(width, wide), nn.ReLU(), zeroed(nn.Linear(wide, width)))


def zeroed(linear: nn.Linear) -> nn.Linear:
    """With weights and bias 0, so that what it adds is 0 at first."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
