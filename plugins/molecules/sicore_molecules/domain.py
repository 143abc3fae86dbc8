"""Graphs as states: one-hot kinds of nodes and of pairs of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sicore.errors import InputError
from sicore.hub import Categorical, Domain, Scalar
from sicore.predictions import Condition
from sicore.states import (
    MaskedSpace,
    Noise,
    State,
    StateSpace,
    SymmetricSpace,
    TensorSpace,
    TreeSpace,
    leaves,
)
from sicore_molecules.graphs import GraphBatch

if TYPE_CHECKING:
    from sicore.hub import Model
    from sicore_molecules.data.graph_data import GraphData

NODES, EDGES, SIZE = "nodes", "edges", "size"


class Graphs(Domain):
    """Graphs of at most ``size`` nodes, ``{"nodes": (B, N, A), "edges": (B, N, N, E)}``.

    Data are one-hot: the kind of a node among A, that of a pair among E, of which 0 is no edge.
    An absent node has a row of zeros, and so have its pairs and the diagonal, at every time: so a
    network sees which nodes are there. Edges are symmetric. The states are not standardised, since
    a path may be categorical.

    The condition ``size``, which networks are not given, is the number of nodes; where it is
    not given it is drawn as the data have it.

    Args:
        size: N, room for nodes.
        sizes: how many graphs of the data have 0, 1, …, N nodes; every size alike if not given.
        kinds: A and E; 1 and 2 for graphs whose nodes and edges have no kinds.
        properties: mean and standard deviation of each number that graphs can be asked for.

    Raises:
        InputError: for a size below 1, or counts of other sizes.
    """

    name: ClassVar[str] = "graphs"
    standardised: ClassVar[bool] = False

    def __init__(
        self,
        size: int,
        sizes: Sequence[int] = (),
        kinds: tuple[int, int] = (1, 2),
        properties: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        counts = list(sizes) or [0] + [1] * size
        if size < 1 or len(counts) != size + 1 or min(counts) < 0 or not sum(counts[1:]):
            raise InputError(
                f"domain: expected size >= 1 and how many graphs have 0 to size nodes, "
                f"got size {size} and {len(sizes)} counts"
            )
        self.room, self.kinds = size, kinds
        self.counts = torch.tensor(counts, dtype=torch.float64).index_fill(0, torch.tensor(0), 0)
        nodes, edges = kinds
        self.space = TreeSpace(
            {NODES: TensorSpace((size, nodes)), EDGES: SymmetricSpace((size, size, edges))}
        )
        scalars = {k: Scalar(mean, std) for k, (mean, std) in (properties or {}).items()}
        self.conditions: Mapping[str, Categorical | Scalar] = {
            SIZE: Categorical(size + 1, seen=False),
            **scalars,
        }

    def encode(self, items: GraphBatch) -> State:
        """One-hot states, float32.

        Raises:
            InputError: for graphs with more nodes, or other kinds.
        """
        graphs = items.resized(self.room)
        nodes, edges = self.kinds
        most = (int(graphs.atoms.max()), int(graphs.bonds.max()))
        if most[0] > nodes or most[1] >= edges:
            raise InputError(
                f"graphs: expected kinds of nodes up to {nodes} and of edges up to {edges - 1}, "
                f"got {most[0]} and {most[1]}"
            )
        kinds = F.one_hot(graphs.atoms.long(), nodes + 1)[..., 1:]
        pairs = F.one_hot(graphs.bonds.long(), edges) * pair_mask(graphs.mask).unsqueeze(-1)
        return {NODES: kinds.float(), EDGES: pairs.float()}

    def decode(self, x: State) -> GraphBatch:
        """The likeliest kinds."""
        parts = leaves(x)
        mask = present(parts[NODES])
        atoms = (parts[NODES].argmax(-1) + 1) * mask
        bonds = parts[EDGES].argmax(-1) * pair_mask(mask)
        return GraphBatch(atoms.to("cpu", torch.uint8), bonds.to("cpu", torch.uint8))

    def space_of(self, x: State, condition: Condition = None) -> StateSpace:
        """With the nodes that are there."""
        return self._masked(present(leaves(x)[NODES]))

    def space_for(self, noise: Noise, condition: Condition) -> StateSpace:
        """With as many nodes as ``size`` says, or as are drawn; the first ones."""
        device = noise.index.device
        uniform = noise.named("size").uniform()
        shares = (self.counts / self.counts.sum()).cumsum(0).to(device)
        drawn = torch.searchsorted(shares, uniform.clamp(max=float(shares[-1])))
        asked = (condition or {}).get(SIZE)
        size = drawn if asked is None else torch.where(asked < 0, drawn, asked)
        if bool((size < 1).any()):
            raise InputError(f"size: expected 1 to {self.room} nodes, got 0")
        return self._masked(torch.arange(self.room, device=device) < size.unsqueeze(-1))

    def save(self, decoded: GraphBatch, folder: Path, *, stem: str = "sample") -> Sequence[Path]:
        """The graphs as graph6, and a picture of the first hundred."""
        from sicore_molecules.rendering.graph_files import write_graph6
        from sicore_molecules.rendering.graphs import graphs_png

        picture = folder / f"{stem}s.png"
        picture.write_bytes(graphs_png(decoded))
        return [write_graph6(decoded, folder / f"{stem}s.g6"), picture]

    def evaluate(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """Degree, clustering, orbit and spectral MMD² of n samples to the test graphs.

        Args:
            model: of this domain.
            n: how many samples.
            seed: of the samples.
            options: passed on to ``Model.sample``.
        """
        from sicore_molecules.metrics.evaluation import evaluate_graphs

        drawn = model.sample(n, seed=seed, **options)
        test, train = (whole(model.config.data.build(split=s)) for s in ("test", "train"))
        return {"nfe": drawn.nfe, **evaluate_graphs(drawn.decoded, test, train, seed=seed)}

    def _masked(self, mask: Tensor) -> MaskedSpace:
        pairs = pair_mask(mask).unsqueeze(-1)
        return MaskedSpace(self.space, {NODES: mask.unsqueeze(-1), EDGES: pairs})


def whole(data: GraphData) -> GraphBatch:
    """All graphs of a data set."""
    return data.batch(torch.arange(len(data)))[0]


def present(nodes: Tensor) -> Tensor:
    """Which nodes are there, bool ``(B, N)``: those whose row is not all zero."""
    return (nodes != 0).any(-1)


def pair_mask(mask: Tensor) -> Tensor:
    """Which pairs of different nodes are there, bool ``(B, N, N)``."""
    pairs = mask.unsqueeze(1) & mask.unsqueeze(2)
    return pairs & ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
