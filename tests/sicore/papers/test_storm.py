"""Stochastic regeneration (Lemercier et al. 2023): a predictor, and a path for the rest."""

import pytest
import torch
from torch import nn

from sicore.backbones import Identity, Regeneration
from sicore.config import parse_config
from sicore.dynamics import PathDynamics, proportional
from sicore.errors import InputError
from sicore.hub import Model
from sicore.hub.build import build_objective, build_parts
from sicore.interpolants import OUVE, SBVE
from sicore.objectives import Objective, Paired, Rollout, StartError
from sicore.predictions import DATA, NOISE, NetworkPrediction, started
from sicore.solvers import DDIM, EulerMaruyama, UniformGrid, solve
from sicore.states import Noise, TensorSpace

N = 20_000
VARIANCE = 0.3**2  # of x1 given y; its mean is y/2


class Posterior(nn.Module):
    """``E[x1 | x_t, s, y]`` of ``x1 ~ N(y/2, VARIANCE)`` on a path from s."""

    def __init__(self, path, start="x0", measured="y"):
        super().__init__()
        self.path, self.start, self.measured = path, start, measured
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x, t, condition=None):
        p = self.path.at(t.double())
        alpha, beta, gamma = (c.reshape(-1, 1) for c in (p.alpha, p.beta, p.gamma))
        mean = condition[self.measured] / 2
        gain = beta * VARIANCE / (beta**2 * VARIANCE + gamma**2)
        return mean + gain * (x - alpha * condition[self.start] - beta * mean)


class Mean(nn.Module):
    """The best predictor, off by an error."""

    def __init__(self, error=0.0):
        super().__init__()
        self.error = nn.Parameter(torch.tensor(error, dtype=torch.float64))

    def forward(self, x, t, condition=None):
        return x / 2 + self.error


def toy_config(network, **sections):
    return {
        "domain": {"name": "toy", "scale": 2.0},
        "data": "toy/points",
        "network": network,
        "interpolant": "ouve",
        "prediction": "noise",
        "objective": {"coupling": "paired", "condition_dropout": 0.0, **sections},
        "sampling": {"solver": "euler-maruyama", "steps": 5, "end": 0.97},
    }


def built(config):
    config = parse_config(config)
    torch.manual_seed(0)
    parts = build_parts(config)
    for tensor in parts.network.parameters():
        nn.init.normal_(tensor, std=0.2)
    return config, parts


MLP = {"name": "mlp", "width": 16, "depth": 2, "observed": "x0"}
STORM = {"name": "regeneration", "predictor": "identity", "network": MLP}


def test_with_a_predictor_that_does_nothing_it_is_sgmse_exactly(toy):
    """Kernel, loss and samples, bit by bit; D(y) is another call."""
    plain_config, plain = built(toy_config(MLP))
    storm_config, storm = built(toy_config(STORM))
    storm.network.network.load_state_dict(plain.network.state_dict())
    assert storm.interpolant == plain.interpolant == OUVE()
    x1, y = (Noise.of(seed, 6).normal((1, 2, 2)) for seed in (1, 2))
    losses = [
        build_objective(c, p).loss(p.prediction(), x1, {"x0": y}, Noise.of(3, 6))
        for c, p in ((plain_config, plain), (storm_config, storm))
    ]
    assert torch.equal(*losses)
    ours, theirs = (
        Model(c, p, {}).sample(6, x0=y, seed=4)
        for c, p in ((storm_config, storm), (plain_config, plain))
    )
    assert torch.equal(ours.x, theirs.x)
    assert ours.nfe == theirs.nfe + 1
    loud = build_objective(*built(toy_config(STORM, regularisers=["start-error"])))
    torch.testing.assert_close(
        loud.loss(storm.prediction(), x1, {"x0": y}, Noise.of(3, 6)),
        losses[0] + (y - x1).square().mean((1, 2, 3)),
    )


def sampled(network, path, y, steps, *, observed="x0"):
    """Samples given y, from where the network starts, and where that is."""
    prediction = NetworkPrediction(network, path, DATA)
    start, given, _ = started(prediction, y, observed, {observed: y})
    noise = Noise.of(0, len(y))
    x = path.prior(noise, TensorSpace((1,)), torch.float64, torch.tensor(0.0), start)
    sde = PathDynamics(prediction, proportional(1.0, path), given, x0=start)
    times = UniformGrid().times(steps, path, 0.0, 0.97)
    with torch.no_grad():
        return solve(sde, x, times, EulerMaruyama(), noise).x, start


def test_less_is_missing_from_the_start_of_a_regeneration():
    """OUVE starts in its source, though the share e^{-θ} of the data should be there: a bias."""
    path, y = OUVE(), torch.full((N, 1), 2.0, dtype=torch.float64)
    exact = path.at(0.97)
    for steps in (10, 40):
        plain, _ = sampled(Regeneration(Identity(), Posterior(path)), path, y, steps)
        storm, start = sampled(Regeneration(Mean(), Posterior(path)), path, y, steps)
        assert torch.equal(start, y / 2)
        bias = [
            float(x.mean() - exact.alpha * s - exact.beta * 1.0)
            for x, s in ((plain, 2.0), (storm, 1.0))
        ]
        assert abs(bias[1]) < 4 * float(storm.std()) / N**0.5
        assert bias[0] > 6 * float(plain.std()) / N**0.5
    expected = (exact.beta**2 * VARIANCE + exact.gamma**2).sqrt()
    torch.testing.assert_close(storm.std(), expected, rtol=0.06, atol=0)


def test_what_a_predictor_knows_for_sure_is_kept():
    """D exact and no spread left: the sample is D(y) within the path's least noise."""
    path, y = OUVE(), Noise.of(5, 500).normal((1,), torch.float64)

    class Sure(Posterior):
        def forward(self, x, t, condition=None):
            return condition["x0"]

    x, start = sampled(Regeneration(Mean(), Sure(path)), path, y, 100)
    assert float((x - start).square().mean().sqrt()) < path.sigma_min


def test_the_predictor_learns_by_its_own_error_and_by_the_paths():
    path, x1 = SBVE(), torch.ones(8, 1, dtype=torch.float64)
    y = {"x0": Noise.of(6, 8).normal((1,), torch.float64)}

    def gradient(frozen=False, **options):
        network = Regeneration(Mean(0.3), Posterior(path), frozen=frozen)
        objective = Objective(path, coupling=Paired(), **options)
        loss = objective.loss(NetworkPrediction(network, path, DATA), x1, y, Noise.of(7, 8))
        if not loss.requires_grad:
            return None
        return torch.autograd.grad(loss.sum(), network.predictor.error, allow_unused=True)[0]

    only_path, both = gradient(), gradient(regularisers=(StartError(2.0),))
    expected = (2 * 2.0 * (y["x0"] / 2 + 0.3 - x1)).sum()
    torch.testing.assert_close(both - only_path, expected)
    assert gradient(frozen=True) is None


@pytest.mark.parametrize("path", [SBVE(), OUVE()], ids=["sb-ve", "ouve"])
def test_a_rollout_trains_on_what_one_step_of_the_sampler_makes(path):
    """For a share of the samples x_t is where DDIM's step from 0 to t ends."""
    noise = Noise.of(8, 4000)
    x1, y, z = (noise.named(name).normal((1,), torch.float64) for name in "abz")
    t = noise.named("t").uniform().double()
    prediction = NetworkPrediction(Mean(), path, DATA)
    sample = path.sample(y, x1, t, z)
    moved = Rollout(0.25)(prediction, sample, {"x0": y}, noise)
    start = y + path.at(0.0).gamma * z  # where sampling starts

    def stepped(k):
        here = slice(k, k + 1)
        flow = PathDynamics(prediction, None, {"x0": y[here]}, x0=y[here])
        with torch.no_grad():
            return solve(flow, start[here], torch.tensor([0.0, float(t[k])]), DDIM(), noise).x[0]

    chosen = (moved.x_t != sample.x_t).flatten()
    for k in range(40):
        expected = stepped(k) if chosen[k] else sample.x_t[k]
        torch.testing.assert_close(moved.x_t[k], expected, rtol=1e-6, atol=1e-6)
    assert abs(float(chosen.double().mean()) - 0.25) < 4 * (0.25 * 0.75 / 4000) ** 0.5
    assert moved.x1 is sample.x1


def test_a_rollout_needs_the_data_prediction_of_a_bridge():
    x = torch.zeros(2, 1)
    sample = SBVE().sample(x, x, torch.zeros(2), x)
    with pytest.raises(InputError, match="prediction=data"):
        Rollout(0.5)(NetworkPrediction(Mean(), SBVE(), NOISE), sample, {"x0": x}, Noise.of(0, 2))
    with pytest.raises(InputError, match="expected a share"):
        Rollout(0.0)
