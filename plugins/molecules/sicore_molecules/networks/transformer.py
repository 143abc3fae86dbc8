"""A dense graph transformer: nodes attend to each other, and every pair of nodes has a state too.

Written for speed on small graphs. Each pair i < j is kept once (`pairs`), so that edges are
symmetric by construction, and the first axis is that of nodes or pairs, ``(N, B, d)`` and
``(P, B, d)``, so that going from nodes to pairs copies whole blocks. A layer is::

    h ─ LN, FiLM ─┬─ q, k, v ── attention(+ bias, × gate of the pairs) ─┬─ + h
                  ├─ hidden ─── GELU ───────────────────────────────────┘
                  └─ u_i ⊙ u_j ─┐
    e ─ LN, FiLM ─┬─ hidden ─── + ─ GELU ───────────────────────────────── + e
                  └─ bias, gate of the attention

Attention and perceptron are side by side, of one normalisation and one matrix each way (Wang and
Komatsuzaki 2021; Dehghani et al. 2023). Sources: Vignac et al., "DiGress", 2023 (the task, edges
that steer attention, FiLM of time), Dwivedi and Bresson 2021 (states of pairs), Peebles and Xie
2023 (layers that begin as the identity).
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
        walks: K, longest random walk whose probabilities are features.

    Raises:
        InputError: when the heads do not divide d_node.
    """

    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __init__(
        self,
        domain: Domain,
        d_node: int = 128,
        d_edge: int = 48,
        layers: int = 6,
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
        self.enter_nodes = nn.Linear(kinds + orders + walks, d_node)
        self.enter_edges = nn.Linear(orders + walks, d_edge)
        self.enter_graph = nn.Linear(2 + 2 * FREQUENCIES, d_node)
        self.conditions = ConditionEmbedding(domain.conditions, d_node)
        self.hidden = nn.Linear(d_node, d_node)
        self.widths = [d_node, d_node, d_edge, d_edge]
        self.film = nn.Linear(d_node, layers * sum(self.widths))
        self.layers = nn.ModuleList(Layer(d_node, d_edge, heads, expansion) for _ in range(layers))
        self.norms = nn.ModuleList([nn.LayerNorm(d_node), nn.LayerNorm(d_edge)])
        self.leave_nodes = nn.Linear(d_node, kinds)
        self.leave_edges = nn.Linear(d_edge, orders)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: State, t: Tensor, condition: Mapping[str, Tensor] | None = None) -> State:
        """Map graphs at times t ``(B,)`` to graphs."""
        state = cast("dict[str, Tensor]", x)
        nodes, edges = state["nodes"], state["edges"]
        pairs = pairs_of(nodes.shape[1], nodes.device)
        mask = (nodes != 0).any(-1).T
        h, e = self._entered(nodes, edges, pairs)
        film = self._film(mask.sum(0), t, condition)
        hidden = torch.where(mask, 0.0, float("-inf")).to(h)  # keys that nobody may attend to
        keys = hidden.T.unsqueeze(1).unsqueeze(1)
        keys = keys.expand(-1, -1, len(mask), -1).clone()
        keys.diagonal(dim1=2, dim2=3).zero_()  # but an absent node itself, for want of others
        for layer, parts in zip(self.layers, film, strict=True):
            h, e = layer(h, e, parts, pairs, keys)
        return self._left(h, e, pairs, mask)

    def _entered(self, nodes: Tensor, edges: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
        with torch.autocast(nodes.device.type, enabled=False):
            walks = random_walks(edges, self.walks)
        returns = walks.diagonal(dim1=2, dim2=3).permute(2, 1, 0)
        h = torch.cat([nodes.transpose(0, 1), edges.sum(2).transpose(0, 1), returns], -1)
        e = torch.cat([pairs.listed(edges), pairs.listed(walks.permute(1, 2, 3, 0))], -1)
        return self.enter_nodes(h), self.enter_edges(e)

    def _film(
        self, size: Tensor, t: Tensor, condition: Mapping[str, Tensor] | None
    ) -> list[tuple[Tensor, ...]]:
        angles = t[:, None] * (pi * 2.0 ** torch.arange(FREQUENCIES).to(t))
        size = (size / self.room).to(t)
        graph = torch.cat([t[:, None], size[:, None], angles.sin(), angles.cos()], -1)
        vector = F.silu(self.enter_graph(graph) + self.conditions(condition, t))
        vector = F.silu(self.hidden(vector))
        return [f.split(self.widths, -1) for f in self.film(vector).chunk(len(self.layers), -1)]

    def _left(self, h: Tensor, e: Tensor, pairs: Pairs, mask: Tensor) -> State:
        both = mask[pairs.first] & mask[pairs.second]
        nodes = self.leave_nodes(self.norms[0](h))
        edges = self.leave_edges(self.norms[1](e))
        nodes = torch.where(mask.unsqueeze(-1), nodes, 0.0)
        edges = torch.where(both.unsqueeze(-1), edges, 0.0)
        square = pairs.square(edges, edges.new_zeros(1, *edges.shape[1:]))
        return {"nodes": nodes.transpose(0, 1), "edges": square.permute(2, 0, 1, 3)}


class Layer(nn.Module):
    """One layer; it begins as the identity."""

    def __init__(self, d_node: int, d_edge: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        wide, wide_edge = expansion * d_node, expansion * d_edge
        self.node_parts = [3 * d_node, wide, wide_edge]
        self.edge_parts = [2 * heads, wide_edge]
        self.enter_nodes = nn.Linear(d_node, sum(self.node_parts))
        self.enter_edges = nn.Linear(d_edge, sum(self.edge_parts))
        self.itself = nn.Parameter(torch.zeros(2 * heads))  # bias and gate of a node to itself
        self.leave_nodes = nn.Linear(d_node + wide, d_node)
        self.leave_edges = nn.Linear(wide_edge, d_edge)
        for leave in (self.leave_nodes, self.leave_edges):
            nn.init.zeros_(leave.weight)
            nn.init.zeros_(leave.bias)

    def forward(
        self, h: Tensor, e: Tensor, film: tuple[Tensor, ...], pairs: Pairs, keys: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Nodes ``(N, B, d_node)`` and pairs ``(P, B, d_edge)``; keys ``(B, 1, N, N)``."""
        scale_h, shift_h, scale_e, shift_e = film
        normal_h = torch.addcmul(shift_h, F.layer_norm(h, h.shape[-1:]), 1 + scale_h)
        normal_e = torch.addcmul(shift_e, F.layer_norm(e, e.shape[-1:]), 1 + scale_e)
        qkv, hidden, u = self.enter_nodes(normal_h).split(self.node_parts, -1)
        steering, hidden_e = self.enter_edges(normal_e).split(self.edge_parts, -1)
        attended = self._attention(qkv, pairs.square(steering, self._self(steering)), keys)
        h = h + self.leave_nodes(torch.cat([attended, F.gelu(hidden)], -1))
        products = u.index_select(0, pairs.first) * u.index_select(0, pairs.second)
        e = e + self.leave_edges(F.gelu(hidden_e + products))
        return h, e

    def _self(self, steering: Tensor) -> Tensor:
        return self.itself.expand(1, *steering.shape[1:])

    def _attention(self, qkv: Tensor, steering: Tensor, keys: Tensor) -> Tensor:
        n, b, _ = qkv.shape
        q, k, v = qkv.view(n, b, 3, self.heads, -1).permute(2, 1, 3, 0, 4)  # (B, H, N, d)
        bias, gate = steering.permute(2, 3, 0, 1).chunk(2, 1)  # (B, H, N, N)
        logits = q @ k.transpose(2, 3) * q.shape[-1] ** -0.5 + bias + keys
        weights = logits.softmax(-1) * (1 + gate)
        return (weights @ v).permute(2, 0, 1, 3).reshape(n, b, -1)
