"""The log-likelihood of a network: its gradients, and its rounding in float32."""

import copy

import pytest
import torch
from torch import nn

from sicore.interpolants import VP, Linear
from sicore.likelihood import (
    ExactDivergence,
    HutchinsonDivergence,
    log_likelihood,
    normal_prior,
    sample_with_log_prob,
)
from sicore.predictions import NOISE, VELOCITY, NetworkPrediction
from sicore.solvers import UniformGrid
from sicore.states import Noise

D = 3
DIVERGENCES = [ExactDivergence(), ExactDivergence(chunk=1), HutchinsonDivergence(2)]


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(D + 2, 16), nn.Tanh(), nn.Linear(16, D))

    def forward(self, x, t, condition=None):
        given = torch.zeros_like(t) if condition is None else condition["size"].to(t)
        return self.layers(torch.cat((x, t[:, None], given[:, None]), 1))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network().double()


@pytest.fixture
def x1():
    return Noise.of(1, 8).normal((D,), torch.float64)


def score_of(network, x1, divergence, **more):
    prediction = NetworkPrediction(network, Linear(), VELOCITY)
    times = UniformGrid().times(4, Linear())
    settings = {"times": times, "divergence": divergence, **more}
    return log_likelihood(prediction, x1, normal_prior(Linear()), **settings)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_gradients_of_the_parameters_are_those_of_finite_differences(network, x1, divergence):
    score_of(network, x1, divergence).log_prob.mean().backward()
    step = 1e-5
    for name, parameter in network.named_parameters():
        direction = torch.randn_like(parameter)
        values = []
        for sign in (1, -1):
            moved = copy.deepcopy(network).requires_grad_(False)
            moved.get_parameter(name).add_(sign * step * direction)
            values.append(score_of(moved, x1, divergence).log_prob.mean())
        slope = (values[0] - values[1]) / (2 * step)
        assert (parameter.grad * direction).sum() == pytest.approx(slope.item(), abs=1e-8), name
        assert slope != 0


def test_gradients_of_the_data_are_those_of_finite_differences(network, x1):
    x = x1.clone().requires_grad_()
    (slope,) = torch.autograd.grad(score_of(network, x, ExactDivergence()).log_prob.sum(), x)
    direction = torch.randn_like(x1)
    up, down = (
        score_of(network, x1 + sign * 1e-5 * direction, ExactDivergence()).log_prob.sum()
        for sign in (1, -1)
    )
    known = ((up - down) / 2e-5).item()
    assert (slope * direction).sum().item() == pytest.approx(known, abs=1e-8)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_without_gradients_the_values_are_the_same(network, x1, divergence):
    kept = score_of(network, x1, divergence)
    with torch.no_grad():
        found = score_of(network.requires_grad_(False), x1, divergence)
    assert kept.log_prob.requires_grad
    assert not found.log_prob.requires_grad
    assert not found.x.requires_grad
    assert torch.equal(found.log_prob, kept.log_prob)


def test_a_step_uphill_raises_the_likelihood(network, x1):
    before = score_of(network, x1, ExactDivergence()).log_prob.mean()
    before.backward()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 1e-2 * parameter.grad
        assert score_of(network, x1, ExactDivergence()).log_prob.mean() > before


@pytest.mark.parametrize("path", [Linear(), VP()])
@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_float32_is_float64_within_its_rounding(network, path, divergence):
    x, kind = Noise.of(2, 16).normal((D,), torch.float64), NOISE if path == VP() else VELOCITY
    times = UniformGrid().times(20, path, 0.0, 0.95)
    results = {}
    for dtype in (torch.float64, torch.float32):
        prediction = NetworkPrediction(copy.deepcopy(network).to(dtype), path, kind)
        settings = {"times": times, "divergence": divergence}
        with torch.no_grad():
            results[dtype] = sample_with_log_prob(
                prediction, x.to(dtype), normal_prior(path), **settings
            )
    exact, rounded = results[torch.float64], results[torch.float32]
    assert rounded.x.dtype == torch.float32
    assert rounded.log_prob.dtype == torch.float64
    unit = torch.finfo(torch.float32).eps * exact.x.abs().max()
    assert (rounded.log_prob - exact.log_prob).abs().max() < 200 * unit


def test_the_condition_reaches_the_network(network, x1):
    size = torch.linspace(-1, 1, len(x1), dtype=torch.float64)
    free = score_of(network, x1, ExactDivergence()).log_prob
    given = score_of(network, x1, ExactDivergence(), condition={"size": size}).log_prob
    assert (given - free).abs().min() > 1e-4
