"""The law of one-hot states on their path."""

import pytest
import torch
from scipy.stats import chi2

from sicore.errors import InputError
from sicore.interpolants import Categorical, draw_kinds
from sicore.states import MaskedSpace, Noise, SymmetricSpace, TensorSpace, TreeSpace

PI = (0.5, 0.3, 0.2)
N = 40_000
LEVEL = 1e-5  # the chance that a right code fails a test, were its seed drawn


def consistent(counts, law):
    """Pearson's χ² of counts is below its quantile 1 − LEVEL; kinds of no chance have no count."""
    expected = law * counts.sum()
    possible = expected > 0
    assert float(counts[~possible].sum()) == 0
    excess = ((counts - expected) ** 2 / expected)[possible].sum()
    return float(excess) < chi2.ppf(1 - LEVEL, int(possible.sum()) - 1)


def drawn(path, kind, t, seed=0, sign=1, dtype=torch.float64):
    x1 = torch.eye(3, dtype=dtype)[kind].expand(N, 1, 3)
    z = sign * Noise.of(seed, N).normal_like(x1)
    return path.sample(None, x1, t, z).x_t[:, 0]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("power", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("t", [0.0, 0.2, 0.7])
def test_its_law_is_that_of_a_mixture(t, power, sign):
    """Also for −z, which antithetic pairs use."""
    x = drawn(Categorical({"": PI}, power), 1, torch.tensor(t), sign=sign)
    assert bool((x.sum(-1) == 1).all()) and bool(((x == 0) | (x == 1)).all())
    kappa = 1 - (1 - t) ** power
    law = kappa * torch.eye(3)[1] + (1 - kappa) * torch.tensor(PI)
    assert consistent(x.sum(0), law)


def test_each_sample_has_its_time():
    t = torch.tensor([0.1, 0.6]).repeat(N // 2)
    x = drawn(Categorical({"": PI}), 2, t)
    for time in (0.1, 0.6):
        law = time * torch.eye(3)[2] + (1 - time) * torch.tensor(PI)
        assert consistent(x[torch.isclose(t, torch.tensor(time))].sum(0), law)


def test_at_its_end_it_is_the_data_whatever_the_noise():
    """Also where the least exponential is so small that e^−least rounds to 1."""
    x1 = torch.eye(3)[[1]]
    z = torch.tensor([[9.0, 0.0, 0.0]])
    assert torch.equal(Categorical().sample(None, x1, torch.tensor(1.0), z).x_t, x1)


def test_whether_an_entry_is_left_is_independent_of_what_it_becomes():
    pi = torch.tensor(PI, dtype=torch.float64)
    z = Noise.of(0, N).normal((3,), torch.float64)
    kind, least = draw_kinds(pi, z)
    late = (least > torch.tensor(0.7)).squeeze(-1)
    for part in (late, ~late):
        assert consistent(kind[part].sum(0), pi)
    share = torch.stack([late.sum(), (~late).sum()]).double()
    e = torch.exp(torch.tensor(-0.7, dtype=torch.float64))
    assert consistent(share, torch.stack([e, 1 - e]))


def test_symmetric_noise_makes_symmetric_states():
    space = SymmetricSpace((5, 5, 3))
    noise = Noise.of(0, 8, space=space)
    path = Categorical({"": PI})
    x1 = path.prior(noise.named("data"), space, torch.float32)
    x = path.sample(None, x1, torch.full((8,), 0.4), noise.normal_like(x1)).x_t
    for state in (x1, x):
        assert torch.equal(state, state.transpose(1, 2))
        assert float(state.diagonal(dim1=1, dim2=2).abs().sum()) == 0
        assert float(state.sum()) == 8 * 20


def test_rows_of_zeros_stay():
    x1 = torch.eye(3)[torch.zeros(8, 4, dtype=torch.int64)]
    x1[:, 2:] = 0
    path = Categorical({"": PI})
    x = path.sample(None, x1, torch.tensor(0.1), torch.randn(8, 4, 3)).x_t
    assert float(x[:, 2:].abs().sum()) == 0
    assert float(x[:, :2].sum()) == 16


def test_its_start_is_drawn_within_the_mask():
    mask = torch.arange(2) < torch.tensor([[1], [2]])
    space = MaskedSpace(TensorSpace((2, 3)), mask.unsqueeze(-1).repeat(N // 2, 1, 1))
    x = Categorical({"": PI}).prior(Noise.of(0, N, space=space), space, torch.float64)
    assert torch.equal(x.any(-1), mask.repeat(N // 2, 1))
    assert consistent(x.sum((0, 1)), torch.tensor(PI))


def test_both_precisions_draw_the_same():
    path = Categorical({"": PI})
    single = drawn(path, 1, torch.tensor(0.37), dtype=torch.float32)
    assert torch.equal(single.double(), drawn(path, 1, torch.tensor(0.37)))


def test_the_marginals_are_those_of_the_data():
    nodes = torch.eye(3)[torch.tensor([[0, 1], [1, 2], [1, 1]])]
    nodes[0, 1] = 0  # absent
    states = {"nodes": nodes, "edges": torch.eye(2)[torch.tensor([[0], [0], [1]])]}
    made = Categorical.completed({"power": 2.0}, lambda n: states)
    assert made["power"] == 2.0
    assert made["marginals"]["nodes"] == pytest.approx([1 / 5, 3 / 5, 1 / 5])
    assert made["marginals"]["edges"] == pytest.approx([2 / 3, 1 / 3])
    assert Categorical.completed({}, lambda n: nodes) == {
        "marginals": {"": made["marginals"]["nodes"]}
    }
    assert Categorical.completed({"marginals": {"": PI}}, lambda n: 1 / 0) == {
        "marginals": {"": PI}
    }


def test_one_kind_only():
    """Nodes of graphs without kinds."""
    space = TreeSpace({"nodes": TensorSpace((4, 1))})
    path = Categorical({"nodes": (1.0,)})
    x = path.prior(Noise.of(0, 3, space=space), space, torch.float32)
    assert torch.equal(x["nodes"], torch.ones(3, 4, 1))
    half = path.sample(None, x, torch.tensor(0.5), {"nodes": torch.randn(3, 4, 1)})
    assert torch.equal(half.x_t["nodes"], x["nodes"])


@pytest.mark.parametrize("shares", [(0.5, 0.6), (-0.1, 1.1), (float("nan"), 1.0), ()])
def test_marginals_that_are_no_law(shares):
    with pytest.raises(InputError, match="shares that sum to 1"):
        Categorical({"": shares})


def test_what_it_does_not_take():
    with pytest.raises(InputError, match="power"):
        Categorical(power=0.5)
    x = torch.eye(3)
    with pytest.raises(InputError, match="expected 3 shares, got 2"):
        Categorical({"": (0.5, 0.5)}).source(x)
    with pytest.raises(InputError, match="expected 3 shares, got 0"):
        Categorical({"other": PI}).source(x)
    with pytest.raises(InputError, match="takes no x0"):
        Categorical().sample(x, x, torch.tensor(0.5), x)
