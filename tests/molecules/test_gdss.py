"""GDSS's pair of networks: what graphs demand of it, and the parts of the paper."""

import pytest
import torch

from sicore.errors import InputError
from sicore.plugins import get_registry
from sicore.testing import check_backbone
from sicore_molecules.domain import Graphs
from sicore_molecules.networks.gdss import GDSS, GraphConvolution

SIZES = (9, 1, 4, 6)  # nodes of the graphs: full, a single atom, and padded ones


def domain(n=9, kinds=4, orders=4):
    return Graphs(n, kinds=(kinds, orders), properties={"logp": (1.0, 2.0)})


def network(**options):
    torch.manual_seed(0)
    return GDSS(domain(), **options)


def noisy(n=9, kinds=4, orders=4, sizes=SIZES, dtype=torch.float64, seed=1):
    """One-hot graphs with noise on them, and their times."""
    draw = torch.Generator().manual_seed(seed)
    b = len(sizes)
    there = torch.arange(n) < torch.tensor(sizes).unsqueeze(1)
    pairs = there.unsqueeze(1) & there.unsqueeze(2) & ~torch.eye(n, dtype=torch.bool)

    def states(shape, count):
        kind = torch.randint(count, shape, generator=draw)
        noise = torch.randn(*shape, count, generator=draw, dtype=dtype)
        return torch.nn.functional.one_hot(kind, count).to(dtype) + 0.5 * noise

    edges = states((b, n, n), orders)
    upper = torch.ones(n, n, dtype=torch.bool).triu(1).unsqueeze(-1)
    half = torch.where(upper, edges, 0.0)
    edges = (half + half.transpose(1, 2)) * pairs.unsqueeze(-1)
    nodes = states((b, n), kinds) * there.unsqueeze(-1)
    return {"nodes": nodes, "edges": edges}, torch.linspace(0.1, 1, b, dtype=dtype), there, pairs


def permuted(x, order):
    return {"nodes": x["nodes"][:, order], "edges": x["edges"][:, order][:, :, order]}


def test_the_network_conforms():
    assert get_registry().resolve("backbone", "graphs/gdss") is GDSS
    check_backbone(network(), domain())


@pytest.mark.parametrize(("n", "kinds", "orders"), [(9, 4, 4), (20, 1, 2)])
def test_any_order_of_the_nodes(n, kinds, orders):
    """Equivariance: to rounding in double precision, to 1e-6 in single."""
    torch.manual_seed(0)
    made = GDSS(domain(n, kinds, orders))
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        x, t, _, _ = noisy(n, kinds, orders, sizes=(n, 1, 4, 6), dtype=dtype)
        order = torch.randperm(n, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            plain = permuted(made.to(dtype)(x, t), order)
            other = made(permuted(x, order), t)
        for leaf in x:
            size, gap = plain[leaf].abs().max(), (plain[leaf] - other[leaf]).abs().max()
            assert size > 0.01 and gap < tolerance * max(float(size), 1.0)


@pytest.mark.parametrize("precision", ["float32", "bf16", "float64"])
def test_masks_symmetry_and_diagonal_are_exact(precision):
    dtype = torch.float64 if precision == "float64" else torch.float32
    x, t, there, pairs = noisy(dtype=dtype)
    made = network().to(dtype)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        out = made(x, t)
    assert out["nodes"].dtype == out["edges"].dtype == dtype
    assert torch.equal(out["edges"], out["edges"].transpose(1, 2))
    assert not out["edges"][~pairs].any() and not out["nodes"][~there].any()
    assert (out["nodes"][there] != 0).all() and out["edges"][pairs].any(-1).all()


def test_edges_come_out_symmetric_whatever_goes_in():
    x, t, _, _ = noisy()
    x["edges"] = x["edges"] * torch.linspace(1, 2, 9, dtype=torch.float64).reshape(1, 9, 1, 1)
    edges = network().double()(x, t)["edges"]
    assert torch.equal(edges, edges.transpose(1, 2))


def test_a_single_atom_is_kept():
    """The authors' mask goes by edges, and loses it."""
    x, t, _, _ = noisy(sizes=(1, 2))
    x["edges"] = torch.zeros_like(x["edges"])
    out = network().double()(x, t)
    assert out["nodes"][0, 0].abs().min() > 0 and not out["nodes"][0, 1:].any()
    assert out["edges"][1, 0, 1].abs().min() > 0 and not out["edges"][0].any()


def test_padding_changes_nothing():
    x, t, _, _ = noisy(n=6, sizes=(6, 3))
    wide = {
        "nodes": torch.nn.functional.pad(x["nodes"], (0, 0, 0, 5)),
        "edges": torch.nn.functional.pad(x["edges"], (0, 0, 0, 5, 0, 5)),
    }
    made = network().double()
    with torch.no_grad():
        small, large = made(x, t), made(wide, t)
    torch.testing.assert_close(large["nodes"][:, :6], small["nodes"], rtol=0, atol=1e-12)
    torch.testing.assert_close(large["edges"][:, :6, :6], small["edges"], rtol=0, atol=1e-12)


def test_every_input_matters():
    """Each number of nodes and pairs, and t, for both outputs: also what leaves A as it is."""
    x, t, _, _ = noisy()
    made = network().double()
    kept = torch.zeros_like(x["edges"])  # a change in the kernel of A's weights, which A cannot see
    kept[0, 0, 1] = kept[0, 1, 0] = torch.tensor([1.0, -2.0, 1.0, 0.0])
    with torch.no_grad():
        out = made(x, t)

        def change(**other):
            made_of = made({**x, **other}, t)
            return [float((made_of[leaf] - out[leaf]).abs().max()) for leaf in ("nodes", "edges")]

        for kind in range(4):
            moved = x["nodes"].clone()
            moved[0, 2, kind] += 0.5
            assert min(change(nodes=moved)) > 1e-5
        moved = x["edges"].clone()
        moved[0, 0, 1, 3] += 0.5
        moved[0, 1, 0, 3] += 0.5
        assert min(change(edges=moved)) > 1e-5
        of_nodes, of_edges = change(edges=x["edges"] + kept)
        assert of_nodes < 1e-12 and of_edges > 1e-4
        given = {"logp": torch.full_like(t, 3.0)}
        for later in (made(x, t * 0.5), made(x, t, given)):
            assert all((later[leaf] - out[leaf]).abs().max() > 1e-3 for leaf in x)


def test_every_parameter_is_trained():
    x, t, _, _ = noisy(dtype=torch.float32)
    made = network()
    out = made(x, t, {"logp": torch.tensor([0.0, 1.0, 2.0, float("nan")])})
    ((out["nodes"] - 1).square().mean() + (out["edges"] - 1).square().mean()).backward()
    assert not [n for n, p in made.named_parameters() if p.grad is None or not p.grad.any()]


def test_the_adjacency_matrix_is_the_order_of_the_bond():
    """On data, before training; and of all such sums the one that gathers least noise."""
    weights = network().order
    assert weights(torch.eye(4)).flatten().tolist() == [0.0, 1.0, 2.0, 3.0]
    gathered = float(weights.weight.detach().square().sum())
    others = [(torch.arange(4.0) - shift).square().sum() for shift in (0.0, 1.0, 2.0)]
    assert gathered == 5 and all(gathered < float(other) for other in others)


def test_a_graph_convolution_is_kipf_and_wellings():
    layer = GraphConvolution(2, 3, 4).double()
    draw = torch.Generator().manual_seed(0)
    h = torch.randn(1, 5, 3, generator=draw, dtype=torch.float64)
    a = torch.rand(1, 2, 5, 5, generator=draw, dtype=torch.float64).triu(1)
    a = a + a.mT
    for c in range(2):
        looped = a[0, c] + torch.eye(5).double()
        d = torch.diag(looped.sum(1) ** -0.5)
        expected = d @ looped @ d @ h[0] @ layer.weight[c] + layer.bias[c]
        torch.testing.assert_close(layer(h, a)[0, c], expected)
    bare = layer(h, -10 * a)  # a sum below 1 counts as 1
    expected = (torch.eye(5).double() - 10 * a[0, 0]) @ h[0] @ layer.weight[0]
    torch.testing.assert_close(bare[0, 0], expected)


def test_sizes():
    """About as many parameters as the authors' networks for QM9."""
    count = sum(p.numel() for p in network().parameters())
    assert 28_000 < count < 36_000


def test_errors():
    with pytest.raises(InputError, match="heads that divide width 16, got 3"):
        GDSS(domain(), heads=3)
