"""Do two sets of graphs have the same degrees, clustering, orbits and spectra?

Each graph becomes a histogram (or 15 numbers), and two sets are compared by the maximum mean
discrepancy under a Gaussian kernel of a distance between histograms. Bins, widths and distances
are those of GraphRNN, GRAN and GDSS, so that figures can be laid beside theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.metrics.orbits import orbit_counts

CLUSTERING_BINS, SPECTRUM_BINS = 100, 200


def degree_mmd(a: GraphBatch, b: GraphBatch) -> float:
    """MMD² of the histograms of degrees, distance: EMD in degrees, width 1.

    Source: You et al. 2018 (GraphRNN).
    """
    x, y = (_per_graph(graphs, _degrees) for graphs in (a, b))
    bins = max(len(h) for h in [*x, *y])
    x, y = ([np.pad(h, (0, bins - len(h))) for h in histograms] for histograms in (x, y))
    return gaussian_mmd(_cumulative(x), _cumulative(y), sigma=1.0, norm=1)


def clustering_mmd(a: GraphBatch, b: GraphBatch) -> float:
    """MMD² of the histograms of clustering coefficients, EMD in [0, 1] at 100 bins, width .1.

    A node's coefficient is the share of the pairs of its neighbours that are joined, 0 for nodes
    with fewer than two.

    Source: You et al. 2018 (GraphRNN).
    """
    x, y = (_cumulative(_per_graph(graphs, _clustering)) for graphs in (a, b))
    return gaussian_mmd(x / CLUSTERING_BINS, y / CLUSTERING_BINS, sigma=0.1, norm=1)


def orbit_mmd(a: GraphBatch, b: GraphBatch) -> float:
    """MMD² of the mean orbit counts ``(15,)`` of a graph's nodes, Euclidean distance, width 30.

    Source: You et al. 2018 (GraphRNN).
    """
    x, y = (torch.from_numpy(np.stack(_per_graph(g, _orbits))) for g in (a, b))
    return gaussian_mmd(x, y, sigma=30.0, norm=2)


def spectral_mmd(a: GraphBatch, b: GraphBatch) -> float:
    """MMD² of the histograms of the normalised Laplacian's eigenvalues: 200 bins of [0, 2].

    The distance is the EMD in bins, width 1, as GDSS has it; GRAN takes the total variation.

    Source: Liao et al. 2019 (GRAN).
    """
    x, y = (_cumulative(_per_graph(graphs, _spectrum)) for graphs in (a, b))
    return gaussian_mmd(x, y, sigma=1.0, norm=1)


STATISTICS: dict[str, Callable[[GraphBatch, GraphBatch], float]] = {
    "degree": degree_mmd,
    "clustering": clustering_mmd,
    "orbit": orbit_mmd,
    "spectral": spectral_mmd,
}
"""Every one compares graphs without their kinds of nodes and edges; empty graphs do not count."""


def node_statistics(graphs: GraphBatch) -> dict[str, np.ndarray]:
    """Degree and clustering coefficient of every node of all graphs, ``(nodes,)`` each."""
    return {
        "degree": np.concatenate(_per_graph(graphs, lambda edges: edges.sum(1))),
        "clustering": np.concatenate(_per_graph(graphs, _coefficients)),
    }


def gaussian_mmd(x: Tensor, y: Tensor, *, sigma: float, norm: int) -> float:
    """``mean k(x, x') + mean k(y, y') − 2 mean k(x, y)``, ``k = exp(−‖x − y‖² / 2σ²)``.

    Over all pairs, each with itself too: for n and m of one law its mean is
    ``(1/n + 1/m)(1 − E k)``, not 0. With norm 1 on cumulated histograms, ‖x − y‖ is the earth
    mover's distance in bins: the sum over bins of ``|F(x) − F(y)|``.

    Args:
        x: ``(n, D)``.
        y: ``(m, D)``.
        sigma: the kernel's width.
        norm: 1 or 2.

    Source: Gretton et al. 2012.
    """

    def mean_kernel(a: Tensor, b: Tensor) -> float:
        parts = (torch.cdist(part, b, p=norm).square() for part in a.split(512))
        total = sum(torch.exp(-part / (2 * sigma**2)).sum().item() for part in parts)
        return total / (len(a) * len(b))

    x, y = x.double(), y.double()
    return mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)


def _per_graph(
    graphs: GraphBatch, statistic: Callable[[np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    present = zip((graphs.atoms > 0).numpy(), (graphs.bonds > 0).numpy(), strict=True)
    found = [statistic(edges[np.ix_(nodes, nodes)]) for nodes, edges in present if nodes.any()]
    if not found:
        raise InputError("metrics: expected at least one graph with nodes in each set, got none")
    return found


def _degrees(edges: np.ndarray) -> np.ndarray:
    return np.bincount(edges.sum(1)) / len(edges)


def _clustering(edges: np.ndarray) -> np.ndarray:
    return np.histogram(_coefficients(edges), CLUSTERING_BINS, (0, 1))[0] / len(edges)


def _coefficients(edges: np.ndarray) -> np.ndarray:
    a = edges.astype(np.int64)
    degrees = a.sum(1)
    joined, pairs = ((a @ a) * a).sum(1), degrees * (degrees - 1)
    return joined / np.maximum(pairs, 1)  # without pairs, none is joined


def _orbits(edges: np.ndarray) -> np.ndarray:
    return orbit_counts(edges).mean(0)


def _spectrum(edges: np.ndarray) -> np.ndarray:
    degrees = edges.sum(1)
    scale = np.zeros(len(edges))
    np.divide(1, np.sqrt(degrees), out=scale, where=degrees > 0)
    laplacian = np.diag((degrees > 0).astype(float)) - scale[:, None] * edges * scale
    # Rounding may put an eigenvalue beyond the interval in which all of them lie.
    values = np.linalg.eigvalsh(laplacian).clip(0, 2)
    return np.histogram(values, SPECTRUM_BINS, (-1e-5, 2))[0] / len(edges)


def _cumulative(histograms: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(histograms).cumsum(1))
