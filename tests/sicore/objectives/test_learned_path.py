"""The path and its forward drift, learned together, against the bridge between Gaussians."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from sicore.dynamics import PathDynamics, constant
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianBridge
from sicore.interpolants import BrownianGamma, Fourier
from sicore.objectives import ForwardDrift, Independent, learn_path
from sicore.objectives.learned_path import _loss
from sicore.predictions import SCORE, VELOCITY, FunctionPrediction, NetworkPrediction
from sicore.solvers import EulerMaruyama, UniformGrid, solve
from sicore.states import Noise, scale

STEPS = 2000  # of integrals over t


@dataclass(frozen=True)
class Normal:
    """The source ``N(0, deviation²)``."""

    deviation: float

    def __call__(self, noise, like):
        return scale(self.deviation, noise.normal_like(like))


class Affine(nn.Module):
    """``û = f(t) x + g(t)``, polynomials of t: the drifts of smooth isotropic Gaussian paths."""

    def __init__(self, d, degree=6):
        super().__init__()
        self.order = torch.arange(degree + 1)
        self.gain = nn.Parameter(torch.zeros(degree + 1))
        self.shift = nn.Parameter(torch.zeros(degree + 1, d))

    def forward(self, x, t, condition=None):
        chebyshev = torch.cos(self.order * torch.arccos(2 * t[:, None] - 1))
        return (chebyshev @ self.gain)[:, None] * x + chebyshev @ self.shift


@dataclass(frozen=True)
class Case:
    """``N(0, s0²) → N(m, s1²)``, isotropic in d dimensions."""

    s0: float
    m: float
    s1: float
    epsilon: float
    d: int = 1

    @property
    def bridge(self):
        eye, one = torch.eye(self.d).double(), torch.ones(self.d).double()
        return GaussianBridge(
            0 * one, self.s0**2 * eye, self.m * one, self.s1**2 * eye, self.epsilon
        )

    @property
    def gamma(self):
        return BrownianGamma(2 * self.epsilon)

    @property
    def data(self):
        return self.m + self.s1 * Noise.of(7, 20_000).named("data").normal((self.d,))

    def moments(self, path, t):
        """Mean and variance of ``x_t``, and the drift's ``E b_F`` and gain, each ``t``'s shape."""
        p = path.at(t)
        variance = p.alpha**2 * self.s0**2 + p.beta**2 * self.s1**2 + p.gamma**2
        pull = p.alpha * p.alpha_dot * self.s0**2 + p.beta * p.beta_dot * self.s1**2
        gain = (pull + p.gamma_gamma_dot - self.epsilon) / variance
        return p.beta * self.m, variance, p.beta_dot * self.m, gain

    def energy(self, path):
        """``∫E‖b_F‖² dt`` of any path of this form, by the midpoint rule."""
        t = (torch.arange(STEPS).double() + 0.5) / STEPS
        _, variance, speed, gain = self.moments(path, t)
        return self.d * (speed**2 + gain**2 * variance).mean()


def learned(case, network=None, **settings):
    network = Affine(case.d) if network is None else network
    coupling = Independent(Normal(case.s0))
    return learn_path(
        network, case.data, epsilon=case.epsilon, coupling=coupling, progress=False, **settings
    )


def test_the_kind_is_velocity_plus_score(mixture):
    path = Fourier((0.2,), (-0.1,), BrownianGamma(0.6))
    law = ExactPath(path, mixture(2), mixture(2, 2, seed=7))
    x = Noise.of(0, 10).normal((2,), torch.float64)
    for t in (0.1, 0.5, 0.9):
        expected = law.value(VELOCITY, t, x) + 0.3 * law.value(SCORE, t, x)
        torch.testing.assert_close(law.value(ForwardDrift(0.3), t, x), expected)


def test_regression_on_its_target_is_unbiased(mixture):
    path, kind, n = Fourier((0.2,), (-0.1,), BrownianGamma(0.6)), ForwardDrift(0.3), 100_000
    law = ExactPath(path, mixture(2), mixture(2, 2, seed=7))
    noise, t = Noise.of(0, n), torch.tensor(0.4).double()
    x0, x1 = law.source.sample(noise.named("0")), law.target.sample(noise.named("1"))
    sample = path.sample(x0, x1, t, noise.normal((2,), torch.float64))
    (residual,) = kind.residual(path.at(t), sample, law.value(kind, t, sample.x_t))
    products = residual[:, :, None] * torch.cat((torch.ones(n, 1), sample.x_t), 1)[:, None]
    error = products.std(0) / math.sqrt(n)
    assert bool((products.mean(0).abs() < 4.5 * error).all())


def exact_loss(case, path, drift_of, batches=40, size=1000):
    """The loss on a path at the exact drift of ``drift_of``, batch by batch."""
    kind = ForwardDrift(case.epsilon)

    def drift(t, x):
        mean, _, speed, gain = case.moments(drift_of, t)
        return speed[:, None] + gain[:, None] * (x - mean[:, None])

    prediction = FunctionPrediction(drift, path, kind)
    losses = []
    for i in range(batches):
        noise = Noise.of(5, size, i * size).named("exact")
        x1 = case.m + case.s1 * noise.named("x1").normal((case.d,), torch.float64)
        losses.append(_loss(prediction, kind, x1, Independent(Normal(case.s0)), noise))
    return torch.stack(losses)


def test_the_loss_at_the_drift_is_minus_half_the_energy():
    case = Case(1.0, 1.0, 0.5, 0.25)
    path = Fourier((0.1,), (-0.05,), case.gamma)
    losses = exact_loss(case, path, path)
    error = 4 * float(losses.std()) / math.sqrt(len(losses))
    assert abs(float(losses.mean() + case.energy(path) / 2)) < error + 1e-3


def test_the_gradient_for_the_path_is_that_of_the_energy():
    """It flows through the target and through x_t, and the drift's own part cancels."""
    case = Case(1.0, 1.0, 0.5, 0.25)
    numbers = torch.tensor([[0.1, 0.05], [-0.05, 0.1]], dtype=torch.float64, requires_grad=True)
    free = Fourier(*numbers, case.gamma)
    losses = exact_loss(case, free, Fourier((0.1, 0.05), (-0.05, 0.1), case.gamma))
    slopes = torch.stack(
        [torch.autograd.grad(loss, numbers, retain_graph=True)[0] for loss in losses]
    )
    (exact,) = torch.autograd.grad(-case.energy(free) / 2, numbers)
    error = slopes.std(0) / math.sqrt(len(slopes))
    assert bool(((slopes.mean(0) - exact).abs() < 4 * error + 2e-3).all())
    assert bool((exact.abs() > 0.02).any())


CENTRED = Case(1.0, 0.0, 0.5, 0.25)
WIDENING = Case(0.5, 0.0, 1.5, 0.5, d=2)
SHIFTED = Case(1.0, 1.0, 0.5, 0.25)


@pytest.fixture(scope="module", params=[CENTRED, WIDENING, SHIFTED], ids=["1-D", "2-D", "moved"])
def found(request):
    """A case, and what was learned on it."""
    return request.param, learned(request.param, steps=600, learning_rate=2e-2)


def test_it_finds_the_bridge(found):
    """Energies from above; with a moved mean a short series ends well above, but below the line."""
    case, result = found
    energy, bridge = float(case.energy(result.interpolant)), case.bridge.energy
    straight = float(case.energy(Fourier(gamma=case.gamma)))
    assert bridge - 1e-3 < energy < bridge + 0.2 * (straight - bridge)
    assert abs(result.energy - energy) < 0.06 * case.d


def test_its_variances_are_those_of_the_bridge(found):
    case, result = found
    times = torch.linspace(0, 1, 41).double()
    _, variance, _, _ = case.moments(result.interpolant, times)
    expected = torch.stack([case.bridge.covariance(t)[0, 0] for t in times.tolist()])
    limit = 0.1 if case.m else 0.03
    assert float((variance / expected - 1).abs().max()) < limit


def test_its_means_are_those_of_the_bridge(found):
    case, result = found
    times = torch.linspace(0, 1, 41).double()
    mean, _, _, _ = case.moments(result.interpolant, times)
    assert float((mean - times * case.m).abs().max()) < 0.05


def test_its_sde_samples_the_data(found):
    case, result = found
    n = 5000
    noise = Noise.of(11, n)
    start = Normal(case.s0)(noise.named("start"), torch.zeros(n, case.d))
    dynamics = PathDynamics(result.prediction, constant(case.epsilon))
    path = result.interpolant
    with torch.no_grad():
        end = solve(dynamics, start, UniformGrid().times(60, path), EulerMaruyama(), noise).x
    assert float((end.mean(0) - case.m).abs().max()) < 0.1
    assert float((end.std(0) / case.s1 - 1).abs().max()) < 0.1


def test_it_is_deterministic():
    runs = [learned(CENTRED, steps=5, batch_size=32) for _ in range(2)]
    assert runs[0].interpolant == runs[1].interpolant
    assert runs[0].energy == runs[1].energy
    other = learned(CENTRED, steps=5, batch_size=32, seed=1)
    assert other.interpolant != runs[0].interpolant


def test_any_network_and_tree_states():
    class Tree(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x, t, condition=None):
            out = self.layer(torch.cat((x["a"], x["b"], t[:, None]), 1))
            return {"a": out[:, :1], "b": out[:, 1:]}

    data = {"a": torch.ones(50, 1), "b": torch.zeros(50, 2)}
    torch.manual_seed(0)
    made = learn_path(Tree(), data, epsilon=0.1, steps=3, batch_size=8, terms=2, progress=False)
    assert len(made.interpolant.a) == len(made.interpolant.b) == 2
    assert math.isfinite(made.energy)
    assert isinstance(made.prediction, NetworkPrediction)
    assert made.prediction.interpolant == made.interpolant
    assert replace(made.interpolant) == made.interpolant  # plain numbers: it can be compared


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(InputError, match="epsilon > 0"):
        learn_path(Affine(1), torch.zeros(3, 1), epsilon=0.0)
    with pytest.raises(InputError, match="not finite"):
        learn_path(Affine(1), torch.full((3, 1), math.nan), epsilon=0.1, steps=2, progress=False)
