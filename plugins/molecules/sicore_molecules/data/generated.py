"""Graphs that are made, not measured: always the same ones.

Sources: You et al., "GraphRNN", 2018 (grids); Niu et al., "Permutation invariant graph generation
via score-based generative modeling", 2020 (communities); as GDSS draws them.
"""

from __future__ import annotations

import networkx as nx
import numpy as np

from sicore_molecules.data.splitting import Pair, SplitGraphs, plain

COUNT = 100
WITHIN = 0.7
BETWEEN = 0.05


class CommunitySmall(SplitGraphs):
    """100 graphs of two communities G(n, 0.7) of equal size, 12 to 20 nodes in all.

    Nodes of different communities are joined with probability 0.1/n for a community of n nodes, at
    least once. Communities of the same size are the same graphs, as in GDSS and GraphRNN, whose
    seeds are fixed; what varies are sizes and joints.

    Args:
        split: ``train`` (80), ``test`` (20) or ``all``.
        seed: of sizes and joints.

    Raises:
        InputError: for an unknown split.
    """

    title = "Community-small: 100 graphs of two communities, 12 to 20 nodes"
    licence = "none: generated"
    source = "networkx, after https://github.com/harryjo97/GDSS"

    def __init__(self, split: str = "train", seed: int = 0) -> None:
        rng = np.random.RandomState(seed)  # its stream never changes
        graphs = [_communities(int(rng.randint(12, 21)) // 2, rng) for _ in range(COUNT)]
        super().__init__(graphs, split, self.title)


class Grid(SplitGraphs):
    """100 rectangular grids with sides of 10 to 19 nodes.

    Args:
        split: ``train`` (80), ``test`` (20) or ``all``.
        seed: of the sides.

    Raises:
        InputError: for an unknown split.
    """

    title = "Grid: 100 rectangular grids, 10×10 to 19×19 nodes"
    licence = "none: generated"
    source = "networkx, after https://github.com/harryjo97/GDSS"

    def __init__(self, split: str = "train", seed: int = 0) -> None:
        sides = np.random.RandomState(seed).randint(10, 20, (COUNT, 2)).tolist()
        graphs = [plain(nx.to_numpy_array(nx.grid_2d_graph(m, n))) for m, n in sides]
        super().__init__(graphs, split, self.title)


def _communities(n: int, rng: np.random.RandomState) -> Pair:
    """Two communities of n nodes each. A community may be in pieces, each of which is joined."""
    both = nx.disjoint_union_all([nx.gnp_random_graph(n, WITHIN, seed=i) for i in (0, 1)])
    pieces = [sorted(piece) for piece in nx.connected_components(both)]
    for i, first in enumerate(pieces):
        for second in pieces[i + 1 :]:
            joints = rng.random_sample((len(first), len(second))) < 2 * BETWEEN / n
            pairs = [(first[a], second[b]) for a, b in np.argwhere(joints)]
            both.add_edges_from(pairs or [(first[0], second[0])])
    return plain(nx.to_numpy_array(both))
