"""The Brownian tree: one path, whatever is asked of it, with the law of Brownian motion."""

import itertools
import random

import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore.states import BrownianTree, Noise, SymmetricSpace, TensorSpace, TreeSpace, brownian

N = 20_000
TIMES = [0.0, 1.0, 0.5, 0.3, 0.7125, 1 / 3, 0.3 + 1e-7, 0.3 + 1e-10, 1 - 2**-30]


def zeros(n, *shape, dtype=torch.float64):
    return torch.zeros(n, *shape, dtype=dtype)


def within(values, expected, errors=5):
    """The mean over the samples, in standard errors."""
    return bool(
        ((values.mean(0) - expected).abs() < errors * values.std(0) / len(values) ** 0.5).all()
    )


def test_any_order_of_queries_gives_the_same_bits():
    steps = list(itertools.permutations(TIMES, 2))
    x, tree = zeros(3, 5), BrownianTree.of(7, 3)
    first = {step: tree.coordinates(*step, x, 2) for step in steps}
    random.Random(0).shuffle(steps)
    for step in steps:
        again = BrownianTree.of(7, 3).coordinates(*step, x, 2)
        assert all(torch.equal(a, b) for a, b in zip(first[step], again, strict=True))


def test_increments_add_up_exactly():
    x, tree = zeros(4, 3), BrownianTree.of(0, 4)
    for s, t, u in itertools.permutations(TIMES[2:], 3):
        whole, first, second = (tree.increment(*step, x) for step in ((s, u), (s, t), (t, u)))
        assert torch.equal(whole, first + second)
        assert torch.equal(tree.increment(t, s, x), -first)


def test_many_small_steps_add_up_exactly():
    x, tree = zeros(2, 3), BrownianTree.of(1, 2)
    grid = torch.linspace(0, 1, 31, dtype=torch.float64).tolist()
    total = sum(tree.increment(t, s, x) for t, s in itertools.pairwise(grid))
    assert torch.equal(total, tree.increment(0.0, 1.0, x)) and total.abs().min() > 1e-3


def test_the_covariance_is_that_of_brownian_motion():
    times = [0.1, 0.25, 1 / 3, 0.7, 1.0]
    x, tree = zeros(N, 1), BrownianTree.of(0, N)
    w = torch.cat([tree.increment(0.0, t, x) for t in times], 1)
    assert within(w, 0.0)
    for i, j in itertools.product(range(len(times)), repeat=2):
        assert within(w[:, i] * w[:, j], min(times[i], times[j]))


@pytest.mark.parametrize("step", [(0.0, 1.0), (0.25, 0.5), (0.31, 0.3), (0.9, 0.2), (0.3, 0.30001)])
def test_coordinates_are_independent_normals(step):
    drawn = torch.cat(BrownianTree.of(2, N).coordinates(*step, zeros(N, 1), 2), 1)
    for column in drawn.T:
        assert stats.kstest(column.numpy(), "norm").pvalue > 1e-3
    assert within(drawn[:, 0] * drawn[:, 1], 0.0)


def test_coordinates_of_different_steps_are_independent():
    x, tree = zeros(N, 1), BrownianTree.of(3, N)
    steps = [(0.0, 0.25), (0.25, 0.3), (0.3, 0.7), (0.7, 1.0)]
    drawn = torch.cat([c for step in steps for c in tree.coordinates(*step, x, 2)], 1)
    for i, j in itertools.combinations(range(drawn.shape[1]), 2):
        assert within(drawn[:, i] * drawn[:, j], 0.0)


@pytest.mark.parametrize("step", [(0.3, 0.47), (0.47, 0.3), (0.25, 0.5)])
def test_the_area_is_the_integral_of_the_path(step):
    (t, s), n = step, 400
    x, tree = zeros(2, 3), BrownianTree.of(3, 2)
    middles = [t + (s - t) * (i + 0.5) / n for i in range(n)]
    area = tree.area(t, s, x)
    integral = sum(tree.increment(t, u, x) for u in middles) * abs(s - t) / n
    torch.testing.assert_close(area, integral, atol=3e-4, rtol=0)
    xi, zeta = tree.coordinates(t, s, x, 2)
    h = abs(s - t)
    torch.testing.assert_close(area, h**1.5 * (xi + zeta / 3**0.5) / 2)
    torch.testing.assert_close(tree.increment(t, s, x), h**0.5 * xi)


def test_areas_add_up():
    x, tree = zeros(4, 2), BrownianTree.of(5, 4)
    for s, t, u in ((0.1, 0.35, 0.8), (0.8, 0.35, 0.1), (0.3, 0.3 + 1e-6, 0.3 + 2e-6)):
        parts = tree.area(s, t, x) + tree.area(t, u, x) + abs(u - t) * tree.increment(s, t, x)
        scale = abs(u - s) ** 1.5
        torch.testing.assert_close(parts / scale, tree.area(s, u, x) / scale, atol=1e-7, rtol=0)


def test_on_multiples_of_the_finest_interval_the_depth_does_not_matter():
    x = zeros(4, 3)
    for t, s in ((0.0, 0.125), (0.125, 0.625), (1.0, 0.875)):
        deep = BrownianTree.of(0, 4).coordinates(t, s, x, 2)
        shallow = BrownianTree.of(0, 4, depth=3).coordinates(t, s, x, 2)
        assert all(torch.equal(a, b) for a, b in zip(deep, shallow, strict=True))
    between = (BrownianTree.of(0, 4, depth=d).increment(0.0, 0.3, x) for d in (3, 24))
    assert not torch.equal(*between)


def test_a_sample_is_the_same_in_every_batch_and_order():
    tree, x = BrownianTree.of(3, 30), zeros(30, 7)
    whole = tree.increment(0.2, 0.9, x)
    for size in (1, 7):
        parts = [
            BrownianTree.of(3, min(size, 30 - i), i).increment(0.2, 0.9, x[i : i + size])
            for i in range(0, 30, size)
        ]
        assert torch.equal(torch.cat(parts), whole)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(tree.take(order).increment(0.2, 0.9, x), whole[order])
    assert torch.equal(tree.take(slice(3, 9)).increment(0.2, 0.9, x[3:9]), whole[3:9])


def test_large_states_are_made_in_parts(monkeypatch):
    tree, x = BrownianTree.of(3, 4), zeros(4, 9)
    whole = tree.coordinates(0.2, 0.9, x, 2)
    monkeypatch.setattr(brownian, "AT_ONCE", 50)
    parts = tree.coordinates(0.2, 0.9, x, 2)
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_samples_entries_leaves_seeds_and_streams_have_paths_of_their_own():
    n = N // 5
    base, x = BrownianTree.of(0, n), zeros(n, 2)
    both = base.increment(0.1, 0.7, {"": x, "b": x[:, :1]})
    paths = {
        "one entry": both[""][:, 0],
        "another entry": both[""][:, 1],
        "another leaf": both["b"][:, 0],
        "another seed": BrownianTree.of(1, n).increment(0.1, 0.7, x)[:, 0],
        "another stream": base.named("a").increment(0.1, 0.7, x)[:, 0],
        "another sample": BrownianTree.of(0, n, n).increment(0.1, 0.7, x)[:, 0],
        "the next sample": both[""][:, 0].roll(1),
        "normals": base.normal((1,), torch.float64)[:, 0],
    }
    for (a, v), (b, w) in itertools.combinations(paths.items(), 2):
        assert within((v * w)[:, None], 0.0), f"{a} and {b}"


def test_the_path_does_not_depend_on_the_draw_and_other_numbers_do():
    tree, x = BrownianTree.of(0, 3), zeros(3, 2)
    later = tree.at(5)
    assert torch.equal(later.increment(0.1, 0.7, x), tree.increment(0.1, 0.7, x))
    assert not torch.equal(later.normal_like(x), tree.normal_like(x))
    assert torch.equal(later.normal_like(x), Noise.of(0, 3).at(5).normal_like(x))


def test_trees_of_tensors_with_structure():
    space = TreeSpace({"nodes": TensorSpace((4, 2)), "edges": SymmetricSpace((4, 4, 1))})
    x = space.zeros(5, torch.float64)
    tree = BrownianTree.of(0, 5, space=space)
    for state in (*tree.coordinates(0.2, 0.7, x, 2), tree.increment(0.2, 0.7, x)):
        edges = state["edges"]
        assert torch.equal(edges, edges.transpose(1, 2)) and edges.abs().max() > 0.1
        assert edges.diagonal(dim1=1, dim2=2).abs().max() == 0
    parts = [tree.increment(*step, x)["edges"] for step in ((0.2, 0.7), (0.2, 0.3), (0.3, 0.7))]
    assert torch.equal(parts[0], parts[1] + parts[2])
    free = BrownianTree.of(0, 5).increment(0.2, 0.7, x)
    assert torch.equal(tree.increment(0.2, 0.7, x)["nodes"], free["nodes"])


def test_float32_is_rounded_float64():
    tree = BrownianTree.of(0, 50)
    single, double = (
        tree.increment(0.2, 0.7, zeros(50, 3, dtype=d)) for d in (torch.float32, torch.float64)
    )
    assert single.dtype == torch.float32 and torch.equal(single, double.float())


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="expected a depth from 1 to 31, got 32"):
        BrownianTree.of(0, 1, depth=32)
    with pytest.raises(InputError, match=r"its path is over \[0, 1\], but was asked at 0.5, 1.5"):
        BrownianTree.of(0, 1).increment(0.5, 1.5, zeros(1, 1))
