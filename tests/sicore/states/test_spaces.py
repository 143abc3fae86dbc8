"""State spaces: noise, projection, size and checks."""

import re

import pytest
import torch

from sicore.errors import InputError
from sicore.states import Noise, StateSpace, SymmetricSpace, TensorSpace, TreeSpace, inner, leaves

EDGES = SymmetricSpace((4, 4, 2))
MOLECULES = TreeSpace({"nodes": TensorSpace((4, 3)), "edges": EDGES})
SPACES = pytest.mark.parametrize(
    "space", [TensorSpace((2, 3)), EDGES, MOLECULES], ids=["tensor", "symmetric", "tree"]
)


def normals(space, n=5, seed=0):
    return Noise.of(seed, n).normal_like(space.zeros(n, torch.float64))


def flat(x):
    return torch.cat([leaf.flatten(1) for leaf in leaves(x).values()], 1)


@SPACES
def test_projection_is_orthogonal(space):
    x, y = normals(space), normals(space, seed=1)
    projected = space.project(x)
    torch.testing.assert_close(flat(space.project(projected)), flat(projected))
    torch.testing.assert_close(inner(projected, y), inner(x, space.project(y)))


@SPACES
def test_size_is_the_rank_of_the_projection(space):
    width = flat(space.zeros(1)).shape[1]
    images = []
    for i in range(width):
        unit, taken = {}, 0
        for name, leaf in leaves(space.zeros(1, torch.float64)).items():
            numbers = torch.arange(taken, taken + leaf.numel())
            unit[name] = (numbers == i).double().reshape(leaf.shape)
            taken += leaf.numel()
        images.append(flat(space.project(unit.get("", unit))))
    assert torch.linalg.matrix_rank(torch.cat(images)) == space.size


@SPACES
def test_noise_lies_in_the_space_with_unit_variance(space):
    z = space.shape_noise(normals(space, 20_000))
    torch.testing.assert_close(flat(space.project(z)), flat(z))
    variance = flat(z).var(0)
    free = flat(space.project(space.shape_noise(normals(space, 1)))).squeeze(0) != 0
    assert (variance[free] - 1).abs().max() < 5 * (2 / 20_000) ** 0.5
    assert variance[~free].numel() == 0 or variance[~free].max() == 0


@SPACES
def test_zeros_and_protocol(space):
    assert isinstance(space, StateSpace)
    space.check(space.zeros(2))
    assert {leaf.dtype for leaf in leaves(space.zeros(2, torch.float16)).values()} == {
        torch.float16
    }


def test_symmetric_noise_is_symmetric_with_an_empty_diagonal():
    z = EDGES.shape_noise(normals(EDGES))
    assert torch.equal(z, z.transpose(1, 2))
    assert z.diagonal(dim1=1, dim2=2).abs().max() == 0


def test_symmetric_projection_is_the_mean_with_the_transpose():
    x = normals(EDGES)
    projected = EDGES.project(x)
    torch.testing.assert_close(projected[:, 1, 3], (x[:, 1, 3] + x[:, 3, 1]) / 2)
    assert projected.diagonal(dim1=1, dim2=2).abs().max() == 0


WRONG = {
    "leaves of a tensor": (
        TensorSpace((2, 3)),
        {"a": torch.zeros(1, 2)},
        "x: expected shape (B, 2, 3), got leaves ['a']",
    ),
    "shape": (
        TensorSpace((2, 3)),
        torch.zeros(5, 3, 2),
        "x: expected shape (B, 2, 3), got (5, 3, 2)",
    ),
    "no batch axis": (
        TensorSpace((2, 3)),
        torch.zeros(2, 3),
        "x: expected shape (B, 2, 3), got (2, 3)",
    ),
    "tensor": (
        MOLECULES,
        torch.zeros(2, 3),
        "x: expected leaves ['edges', 'nodes'], got a tensor",
    ),
    "missing leaf": (
        MOLECULES,
        {"nodes": torch.zeros(1, 4, 3)},
        "x: expected leaves ['edges', 'nodes'], got leaves ['nodes']",
    ),
    "shape of a leaf": (
        MOLECULES,
        {"nodes": torch.zeros(1, 4, 2), "edges": torch.zeros(1, 4, 4, 2)},
        "x['nodes']: expected shape (B, 4, 3), got (1, 4, 2)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_checks_say_what_was_expected(case):
    space, x, message = WRONG[case]
    with pytest.raises(InputError, match=re.escape(message)):
        space.check(x, "x")
