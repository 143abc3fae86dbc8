"""The dense graph transformer: symmetries, absent nodes, conditions, and its features."""

import pytest
import torch

from sicore.errors import InputError
from sicore.hub import Categorical
from sicore.plugins import get_registry
from sicore.testing import check_backbone
from sicore_molecules.domain import Graphs, pair_mask
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.networks.features import random_walks
from sicore_molecules.networks.pairs import pairs_of
from sicore_molecules.networks.transformer import GraphTransformer

SIZES = (9, 8, 5, 1, 3, 9)


def domain(kinds=(4, 4), size=9):
    graphs = Graphs(size, kinds=kinds, properties={"logp": (1.0, 2.0)})
    graphs.conditions = {**graphs.conditions, "class": Categorical(3)}
    return graphs


def network(kinds=(4, 4), dtype=torch.float64):
    """A small one, with random weights everywhere: a new one is the identity in its layers."""
    torch.manual_seed(0)
    net = GraphTransformer(domain(kinds), d_node=16, d_edge=8, layers=2, heads=2, walks=4)
    for p in net.parameters():
        torch.nn.init.normal_(p, 0, 0.3)
    return net.to(dtype)


def graphs(kinds=(4, 4), sizes=SIZES, size=9, dtype=torch.float64, noise=0.0):
    nodes, edges = kinds
    g = torch.Generator().manual_seed(1)
    mask = torch.arange(size) < torch.tensor(sizes).unsqueeze(-1)
    atoms = torch.randint(1, nodes + 1, mask.shape, generator=g) * mask
    bonds = torch.randint(edges, (len(sizes), size, size), generator=g).triu(1)
    bonds = (bonds + bonds.transpose(1, 2)) * pair_mask(mask)
    graphs = domain(kinds, size)
    x = graphs.encode(GraphBatch(atoms.to(torch.uint8), bonds.to(torch.uint8)))
    x = {name: leaf.to(dtype) for name, leaf in x.items()}
    if noise:
        space = graphs.space_of(x)
        z = {k: torch.randn(v.shape, generator=g, dtype=dtype) for k, v in x.items()}
        x = {k: x[k] + noise * v for k, v in space.shape_noise(z).items()}
    return x


def times(n=6, dtype=torch.float64):
    return torch.linspace(0.05, 0.95, n, dtype=dtype)


def permuted(x, order):
    return {"nodes": x["nodes"][:, order], "edges": x["edges"][:, order][:, :, order]}


def largest_difference(x, y):
    return max(float(((x[k] - y[k]).abs().max() / x[k].abs().max()).detach()) for k in x)


def test_is_registered():
    assert get_registry().resolve("backbone", "graphs/transformer") is GraphTransformer


@pytest.mark.parametrize("kinds", [(4, 4), (1, 2)])
def test_conforms(kinds):
    check_backbone(network(kinds, torch.float32), domain(kinds))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_permuting_nodes_permutes_the_output(dtype, tolerance, noise):
    net, x = network(dtype=dtype), graphs(dtype=dtype, noise=noise)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(2))
    there = net(permuted(x, order), times(dtype=dtype))
    assert largest_difference(permuted(net(x, times(dtype=dtype)), order), there) < tolerance


@pytest.mark.parametrize("kinds", [(4, 4), (1, 2)])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_symmetry_and_absence_are_exact(kinds, noise):
    x = graphs(kinds, dtype=torch.float32, noise=noise)
    out = network(kinds, torch.float32)(x, times(dtype=torch.float32))
    mask = (x["nodes"] != 0).any(-1)
    assert {k: v.shape for k, v in out.items()} == {k: v.shape for k, v in x.items()}
    assert torch.equal(out["edges"], out["edges"].transpose(1, 2))
    assert not out["nodes"][~mask].any() and not out["edges"][~pair_mask(mask)].any()
    assert out["nodes"][mask].all() and out["edges"][pair_mask(mask)].all()


def test_neither_padding_nor_the_other_graphs_matter():
    net = network()
    alone, t = graphs(sizes=(5,), size=5), times(1)
    outcome = net(alone, t)
    wide = {"nodes": torch.zeros(1, 12, 4), "edges": torch.zeros(1, 12, 12, 4)}
    wide = {k: v.double() for k, v in wide.items()}
    wide["nodes"][:, 2:7], wide["edges"][:, 2:7, 2:7] = alone["nodes"], alone["edges"]
    padded = net(wide, t)
    there = {"nodes": padded["nodes"][:, 2:7], "edges": padded["edges"][:, 2:7, 2:7]}
    assert largest_difference(outcome, there) < 1e-12
    batch, all_times = graphs(), times()
    both = net(batch, all_times)
    for i in range(len(SIZES)):
        one = net({k: v[i : i + 1] for k, v in batch.items()}, all_times[i : i + 1])
        assert torch.allclose(one["nodes"], both["nodes"][i : i + 1], atol=1e-12)
        assert torch.allclose(one["edges"], both["edges"][i : i + 1], atol=1e-12)


def test_every_part_of_a_graph_reaches_every_node_and_pair():
    net, x = network(), graphs(sizes=(4,), size=4, noise=0.1)
    out = net(x, times(1))
    for changed in ("nodes", "edges"):
        y = {k: v.clone() for k, v in x.items()}
        if changed == "nodes":
            y["nodes"][0, 0] += 0.5
        else:
            y["edges"][0, 0, 1, 2] += 0.5
            y["edges"][0, 1, 0, 2] += 0.5
        other = net(y, times(1))
        pairs = pair_mask((x["nodes"] != 0).any(-1))
        assert (other["nodes"] != out["nodes"]).all()
        assert (other["edges"] != out["edges"])[pairs].all()


def test_time_conditions_and_size_matter():
    net, x, t = network(), graphs(), times()
    out = net(x, t)["nodes"][:, 0]
    assert (net(x, t + 0.01)["nodes"][:, 0] != out).all()
    for name, values in {"logp": (0.0, 1.0), "class": (0, 1)}.items():
        given = [net(x, t, {name: torch.full((6,), v)})["nodes"][:, 0] for v in values]
        assert (given[0] != given[1]).all() and (given[0] != out).all()
    # The condition "size" is the domain's alone.
    assert torch.equal(net(x, t, {"size": torch.full((6,), 3)})["nodes"][:, 0], out)


def test_what_is_not_given_is_the_same_in_every_way():
    net, x, t = network(), graphs(), times()
    nan, none = torch.full((6,), float("nan")), torch.full((6,), -1)
    missing = [None, {}, {"logp": nan}, {"class": none}, {"logp": nan, "class": none}]
    first, *others = [net(x, t, condition) for condition in missing]
    for other in others:
        assert all(torch.equal(first[k], other[k]) for k in first)


@pytest.mark.parametrize("state", ["no edges", "one node", "no nodes", "noise"])
def test_gradients_are_finite(state):
    net = network()
    sizes = {"one node": (1, 1), "no nodes": (0, 9)}.get(state, (9, 4))
    x = graphs(sizes=sizes, noise=2.0 if state == "noise" else 0.0)
    if state == "no edges":
        x["edges"][..., 0] = x["edges"].sum(-1)
        x["edges"][..., 1:] = 0
    x = {k: v.requires_grad_() for k, v in x.items()}
    out = net(x, times(2))
    sum(v.square().sum() for v in out.values()).backward()
    parameters = [p.grad for p in net.parameters() if p.grad is not None]
    for gradient in [*parameters, *(v.grad for v in x.values())]:
        assert gradient.isfinite().all()
    assert any(gradient.any() for gradient in parameters)


def test_every_weight_learns():
    net = network()
    # The number is given in one graph and not in the others, so that both ways are used.
    given = {"logp": torch.tensor([0.5, *[float("nan")] * 5]), "class": torch.arange(6) % 4 - 1}
    sum(v.square().sum() for v in net(graphs(), times(), given).values()).backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_runs_in_bfloat16():
    net, x = network(dtype=torch.float32), graphs(dtype=torch.float32)
    exact = net(x, times(dtype=torch.float32))
    with torch.autocast("cpu", torch.bfloat16):
        out = net(x, times(dtype=torch.float32))
        out["edges"].float().square().mean().backward()
    assert torch.equal(out["edges"], out["edges"].transpose(1, 2))
    assert 1e-5 < largest_difference(exact, {k: v.float() for k, v in out.items()}) < 0.1


def test_logits_are_not_rounded_to_bfloat16():
    """Rounded ones halve the share of valid molecules."""
    net, x = network(dtype=torch.float32), graphs(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        out = net(x, times(dtype=torch.float32))
    for leaf in out.values():
        assert leaf.dtype == torch.float32
        assert (leaf.bfloat16().float() != leaf).float().mean() > 0.3


def test_learns_after_it_was_used_for_sampling():
    x = graphs(sizes=(7,), size=7)
    pairs_of.cache_clear()
    net = network()
    with torch.inference_mode():
        net(x, times(1))
    net(x, times(1))["edges"].sum().backward()


def test_a_new_one_hands_nothing_on_between_nodes():
    net, x = GraphTransformer(domain(), d_node=16, d_edge=8), graphs(dtype=torch.float32)
    swapped = x["nodes"].clone()
    swapped[:, 1:] = swapped[:, 1:].roll(1, -1)
    t = times(dtype=torch.float32)
    there = net({"nodes": swapped, "edges": x["edges"]}, t)
    assert torch.equal(net(x, t)["nodes"][:, 0], there["nodes"][:, 0])


def test_heads_must_divide():
    with pytest.raises(InputError, match="heads"):
        GraphTransformer(domain(), d_node=10, heads=4)


def test_pairs_go_there_and_back():
    pairs = pairs_of(5, torch.device("cpu"))
    edges = graphs(sizes=(5,), size=5)["edges"]
    back = pairs.square(pairs.listed(edges), edges.new_zeros(1, 1, 4))
    assert torch.equal(back.permute(2, 0, 1, 3), edges)


def test_random_walks_on_a_cycle():
    # On a ring of four nodes a walk is back after 2 steps with probability 1/2, and never after
    # an odd number; a node without edges has no walks.
    ring = torch.zeros(1, 5, 5, 2, dtype=torch.float64)
    for i in range(4):
        ring[0, i, (i + 1) % 4, 1] = ring[0, (i + 1) % 4, i, 1] = 1
    walks = random_walks(ring, 4)
    returns = walks.diagonal(dim1=2, dim2=3)[:, 0]
    expected = torch.tensor([0, 0.5, 0, 0.5], dtype=torch.float64)
    assert torch.allclose(returns[:, :4], expected.unsqueeze(-1).expand(4, 4))
    assert not returns[:, 4].any()


def test_random_walks_stay_bounded_whatever_the_noise():
    edges = graphs(noise=30.0)["edges"]
    walks = random_walks(edges, 8)
    assert walks.abs().max() <= 1 + 1e-12
    assert torch.allclose(random_walks(7 * edges, 8), walks)
    assert torch.allclose(walks[5], torch.linalg.matrix_power(walks[0], 6))
