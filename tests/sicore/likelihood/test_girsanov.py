"""Girsanov's bound beside a divergence that is known: two linear SDEs with normal laws."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import pytest
import torch

from sicore.dynamics import PathDynamics, constant, proportional
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import TwoSidedLinear
from sicore.likelihood import girsanov_bound
from sicore.predictions import PAIR
from sicore.solvers import EulerMaruyama, solve
from sicore.states import Noise

N = 6000
PATH = TwoSidedLinear()
PUSH = torch.tensor([[0.3, -0.4], [0.2, 0.5]], dtype=torch.float64)
SHIFT = torch.tensor([0.4, -0.3], dtype=torch.float64)
# γ̇ is infinite at both ends of this path, and the pair (v, η) does not determine the drift there.
ENDS = (0.02, 0.98)


def normal(mean, covariance):
    values = (torch.ones(1), torch.tensor([mean]), torch.tensor([covariance]))
    return GaussianMixture(*(v.double() for v in values))


LAW = ExactPath(
    PATH,
    target=normal([1.0, -0.5], [[0.6, 0.2], [0.2, 0.3]]),
    source=normal([-0.5, 0.0], [[1.0, -0.3], [-0.3, 0.5]]),
)


@dataclass(frozen=True)
class Perturbed:
    """Dynamics whose drift is off by ``size (A x + c)``."""

    inner: PathDynamics
    size: float
    calls: ClassVar[int] = 1
    direction: ClassVar[int] = 1
    stochastic: ClassVar[bool] = True

    def drift(self, t, x):
        return self.inner.drift(t, x) + self.size * (x @ PUSH.T + SHIFT)

    def diffusion(self, t):
        return self.inner.diffusion(t)


def dynamics(epsilon):
    return PathDynamics(LAW.prediction(PAIR), epsilon)


EPSILONS = {
    "constant": constant(0.5),
    "large": constant(3.0),
    "of time": proportional(2.0, PATH),
}


def terminal_law(model, steps=120):
    """Mean and covariance at the end, by the moments' own ODE: ``ṁ = M m + c``, ``Ċ = …``."""

    def affine(t):
        points = torch.cat((torch.zeros(1, 2), torch.eye(2))).double()
        at = model.drift(t, points)
        return (at[1:] - at[0]).T, at[0]

    def slope(t, mean, covariance):
        matrix, offset = affine(t)
        noise = model.diffusion(t) ** 2 * torch.eye(2, dtype=torch.float64)
        return matrix @ mean + offset, matrix @ covariance + covariance @ matrix.T + noise

    start = LAW.marginal(ENDS[0])
    state = (start.means[0], start.covariances[0])
    times = torch.linspace(*ENDS, steps + 1, dtype=torch.float64)
    for t, s in pairwise(times):
        h = s - t
        k1 = slope(t, *state)
        k2 = slope(t + h / 2, *(a + h / 2 * k for a, k in zip(state, k1, strict=True)))
        k3 = slope(t + h / 2, *(a + h / 2 * k for a, k in zip(state, k2, strict=True)))
        k4 = slope(s, *(a + h * k for a, k in zip(state, k3, strict=True)))
        stages = zip(state, k1, k2, k3, k4, strict=True)
        state = tuple(a + h / 6 * (p + 2 * q + 2 * r + u) for a, p, q, r, u in stages)
    return state


def divergence(mean, covariance, other_mean, other_covariance):
    """KL of two normal laws, in nats."""
    inverse = torch.linalg.inv(other_covariance)
    gap = other_mean - mean
    trace = (inverse @ covariance).trace() - len(mean)
    logs = torch.logdet(other_covariance) - torch.logdet(covariance)
    return 0.5 * float(trace + gap @ inverse @ gap + logs)


def exact_rate(epsilon, t, size):
    """``E‖size (A x + c)‖² / (4ε)`` under the exact law of ``x_t``."""
    law = LAW.marginal(t)
    mean = PUSH @ law.mean + SHIFT
    second = (PUSH @ law.covariance @ PUSH.T).trace() + mean @ mean
    return float(size**2 * second / (4 * epsilon(t)))


@pytest.fixture(scope="module")
def states():
    noise = Noise.of(0, N)
    x0, x1 = LAW.source.sample(noise), LAW.target.sample(noise.named("target"))
    z = noise.named("z").normal((2,), torch.float64)
    return lambda t: PATH.sample(x0, x1, t, z).x_t


def test_the_moments_of_the_exact_sde_are_those_of_the_path():
    for epsilon in EPSILONS.values():
        mean, covariance = terminal_law(dynamics(epsilon))
        law = LAW.marginal(ENDS[1])
        assert torch.allclose(mean, law.mean, atol=1e-6)
        assert torch.allclose(covariance, law.covariance, atol=1e-6)


@pytest.mark.parametrize("epsilon", EPSILONS.values(), ids=EPSILONS.keys())
@pytest.mark.parametrize("size", [0.1, 1.0])
def test_the_divergence_of_a_perturbed_drift_is_below_the_bound(epsilon, size, states):
    truth = dynamics(epsilon)
    model = Perturbed(truth, size)
    times = torch.linspace(*ENDS, 25, dtype=torch.float64)
    found = girsanov_bound(truth, model, states, times)
    end = LAW.marginal(ENDS[1])
    known = divergence(end.mean, end.covariance, *terminal_law(model))
    rates = torch.tensor([exact_rate(epsilon, t, size) for t in times], dtype=torch.float64)
    bound = float(torch.trapezoid(rates, times))
    assert abs(found.value - bound) < 4 * found.standard_error
    assert found.standard_error < 0.03 * found.value
    assert 0 < known <= found.value
    assert known > 0.2 * found.value


def test_the_bound_of_a_right_drift_is_zero(states):
    truth, times = dynamics(constant(0.5)), torch.linspace(0.1, 0.9, 5)
    found = girsanov_bound(truth, dynamics(constant(0.5)), states, times)
    assert found.value == found.standard_error == 0
    assert found.rate.tolist() == [0] * 5


def test_states_of_a_simulation_serve_as_well(states):
    epsilon, n = constant(0.5), 2000
    truth = dynamics(epsilon)
    model = Perturbed(truth, 0.5)
    times = torch.linspace(*ENDS, 61, dtype=torch.float64)
    seen = {float(times[0]): LAW.marginal(times[0]).sample(Noise.of(1, n))}

    def keep(info):
        seen[float(info.s)] = info.x

    first = seen[float(times[0])]
    solve(truth, first, times, EulerMaruyama(), Noise.of(2, n), [keep])
    simulated = girsanov_bound(truth, model, lambda t: seen[float(t)], times)
    exact = girsanov_bound(truth, model, states, times)
    error = math.hypot(simulated.standard_error, exact.standard_error)
    assert abs(simulated.value - exact.value) < 4 * error + 0.02 * exact.value


def test_what_does_not_fit(states):
    truth = dynamics(constant(0.5))
    times = torch.linspace(0.1, 0.9, 3)
    with pytest.raises(InputError, match=r"diffusions differ at t = 0\.1"):
        girsanov_bound(truth, dynamics(constant(1.0)), states, times)
    with pytest.raises(InputError, match=r"ε = 0 at t = 0\.1"):
        girsanov_bound(dynamics(None), dynamics(None), states, times)
    with pytest.raises(InputError, match="strictly rising"):
        girsanov_bound(truth, truth, states, times.flip(0))
    with pytest.raises(InputError, match="two samples"):
        girsanov_bound(truth, truth, lambda t: states(t)[:1], times)
