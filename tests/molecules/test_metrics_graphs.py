"""Orbits by brute force, statistics in closed form, and baselines by their laws."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore_molecules.graphs import GraphBatch, joined
from sicore_molecules.metrics import (
    STATISTICS,
    clustering_mmd,
    degree_mmd,
    erdos_renyi,
    independent_bonds,
    orbit_counts,
    orbit_mmd,
    spectral_mmd,
)
from sicore_molecules.metrics.evaluation import evaluate_graphs

# Degrees of a connected graph of 2 to 4 nodes, and of a node and its neighbours, tell the orbit.
ORBIT = {
    ((1, 1), 1): 0,
    ((1, 1, 2), 1): 1,
    ((1, 1, 2), 2): 2,
    ((2, 2, 2), 2): 3,
    ((1, 1, 2, 2), 1): 4,
    ((1, 1, 2, 2), 2): 5,
    ((1, 1, 1, 3), 1): 6,
    ((1, 1, 1, 3), 3): 7,
    ((2, 2, 2, 2), 2): 8,
    ((1, 2, 2, 3), 1): 9,
    ((1, 2, 2, 3), 2): 10,
    ((1, 2, 2, 3), 3): 11,
    ((2, 2, 3, 3), 2): 12,
    ((2, 2, 3, 3), 3): 13,
    ((3, 3, 3, 3), 3): 14,
}


def brute_force(edges):
    counts = np.zeros((len(edges), 15), dtype=int)
    graph = nx.from_numpy_array(edges)
    for size in (2, 3, 4):
        for nodes in itertools.combinations(range(len(edges)), size):
            part = graph.subgraph(nodes)
            if nx.is_connected(part):
                degrees = dict(part.degree())
                for node in nodes:
                    counts[node, ORBIT[tuple(sorted(degrees.values())), degrees[node]]] += 1
    return counts


def as_batch(graph):
    edges = torch.from_numpy(nx.to_numpy_array(graph)).byte()
    return GraphBatch(torch.ones(1, len(edges), dtype=torch.uint8), edges[None])


@pytest.mark.parametrize("density", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_orbits_are_those_of_brute_force(density, rng):
    for n in (1, 4, 9):
        upper = np.triu(rng.random((n, n)) < density, 1).astype(int)
        edges = upper + upper.T
        assert np.array_equal(orbit_counts(edges), brute_force(edges))


def test_orbits_of_a_complete_graph():
    # Every set of 2, 3, 4 nodes is complete.
    counts = orbit_counts(np.ones((10, 10)) - np.eye(10))
    expected = np.zeros(15)
    expected[[0, 3, 14]] = 9, 9 * 8 / 2, 9 * 8 * 7 / 6
    assert (counts == expected).all()


@pytest.mark.parametrize(
    "wrong", [np.eye(3), np.array([[0, 1], [0, 0]]), np.array([[0, 2], [2, 0]])]
)
def test_orbits_want_a_simple_graph(wrong):
    with pytest.raises(InputError, match="symmetric matrix of 0 and 1"):
        orbit_counts(wrong)


def two_point(distance, sigma):
    """MMD² of two sets of one graph each."""
    return 2 - 2 * np.exp(-(distance**2) / (2 * sigma**2))


def test_degree_mmd_of_a_path_and_a_ring():
    # Degrees (1, 1, 2, 2) and (2, 2, 2, 2): half of the mass moves by one.
    found = degree_mmd(as_batch(nx.path_graph(4)), as_batch(nx.cycle_graph(4)))
    assert found == pytest.approx(two_point(0.5, 1))
    # A star has degrees (3, 1, 1, 1); the ring's mass moves by 1 everywhere.
    found = degree_mmd(as_batch(nx.star_graph(3)), as_batch(nx.cycle_graph(4)))
    assert found == pytest.approx(two_point(1, 1))


def test_clustering_mmd_of_a_triangle_and_a_path():
    # All coefficients 1, in the last of 100 bins, beside all 0: the mass moves by 99 bins.
    found = clustering_mmd(as_batch(nx.cycle_graph(3)), as_batch(nx.path_graph(3)))
    assert found == pytest.approx(two_point(0.99, 0.1))


def test_clustering_is_that_of_networkx():
    # In a paw, coefficients are 0, 1, 1 and 1/3; the diamond has 1, 1, 2/3, 2/3.
    paw = nx.Graph([(0, 1), (1, 2), (2, 3), (1, 3)])
    diamond = nx.Graph([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)])
    values = [np.sort(list(nx.clustering(g).values())) for g in (paw, diamond)]
    bins = [np.minimum(np.floor(v * 100 + 1e-9), 99) for v in values]
    distance = np.abs(bins[0] - bins[1]).mean() / 100
    found = clustering_mmd(as_batch(paw), as_batch(diamond))
    assert found == pytest.approx(two_point(distance, 0.1))


def test_orbit_mmd_of_a_triangle_and_a_path():
    # Mean counts: the triangle has 2 edges, 1 triangle; the path 4/3, 2/3 ends, 1/3 middle.
    distance = np.linalg.norm([2 - 4 / 3, 2 / 3, 1 / 3, 1])
    found = orbit_mmd(as_batch(nx.cycle_graph(3)), as_batch(nx.path_graph(3)))
    assert found == pytest.approx(two_point(distance, 30))


def test_spectral_mmd_of_complete_graphs():
    # K_n has eigenvalue 0 once and n/(n − 1) n − 1 times: 1.5 for a triangle, 2 for an edge.
    # In 200 bins of [0, 2], mass: 1/3 and 1/2 at bin 0, 2/3 at bin 150, 1/2 at bin 199.
    found = spectral_mmd(as_batch(nx.complete_graph(3)), as_batch(nx.complete_graph(2)))
    distance = (1 / 2 - 1 / 3) * 150 + 1 / 2 * 49
    assert found == pytest.approx(two_point(distance, 1))


def test_spectral_mmd_of_equal_parts_is_zero():
    twice = nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(5))
    assert spectral_mmd(as_batch(twice), as_batch(nx.cycle_graph(5))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_do_not_see_order_kinds_or_padding(name, drugs):
    drugs = joined([drugs, communities(3, seed=0)])  # molecules have no triangles
    order = torch.stack([torch.randperm(drugs.atoms.shape[1]) for _ in range(len(drugs))])
    plain = GraphBatch((drugs.atoms > 0).byte(), (drugs.bonds > 0).byte())
    other = plain.permuted(order).resized(40)
    mmd = STATISTICS[name]
    assert mmd(drugs, other) == pytest.approx(0, abs=1e-9)
    assert mmd(drugs[:8], other[8:]) == pytest.approx(mmd(drugs[:8], drugs[8:]))
    assert mmd(drugs[:8], other[8:]) > 1e-6
    with pytest.raises(InputError, match="at least one graph with nodes"):
        mmd(drugs, GraphBatch(plain.atoms[:1] * 0, plain.bonds[:1] * 0))


def communities(n, seed):
    graphs = [nx.planted_partition_graph(2, 7, 0.8, 0.05, seed=seed * 1000 + i) for i in range(n)]
    return joined([as_batch(graph) for graph in graphs])


def test_communities_are_told_from_independent_edges():
    train, test, model = (communities(24, seed) for seed in (1, 2, 3))
    figures = evaluate_graphs(model, test, train)
    assert figures["n"] == figures["floor"]["n"] == 24
    for name in ("degree", "clustering", "orbit", "spectral"):
        assert figures["model"][name] < 4 * figures["floor"][name] + 1e-3
    assert figures["independent"]["clustering"] > 10 * figures["model"]["clustering"]
    assert figures["independent"]["orbit"] > 10 * figures["model"]["orbit"]


@pytest.mark.parametrize("generate", [erdos_renyi, independent_bonds])
def test_baselines_make_proper_graphs_of_the_same_law(generate, drugs):
    drawn = generate(drugs, 4000, seed=1)
    drawn.check()
    assert drawn == generate(drugs, 4000, seed=1)
    assert drawn != generate(drugs, 4000, seed=2)
    sizes = drugs.sizes.double()
    error = sizes.std(unbiased=False) / 4000**0.5
    assert abs(drawn.sizes.double().mean() - sizes.mean()) < 4 * error


def test_independent_bonds_have_the_shares_of_kinds(drugs):
    drawn = independent_bonds(drugs, 4000)
    for kind in (1, 2, 3):
        share = (drugs.atoms == kind).sum() / drugs.mask.sum()
        found = (drawn.atoms == kind).sum() / drawn.mask.sum()
        assert abs(found - share) < 5 * (share * (1 - share) / drawn.mask.sum()) ** 0.5

    def pairs(graphs):
        return (graphs.sizes * (graphs.sizes - 1)).sum()

    for order in (1, 2, 3):
        share = (drugs.bonds == order).sum() / pairs(drugs)
        found = (drawn.bonds == order).sum() / pairs(drawn)
        assert abs(found - share) < 5 * (share / (pairs(drawn) / 2)) ** 0.5


def test_erdos_renyi_has_each_graphs_density():
    sparse, dense = as_batch(nx.path_graph(10)), as_batch(nx.complete_graph(10))
    shares = (erdos_renyi(joined([sparse, dense]), 2000).bonds > 0).sum((1, 2)) / 90
    assert set(shares[shares > 0.9].tolist()) == {1.0}  # as the complete one, without exception
    rest = shares[shares < 0.9]
    assert abs(rest.mean() - 0.2) < 5 * (0.2 * 0.8 / 45 / len(rest)) ** 0.5


def test_baselines_of_single_nodes():
    drawn = independent_bonds(as_batch(nx.empty_graph(1)), 3)
    assert drawn.sizes.tolist() == [1, 1, 1]
    assert not drawn.bonds.any()
