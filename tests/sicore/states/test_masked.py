"""Spaces with a mask for each sample."""

import pytest
import torch

from sicore.errors import InputError
from sicore.states import MaskedSpace, Noise, SymmetricSpace, TensorSpace, TreeSpace, part_of_space

MASK = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])


@pytest.fixture
def space():
    whole = TreeSpace({"nodes": TensorSpace((3, 2)), "edges": SymmetricSpace((3, 3, 2))})
    pairs = MASK.unsqueeze(1) & MASK.unsqueeze(2)
    return MaskedSpace(whole, {"nodes": MASK.unsqueeze(-1), "edges": pairs.unsqueeze(-1)})


def test_noise_is_that_of_the_space_within_the_mask(space):
    inner = Noise.of(0, 3, space=space.space).normal_like(space.zeros(3))
    z = Noise.of(0, 3, space=space).normal_like(space.zeros(3))
    for leaf, mask in space.mask.items():
        assert torch.equal(z[leaf], inner[leaf] * mask)
    assert torch.equal(z["nodes"].any(-1), MASK)
    space.check(z)


def test_projection_empties_the_rest(space):
    x = {k: torch.ones_like(v) for k, v in space.zeros(3).items()}
    with pytest.raises(InputError, match=r"state\['nodes'\]: expected zeros outside the mask"):
        space.check(x)
    once = space.project(x)
    space.check(once)
    assert float(once["nodes"].sum()) == 12
    assert float(once["edges"].sum()) == 2 * (2 + 6)
    again = space.project(once)
    assert all(torch.equal(again[leaf], once[leaf]) for leaf in once)


@pytest.mark.parametrize("index", [slice(1, 3), torch.tensor([2, 0])])
def test_a_part_of_the_batch_has_its_own_masks(space, index):
    noise = Noise.of(0, 3, space=space)
    whole = noise.normal_like(space.zeros(3))
    part = noise.take(index).normal_like(space.zeros(2))
    assert all(torch.equal(part[leaf], whole[leaf][index]) for leaf in part)
    assert part_of_space(space.space, index) is space.space
    assert part_of_space(None, index) is None
