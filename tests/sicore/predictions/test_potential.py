"""A potential's gradient is a score like any other, and can be trained through."""

import pytest
import torch
from torch import nn

from sicore.errors import InputError
from sicore.interpolants import VP, Linear
from sicore.predictions import SCORE, VELOCITY, convert
from sicore.predictions.potential import PotentialPrediction
from sicore.states import Noise


def exact_potential(law):
    return PotentialPrediction(lambda x, t, condition: law.log_prob(t, x), law.interpolant)


def quadratic(rate):
    """``−rate |x|²/2``, whose score is ``−rate x``."""
    return PotentialPrediction(lambda x, t, c: -rate * x.square().sum(1) / 2, Linear())


@pytest.mark.parametrize("times", [0.3, [0.1, 0.5, 0.9]])
def test_the_gradient_of_the_exact_log_density_is_the_exact_score(exact, times):
    law = exact(VP())
    t = torch.tensor(times, dtype=torch.float64)
    x = Noise.of(0, 3).normal((2,), torch.float64)
    made = exact_potential(law)(t, x)
    torch.testing.assert_close(made, law.score(t, x), rtol=1e-11, atol=1e-11)
    velocity = convert(VP(), t, x, made, SCORE, VELOCITY)
    torch.testing.assert_close(velocity, law.velocity(t, x), rtol=1e-10, atol=1e-10)


def test_without_gradients_it_works_and_keeps_no_graph():
    rate = torch.tensor(3.0, requires_grad=True)
    with torch.no_grad():
        made = quadratic(rate)(torch.tensor(0.5), torch.ones(4, 2))
    assert torch.equal(made, torch.full((4, 2), -3.0)) and not made.requires_grad


def test_gradients_flow_to_weights_and_to_the_states():
    rate = torch.tensor(3.0, requires_grad=True)
    start = torch.tensor([[1.0, 2.0]], requires_grad=True)
    made = quadratic(rate)(torch.tensor(0.5), 2 * start)  # x = 2 start is no leaf of the graph
    of_rate, of_start = torch.autograd.grad(made.sum(), (rate, start))
    assert float(of_rate) == -6.0  # −Σ x
    assert torch.equal(of_start, torch.full((1, 2), -6.0))  # −2 rate


def test_trees_have_a_gradient_for_each_leaf():
    def network(x, t, condition):
        return x["a"].sum(1) + t * x["b"].square().sum((1, 2))

    x = {"a": torch.ones(3, 2), "b": torch.ones(3, 2, 2)}
    made = PotentialPrediction(network, Linear())(torch.tensor([0.0, 1.0, 2.0]), x)
    assert torch.equal(made["a"], torch.ones(3, 2))
    assert torch.equal(made["b"][:, 0, 0], torch.tensor([0.0, 2.0, 4.0]))


def test_times_reach_the_network_one_for_each_sample_in_the_dtype_of_x():
    seen = []

    def network(x, t, condition):
        seen.append((t, condition))
        return x.sum(1)

    condition = {"class": torch.zeros(3, dtype=torch.int64)}
    t = torch.tensor(0.25, dtype=torch.float64)
    made = PotentialPrediction(network, Linear())(t, torch.zeros(3, 2), condition)
    assert torch.equal(seen[0][0], torch.full((3,), 0.25)) and seen[0][1] is condition
    assert made.dtype == torch.float32


def test_a_network_with_attention_can_be_differentiated_twice():
    """Fused attention has no second derivative."""

    class Attending(nn.Module):
        def __init__(self):
            super().__init__()
            self.lift = nn.Linear(1, 4, dtype=torch.float64)

        def forward(self, x, t, condition=None):
            h = self.lift(x.unsqueeze(-1)).unsqueeze(1)
            return nn.functional.scaled_dot_product_attention(h, h, h).sum((1, 2, 3))

    potential = PotentialPrediction(Attending(), Linear())
    x = Noise.of(0, 2).normal((3,), torch.float64).requires_grad_()
    t = torch.tensor(0.5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: potential(t, x), x)


def test_a_network_that_is_no_potential_is_refused():
    with pytest.raises(InputError, match=r"expected one number for each sample, shape \(3,\)"):
        PotentialPrediction(lambda x, t, c: x, Linear())(torch.tensor(0.5), torch.zeros(3, 2))
