"""Arithmetic on states, for tensors and for trees of tensors."""

import pytest
import torch

from sicore import states
from sicore.states import Noise


def tensor(seed, dtype=torch.float64):
    return Noise.of(seed, 3).normal((2, 4), dtype)


def tree(seed, dtype=torch.float64):
    noise = Noise.of(seed, 3)
    return {"nodes": noise.normal((4,), dtype), "edges": noise.normal((4, 4, 2), dtype, "edges")}


MAKERS = pytest.mark.parametrize("make", [tensor, tree])
PER_SAMPLE = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64)
SCALARS = pytest.mark.parametrize(
    "scalar", [0.5, torch.tensor(0.5, dtype=torch.float64), PER_SAMPLE], ids=["float", "()", "(B,)"]
)


def same(a, b, tolerance=1e-15):
    first, second = states.leaves(a), states.leaves(b)
    assert first.keys() == second.keys()
    for name, leaf in first.items():
        torch.testing.assert_close(leaf, second[name], rtol=tolerance, atol=tolerance)


def by_sample(function, *trees):
    """Evaluate on each sample alone, leaf by leaf."""
    rows = [
        states.tree_map(lambda *leaf, i=i: function(i, *(v[i] for v in leaf)).unsqueeze(0), *trees)
        for i in range(3)
    ]
    return states.concatenate(rows)


@MAKERS
@SCALARS
def test_linear_combinations(make, scalar):
    x, y = make(0), make(1)
    c = torch.as_tensor(scalar, dtype=torch.float64).expand(3)
    same(states.scale(scalar, x), by_sample(lambda i, u: c[i] * u, x))
    same(states.add(x, y), by_sample(lambda i, u, v: u + v, x, y))
    for other in (2.0, torch.tensor(2.0, dtype=torch.float64), 2 * torch.ones(3).double()):
        made = states.combine(scalar, x, other, y)
        same(made, by_sample(lambda i, u, v: c[i] * u + 2 * v, x, y))


@MAKERS
@SCALARS
def test_the_dtype_of_the_state_is_kept(make, scalar):
    x, y = make(0, torch.float32), make(1, torch.float32)
    results = (states.scale(scalar, x), states.combine(scalar, x, scalar, y))
    for result in results:
        assert {leaf.dtype for leaf in states.leaves(result).values()} == {torch.float32}


@MAKERS
def test_inner_product_and_sizes(make):
    x, y = make(0), make(1)
    flat = [torch.cat([leaf.flatten(1) for leaf in states.leaves(v).values()], 1) for v in (x, y)]
    torch.testing.assert_close(states.inner(x, y), (flat[0] * flat[1]).sum(1))
    assert states.batch_size(x) == 3
    assert states.size_per_sample(x) == flat[0].shape[1]
    same(states.zeros_like(x), states.scale(0.0, x))


@MAKERS
def test_batches_are_taken_joined_and_repeated(make):
    x = make(0)
    parts = [states.take(x, slice(0, 1)), states.take(x, slice(1, 3))]
    same(states.concatenate(parts), x)
    same(states.take(x, torch.tensor([2, 0])), states.take(states.take(x, slice(0, 3, 2)), [1, 0]))
    twice = states.repeat(x, 2)
    assert states.batch_size(twice) == 6
    same(states.take(twice, slice(0, 6, 2)), x)
    same(states.take(twice, slice(1, 6, 2)), x)


@MAKERS
def test_moving(make):
    moved = states.to(make(0), dtype=torch.float32)
    assert {leaf.dtype for leaf in states.leaves(moved).values()} == {torch.float32}
    same(moved, make(0, torch.float32), 1e-7)


def test_a_tensor_is_a_tree_of_one_unnamed_leaf():
    x = tensor(0)
    assert list(states.leaves(x)) == [""] and states.leaves(x)[""] is x
