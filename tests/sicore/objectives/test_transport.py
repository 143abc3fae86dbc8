"""Minibatch optimal transport: the best pairs, the right laws, and conditions left alone."""

from itertools import permutations

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import Linear, TwoSidedLinear
from sicore.objectives import ExactOT, Independent, SinkhornOT, transport
from sicore.objectives.transport import draw_columns, squared_distances
from sicore.states import Noise, inner, leaves, tree_map

METHODS = {"exact": ExactOT(), "sinkhorn": SinkhornOT(regularisation=0.1)}
PATHS = {"noise": Linear(), "source": TwoSidedLinear()}


@pytest.fixture(params=METHODS.values(), ids=METHODS.keys())
def method(request):
    return request.param


@pytest.fixture(params=PATHS.values(), ids=PATHS.keys())
def either(request):
    return request.param


def data(n, d=2, seed=5):
    """Two clusters."""
    streams = Noise.of(seed, n).named("data")
    sides = (streams.at(1).uniform((1,)) < 0.5).double() * 4 - 2
    return streams.normal((d,), torch.float64) * 0.3 + sides


def moved(drawn):
    """What a coupling pairs with the data."""
    return drawn.z if drawn.x0 is None else drawn.x0


def cost(a, b):
    """The mean cost of the pairs."""
    difference = tree_map(torch.sub, a, b)
    return float(inner(difference, difference).mean())


def rows(x):
    """Samples as sorted tuples."""
    flat = torch.cat([leaf.double().flatten(1) for leaf in leaves(x).values()], 1)
    return sorted(map(tuple, flat.tolist()))


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7])
def test_the_best_of_all_permutations(n, either):
    x1, noise = data(n), Noise.of(3, n)
    made = ExactOT()(either, x1, noise, None)
    plain = moved(Independent()(either, x1, noise, None))
    best = min(cost(x1, plain[list(p)]) for p in permutations(range(n)))
    assert cost(x1, moved(made)) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 64, 257])
def test_every_draw_is_used_once(n, either):
    """Also where many costs are equal."""
    for x1 in (data(n), torch.zeros(n, 2), data(n).round()):
        noise = Noise.of(n, n)
        drawn, plain = (kind(either, x1, noise, None) for kind in (ExactOT(), Independent()))
        assert rows(moved(drawn)) == rows(moved(plain))
        assert torch.equal(drawn.x1, x1)
        if drawn.x0 is not None:
            assert torch.equal(drawn.z, plain.z)  # the noise between is left alone


@pytest.mark.parametrize("seed", range(5))
def test_the_cost_falls(seed, method, either):
    x1, noise = data(128, seed=seed), Noise.of(seed, 128)
    drawn, plain = (kind(either, x1, noise, None) for kind in (method, Independent()))
    assert cost(x1, moved(drawn)) < 0.8 * cost(x1, moved(plain))


def test_the_cost_of_a_tree_is_that_of_its_leaves_together():
    n, noise = 40, Noise.of(0, 40)
    flat = data(n, 5)
    tree = {"b": flat[:, :3].reshape(n, 3, 1), "a": flat[:, 3:].float()}
    z = noise.named("latent").normal_like(tree)
    joined = torch.cat((z["b"].flatten(1), z["a"].double()), 1)
    made = ExactOT()(Linear(), tree, noise, None).z
    best = ExactOT(source=lambda streams, like: joined)(TwoSidedLinear(), flat, noise, None).x0
    assert torch.equal(made["b"].flatten(1), best[:, :3])
    assert torch.equal(made["a"].double(), best[:, 3:])  # a sample's leaves stay together
    assert made["a"].dtype == torch.float32 and made["b"].dtype == torch.float64


def test_the_order_of_the_batch_does_not_matter(method, either):
    n = 50
    x1, noise, order = data(n), Noise.of(1, n), 7 * torch.arange(50) % 50
    condition = {"class": (x1[:, 0] > 0).long()}
    whole = method(either, x1, noise, condition)
    shuffled = method(either, x1[order], noise.take(order), {"class": condition["class"][order]})
    if method is METHODS["exact"]:
        torch.testing.assert_close(moved(shuffled), moved(whole)[order])
    else:  # partners are drawn from cumulated rows, whose order is that of the batch
        assert cost(x1[order], moved(shuffled)) == pytest.approx(cost(x1, moved(whole)), rel=0.1)


def test_dtype_and_shape_are_kept(method, either):
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x1 = data(9, 4).to(dtype).reshape(9, 1, 2, 2)
        for state in (x for x in method(either, x1, Noise.of(0, 9), None) if x is not None):
            assert state.dtype == dtype and state.shape == x1.shape


def test_large_offsets_lose_no_digits():
    """The assignment does not depend on where zero is."""
    x1, noise = data(64), Noise.of(0, 64)
    source = ExactOT(lambda streams, like: streams.normal_like(like) + 1e5)
    far = source(TwoSidedLinear(), x1 + 1e5, noise, None).x0 - 1e5
    near = ExactOT()(TwoSidedLinear(), x1, noise, None).x0
    torch.testing.assert_close(far, near, atol=1e-9, rtol=0)


def skew(method, weight, condition, path):
    """The mean of the paired noise of those on the right, over many batches of two classes."""
    n, batches = 64, 40
    right = []
    for i in range(batches):
        noise = Noise.of(i, n)
        side = (noise.named("side").uniform() < 0.3).long()  # classes of unequal size
        x1 = (4.0 * side - 2).unsqueeze(1) + 0.1 * noise.named("data").normal((1,), torch.float64)
        chosen = type(method)(condition_weight=weight)
        right.append(moved(chosen(path, x1, noise, condition(side)))[side == 1])
    return torch.cat(right)


def normal(z):
    """Whether numbers may be standard normal: the Kolmogorov–Smirnov test at p = 1e-5."""
    ordered = z.flatten().double().sort().values
    u = torch.special.ndtr(ordered)
    places = torch.arange(len(u) + 1) / len(u)
    gap = max((u - places[:-1]).abs().max(), (places[1:] - u).abs().max())
    return float(gap) < 2.47 / len(u) ** 0.5


@pytest.mark.parametrize("method", [ExactOT(), SinkhornOT()], ids=["exact", "sinkhorn"])
def test_codes_keep_the_law_of_the_noise_in_each_class(method, either):
    """Without them, the noise of the class on the right comes from the right."""
    blind = skew(method, 0.0, lambda side: None, either)
    assert blind.mean() > 0.8 and not normal(blind)
    aware = skew(method, 0.0, lambda side: {"class": side}, either)
    assert normal(aware)


def test_numbers_keep_it_the_better_the_larger_their_weight():
    def given(side):
        return {"place": 100.0 * side.double()}

    blind, aware = (skew(ExactOT(), weight, given, Linear()) for weight in (0.0, 10.0))
    assert blind.mean() > 0.8 and normal(aware)


def test_classes_are_solved_one_by_one():
    """The pairs of a class are those that it has alone; a class may have a single sample."""
    n, noise = 30, Noise.of(2, 30)
    x1 = data(n)
    condition = {"class": torch.tensor([-1] + [0] * 12 + [3] * 17), "kind": torch.arange(n) % 2}
    z = ExactOT()(Linear(), x1, noise, condition).z
    for label, kind in ((-1, 0), (0, 0), (0, 1), (3, 0), (3, 1)):
        mine = (condition["class"] == label) & (condition["kind"] == kind)
        alone = ExactOT()(Linear(), x1[mine], noise.take(mine.nonzero()[:, 0]), None).z
        assert torch.equal(z[mine], alone)


def test_missing_numbers_are_a_class_of_their_own():
    n, noise = 20, Noise.of(2, 20)
    x1, mass = data(n), torch.arange(20.0)
    mass[::3] = torch.nan
    z = ExactOT(condition_weight=0.0)(Linear(), x1, noise, {"mass": mass}).z
    for mine in (mass.isnan(), ~mass.isnan()):
        drawn = Independent()(Linear(), x1, noise, None).z
        assert rows(z[mine]) == rows(drawn[mine])


def test_conditions_that_all_differ_leave_the_pairs_alone(method):
    x1, noise = data(20), Noise.of(0, 20)
    drawn = method(Linear(), x1, noise, {"number": torch.arange(20)})
    assert torch.equal(drawn.z, Independent()(Linear(), x1, noise, None).z)


def costs(n, d=2):
    x1 = data(n, d)
    return squared_distances(x1, Noise.of(0, n).normal((d,), torch.float64)).numpy()


@pytest.mark.parametrize("regularisation", [1e-4, 0.05, 2.0, 1e4])
@pytest.mark.parametrize("iterations", [1, 100])
def test_the_marginals_of_an_entropic_plan_are_exact(regularisation, iterations):
    """However small the entropy, and however few the iterations."""
    plan = SinkhornOT(regularisation=regularisation, iterations=iterations).plan(costs(40))
    assert plan.min() >= 0
    for axis in (0, 1):
        assert plan.sum(axis) == pytest.approx(1 / 40, rel=1e-9)


@pytest.mark.filterwarnings("error")
def test_entropic_plans_lie_between_the_assignment_and_independence():
    """Also where exponentials of the cost would underflow, at the first two."""
    cost = costs(40)
    best = cost[range(40), ExactOT().choose(cost, cost[0])].mean()
    regularisations = (1e-5, 1e-3, 0.3, 3.0, 1e6)
    found = [
        float((SinkhornOT(regularisation=r, iterations=1000).plan(cost) * cost).sum())
        for r in regularisations
    ]
    assert found[1:] == sorted(found[1:])
    assert best <= min(found) and max(found[:2]) < 1.005 * best
    assert found[-1] == pytest.approx(cost.mean(), rel=1e-3)


def test_wide_costs_have_the_same_plan(monkeypatch):
    """Potentials that are taken off the cost change nothing."""
    cost, method = costs(40), SinkhornOT(regularisation=0.5, iterations=2000)
    plan = method.plan(cost)
    monkeypatch.setattr(transport, "RANGE", 0.0)
    np.testing.assert_allclose(method.plan(cost), plan, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_the_schroedinger_bridge_between_gaussians(sigma):
    """Of N(0, 1) to itself it is Gaussian, of covariance ``(√(4 + σ⁴) − σ²)/2``.

    Source: Mallasto, Gerolin and Minh 2022. The marginals are quantiles, so nothing is random.
    """
    u = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    x = torch.special.ndtri(u).unsqueeze(1)
    plan = torch.from_numpy(
        SinkhornOT(regularisation=2 * sigma**2, iterations=2000).plan(
            squared_distances(x, x).numpy()
        )
    )
    covariance = float((plan * x * x.T).sum())
    assert covariance == pytest.approx(((4 + sigma**4) ** 0.5 - sigma**2) / 2, abs=5e-3)


def test_partners_are_drawn_from_the_rows_of_the_plan():
    n, draws = 5, 20_000
    plan = SinkhornOT(regularisation=1.0).plan(costs(n))
    u = Noise.of(0, draws).uniform((n,)).numpy()
    chosen = draw_columns(np.tile(plan, (draws, 1)), u.flatten()).reshape(draws, n)
    shares = np.stack([(chosen == column).mean(0) for column in range(n)], 1)
    error = (n * plan * (1 - n * plan) / draws) ** 0.5
    assert (abs(shares - n * plan) <= 5 * error + 1e-12).all()
    assert draw_columns(np.eye(3), np.array([1e-300, 0.5, 1 - 1e-16])).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExactOT(condition_weight=-1), "condition_weight: expected a number >= 0, got -1"),
        (lambda: SinkhornOT(regularisation=0), "expected regularisation > 0 and iterations >= 1"),
        (lambda: SinkhornOT(iterations=0), "got 2.0 and 0"),
        (lambda: SinkhornOT(condition_weight=float("nan")), "condition_weight: expected"),
    ],
)
def test_errors(make, message):
    with pytest.raises(InputError, match=message):
        make()
