"""The latent SDE: its divergence in closed form, both gradients, and a law it must learn."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from sicore.states import Noise
from sicore_timeseries.exact.gaussian_process import GaussianProcess
from sicore_timeseries.generators.base import regular_times
from sicore_timeseries.generators.latent_sde import LatentSDE
from sicore_timeseries.generators.store import new_generator
from sicore_timeseries.kernels import OrnsteinUhlenbeck


class Fixed(nn.Module):
    """A function in the place of a network."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def small(gradient: str = "direct") -> LatentSDE:
    arguments = {"channels": 2, "latent": 2, "hidden": 6, "width": 8, "gradient": gradient}
    model = new_generator("latent-sde", arguments)
    assert isinstance(model, LatentSDE)
    return model.double()


def gapped(count: int = 6, rows: int = 6) -> tuple[Tensor, Tensor]:
    """Windows with gaps, and irregular times of their own."""
    x = Noise.of(5, count).normal((rows, 2), torch.float64).cumsum(1)
    x[::3, 2, 1] = torch.nan
    x[1::4, 0] = torch.nan
    return x, Noise.of(6, count).uniform((rows,)).sort(1).values


def test_the_divergence_of_two_ou_processes_is_girsanovs():
    """``dz = −θ z dt + σ dW`` to ``dz = −(θ − σ k) z dt + σ dW``, from the same ``N(m, s²)``."""
    theta, sigma, k, m, s = 0.5, 0.8, -1.0, 0.7, 0.4
    model = new_generator("latent-sde", {"channels": 1, "latent": 1, "substeps": 8}).double()
    assert isinstance(model, LatentSDE)
    model.drift = Fixed(lambda x: -theta * x[:, 1:])
    model.steering = Fixed(lambda x: k * x[:, 1:2])
    model.diffusion = Fixed(lambda x: torch.full_like(x[:, 1:], sigma))
    model.first = Fixed(lambda x: torch.tensor([m, math.log(s)]).double().expand(len(x), 2))
    model.log_scale.data.zero_()
    model.prior_first.data.copy_(torch.tensor([m, math.log(s)]))
    paths, rate = 4000, theta - sigma * k
    with torch.no_grad():
        windows = torch.zeros(paths, 12, 1).double()
        bound = model.bound(windows, regular_times(12).double(), Noise.of(0, paths))
    rest = sigma**2 / (2 * rate)
    decayed = (1 - math.exp(-2 * rate)) / (2 * rate)
    exact = k**2 / 2 * (rest + (m**2 + s**2 - rest) * decayed)
    error = float(bound.path.std()) / math.sqrt(paths)
    assert float(bound.path.mean()) == pytest.approx(exact, abs=4 * error + 0.003)
    assert float(bound.start.abs().max()) < 1e-12


def test_both_gradients_of_the_bound_agree():
    windows, times = gapped()
    found = []
    for gradient in ("direct", "reversible"):
        model = small(gradient)
        model.losses(windows, times, Noise.of(0, 6)).sum().backward()
        found.append([p.grad for p in model.parameters()])
    for direct, reversible in zip(*found, strict=True):
        torch.testing.assert_close(reversible, direct, atol=1e-10, rtol=1e-10)


def test_the_bound_of_a_window_is_its_own():
    windows, times = gapped()
    model, noise = small(), Noise.of(0, 6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        losses = model.losses(windows, times, noise)
        moved = model.losses(windows[order], times[order], noise.take(order))
        hidden = windows.clone()
        hidden[0, 3, 0] = torch.nan
        others = model.losses(hidden, times, noise)
    torch.testing.assert_close(moved, losses[order])
    assert torch.allclose(others[1:], losses[1:]) and not torch.allclose(others[0], losses[0])


def test_a_latent_sde_learns_an_ou_process():
    """Within what a few seconds of training leave; the sample's own error is 0.03."""
    times = regular_times(6)
    law = GaussianProcess(OrnsteinUhlenbeck(1.0))
    data = law.sample(Noise.of(0, 2000), times).float()
    sizes = {"latent": 2, "hidden": 12, "width": 32, "encoder": "recurrent", "noise": 0.1}
    model = new_generator("latent-sde", {"channels": 1, **sizes})
    model.fit(data, times, steps=350, batch_size=64, learning_rate=1e-2, progress=False)
    x = model.sample(2000, times)[..., 0]
    assert float(x.mean()) == pytest.approx(0, abs=0.15)
    torch.testing.assert_close(x.var(0), torch.ones(6), atol=0.3, rtol=0)
    scaled = (x - x.mean(0)) / x.std(0)
    for lag in (1, 3, 5):
        found = float((scaled[:, :-lag] * scaled[:, lag:]).mean())
        assert found == pytest.approx(math.exp(-lag / 5), abs=0.15)
