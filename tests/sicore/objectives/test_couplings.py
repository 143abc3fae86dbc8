"""Couplings that need no plan: data-dependent sources, and the ends of trajectories."""

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import Linear, TwoSidedLinear
from sicore.inverse import Blur, Downsample, Inpaint
from sicore.objectives import (
    SOURCE,
    DataDependent,
    ExactOT,
    Independent,
    Objective,
    Paired,
    Reflow,
    SinkhornOT,
)
from sicore.predictions import NOISE
from sicore.states import Noise

N = 20_000
PICTURES = torch.arange(2 * 16.0).reshape(2, 1, 4, 4)


class Watched:
    """A prediction that keeps the conditions that it is given."""

    kind, calls = NOISE, 1

    def __init__(self, interpolant):
        self.interpolant, self.seen = interpolant, []

    def __call__(self, t, x, condition=None):
        self.seen.append(condition)
        return x


def test_data_dependent_sources_are_corrupted_data():
    """``x0 = m(x1) + σ n`` with n standard normal and independent of x1."""
    x1 = torch.linspace(-2, 2, N, dtype=torch.float64).unsqueeze(1)
    coupling = DataDependent(lambda x: 3 * x, noise_std=0.5)
    x0, same, z = coupling(TwoSidedLinear(), x1, Noise.of(0, N), None)
    assert same is x1 and x0.dtype == torch.float64
    n = (x0 - 3 * x1) / 0.5
    assert abs(n.mean()) < 4.5 / N**0.5 and abs(n.var() - 1) < 4.5 * (2 / N) ** 0.5
    for other in (x1, z):
        assert abs(torch.corrcoef(torch.cat((n, other), 1).T)[0, 1]) < 4.5 / N**0.5


def test_an_operator_of_another_shape_projects():
    """Low resolution becomes large pixels, which A A⁺ leaves alone."""
    made = DataDependent(Downsample(2)).corrupted(PICTURES, Noise.of(0, 2))
    means = PICTURES.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))
    expected = means.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(made, expected)


@pytest.mark.parametrize("operator", [Blur(1.0), Inpaint(torch.arange(16).reshape(4, 4) % 3 > 0)])
def test_an_operator_of_the_same_shape_is_applied(operator):
    made = DataDependent(operator).corrupted(PICTURES, Noise.of(0, 2))
    torch.testing.assert_close(made, operator(PICTURES))
    assert not torch.allclose(made, PICTURES)


def test_data_dependent_trees():
    tree = {"b": torch.ones(3, 2), "a": torch.ones(3, 4, dtype=torch.float64)}
    coupling = DataDependent(lambda x: {k: -v for k, v in x.items()}, noise_std=1.0)
    noise = Noise.of(0, 3)
    x0 = coupling(TwoSidedLinear(), tree, noise, None).x0
    n = noise.named("corruption").normal_like(tree)
    assert set(x0) == {"a", "b"} and x0["a"].dtype == torch.float64
    for name in tree:
        torch.testing.assert_close(x0[name], n[name] - 1)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("seen", [True, False])
def test_the_network_is_given_x0_where_it_is_seen(seen, share):
    """It is never dropped: it is where the path starts."""
    path, noise = TwoSidedLinear(), Noise.of(0, 2)
    coupling, watched = DataDependent(lambda x: 2 * x, 0.1, seen=seen), Watched(TwoSidedLinear())
    objective = Objective(path, coupling=coupling, condition_dropout=share)
    objective.loss(watched, PICTURES, {"class": torch.arange(2)}, noise)
    (shown,) = watched.seen
    assert set(shown) == ({"x0", "class"} if seen else {"class"})
    assert coupling.observed == ("x0" if seen else None)
    assert bool((shown["class"] == -1).all()) == (share == 1)
    if seen:
        assert torch.equal(shown["x0"], coupling.corrupted(PICTURES, noise))
    objective.loss(watched, PICTURES, None, noise)  # a dataset without conditions
    assert (watched.seen[1] is None) == (not seen)


def test_reflow_hands_over_both_ends():
    """As x0 between two laws, as the noise from noise; the network never sees it."""
    x1, noise = torch.randn(5, 2, dtype=torch.float64), Noise.of(0, 5)
    given = {SOURCE: torch.arange(10.0).reshape(5, 2), "class": torch.arange(5)}
    one = Reflow()(Linear(), x1, noise, given)
    assert one.x0 is None and one.x1 is x1 and one.z.dtype == torch.float64
    assert torch.equal(one.z, given[SOURCE].double())
    two = Reflow()(TwoSidedLinear(), x1, noise, given)
    assert torch.equal(two.x0, given[SOURCE].double()) and not torch.equal(two.z, two.x0)
    assert set(Reflow().shown(given)) == {"class"}
    assert Reflow().shown({SOURCE: x1}) is None
    tree = {"b": x1, "a": x1[:, :1]}
    named = {SOURCE + name: torch.full_like(leaf, 3) for name, leaf in tree.items()}
    z = Reflow()(Linear(), tree, noise, named).z
    assert {k: tuple(v.shape) for k, v in z.items()} == {"b": (5, 2), "a": (5, 1)}
    assert all(bool((leaf == 3).all()) for leaf in z.values())


def test_reflow_samples_from_its_source():
    like = torch.zeros(1, 2)
    made = Reflow(lambda noise, like: noise.normal_like(like) + 5).source_states(
        Noise.of(0, 3), like
    )
    torch.testing.assert_close(made, Noise.of(0, 3).normal_like(like) + 5)


TIED = [ExactOT(), SinkhornOT(), Reflow()]


@pytest.mark.parametrize("coupling", TIED, ids=lambda c: type(c).__name__)
def test_noise_that_is_tied_to_data_gives_no_antithetic_pairs(coupling):
    assert not coupling.independent_noise(Linear())
    assert coupling.independent_noise(TwoSidedLinear())
    with pytest.raises(InputError, match=r"antithetic: .* ties the noise of Linear to the data"):
        Objective(Linear(), coupling=coupling, antithetic=True)
    Objective(TwoSidedLinear(), coupling=coupling, antithetic=True)


@pytest.mark.parametrize("coupling", [Independent(), Paired(), DataDependent(lambda x: x)])
def test_noise_that_is_drawn_alone_is_independent(coupling):
    assert coupling.independent_noise(Linear()) and coupling.independent_noise(TwoSidedLinear())


def test_errors():
    noise, pictures = Noise.of(0, 2), PICTURES
    with pytest.raises(InputError, match="noise_std: expected a number >= 0, got -1"):
        DataDependent(lambda x: x, noise_std=-1.0)
    with pytest.raises(InputError, match="data-dependent: Linear starts from noise"):
        DataDependent(lambda x: x)(Linear(), pictures, noise, None)
    with pytest.raises(InputError, match=r"maps \(1, 4, 4\) to \(1, 4\) and has no pseudoinverse"):
        DataDependent(lambda x: x.sum(2)).corrupted(pictures, noise)
    with pytest.raises(InputError, match="starts from source states of the user"):
        DataDependent(lambda x: x).source_states(noise, pictures)
    with pytest.raises(InputError, match=r"gives no condition \['source/'\], only \['class'\]"):
        Reflow()(Linear(), pictures, noise, {"class": torch.arange(2)})
