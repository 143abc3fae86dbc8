"""Stochastic interpolants (Albergo, Boffi and Vanden-Eijnden 2023), end to end.

Between two Gaussians the velocity b and the score s are linear and known: with
``m_t = α m0 + β m1`` and ``C_t = α² C0 + β² C1 + γ² I``,

``s = −C_t⁻¹ (x − m_t)``,  ``b = ṁ_t + ½ Ċ_t C_t⁻¹ (x − m_t)``.
"""

from dataclasses import dataclass

import pytest
import torch

from sicore.dynamics import PathDynamics, constant, proportional
from sicore.evaluation import sliced_wasserstein
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import (
    BrownianGamma,
    Interpolant,
    NoGamma,
    QuadraticGamma,
    SineSquaredGamma,
    TwoSidedLinear,
    TwoSidedTrigonometric,
)
from sicore.predictions import (
    PAIR,
    FunctionPrediction,
    Kind,
    Pair,
    Row,
)
from sicore.solvers import RK4, Heun, StochasticHeun, UniformGrid, solve
from sicore.states import Noise

N = 4000
MEANS = torch.tensor([[1.0, -0.5], [-0.5, 1.5]], dtype=torch.float64)
COVARIANCES = torch.tensor(
    [[[0.8, 0.3], [0.3, 0.4]], [[0.5, -0.35], [-0.35, 0.9]]], dtype=torch.float64
)


PATHS = {
    "linear, no noise": TwoSidedLinear(NoGamma()),
    "linear, brownian": TwoSidedLinear(BrownianGamma()),
    "linear, quadratic": TwoSidedLinear(QuadraticGamma()),
    "linear, sine squared": TwoSidedLinear(SineSquaredGamma()),
    "trigonometric, brownian": TwoSidedTrigonometric(BrownianGamma()),
    "trigonometric, quadratic": TwoSidedTrigonometric(QuadraticGamma()),
}
EACH = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())


class _VelocityAndScore(Kind):
    """Both, as two parts: determined everywhere, also where γ = 0."""

    name = "velocity and score"

    def rows(self, p):
        zero = torch.zeros_like(p.beta)
        one = torch.ones_like(p.beta)
        return Row(p.alpha_dot, p.beta_dot, -p.gamma_gamma_dot), Row(zero, zero, one)

    def parts(self, value):
        return tuple(value)


@dataclass(frozen=True)
class Gaussians:
    """The path from the first Gaussian to the second, in closed form."""

    path: Interpolant

    def marginal(self, t):
        p = self.path.at(t)
        weights = torch.stack((p.alpha, p.beta))
        eye = torch.eye(2, dtype=torch.float64)
        covariance = torch.einsum("k,kij->ij", weights**2, COVARIANCES) + p.gamma**2 * eye
        return weights @ MEANS, covariance

    def velocity_and_score(self, t, x):
        p, (mean, covariance) = self.path.at(t), self.marginal(t)
        slopes = torch.stack((p.alpha_dot, p.beta_dot))
        products = torch.stack((p.alpha * p.alpha_dot, p.beta * p.beta_dot))
        half = torch.einsum("k,kij->ij", products, COVARIANCES)
        half = half + p.gamma_gamma_dot * torch.eye(2, dtype=torch.float64)
        white = torch.linalg.solve(covariance, (x - mean).T).T
        return Pair(slopes @ MEANS + white @ half.T, -white)

    def prediction(self):
        return FunctionPrediction(self.velocity_and_score, self.path, _VelocityAndScore())

    def sample(self, t, noise):
        mean, covariance = self.marginal(t)
        z = noise.named("start").normal((2,), torch.float64)
        return mean + z @ torch.linalg.cholesky(covariance).T


def same_moments(x, mean, covariance):
    """Mean and covariance within 4 Monte Carlo standard errors."""
    centred = x - mean
    error = centred.mean(0).abs() / (covariance.diagonal() / len(x)).sqrt()
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    gap = (products.mean(0) - covariance).abs() / (products.std(0) / len(x) ** 0.5)
    assert error.max() < 4 and gap.max() < 4, (error, gap)


@EACH
def test_velocity_and_score_in_closed_form(path):
    """What the library makes of two Gaussians is the formula, ends included."""
    laws = [
        GaussianMixture(torch.ones(1).double(), m[None], c[None])
        for m, c in zip(MEANS, COVARIANCES, strict=True)
    ]
    law, known = ExactPath(path, laws[1], laws[0]), Gaussians(path)
    x = Noise.of(0, 5).normal((2,), torch.float64)
    for t in (0.0, 0.2, 0.5, 0.9, 1.0):
        b, s = known.velocity_and_score(t, x)
        torch.testing.assert_close(law.velocity(t, x), b, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(law.score(t, x), s, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
@pytest.mark.parametrize(
    "gamma", [BrownianGamma(), QuadraticGamma()], ids=["brownian", "quadratic"]
)
def test_one_field_and_every_epsilon(gamma, epsilon, backward):
    """ε is chosen after training, constant up to both ends, in both directions."""
    law, noise = Gaussians(TwoSidedLinear(gamma)), Noise.of(int(backward), N)
    start, end = (1.0, 0.0) if backward else (0.0, 1.0)
    rate = constant(epsilon) if epsilon else None
    dynamics = PathDynamics(law.prediction(), rate, backward=backward)
    times = UniformGrid().times(100, law.path, start, end)
    solver = StochasticHeun() if epsilon else Heun()
    made = solve(dynamics, law.sample(start, noise), times, solver, noise)
    same_moments(made.x, *law.marginal(end))


def test_the_moments_tell_a_wrong_drift():
    """A score that is a tenth too large is seen by the check above."""
    law, noise = Gaussians(TwoSidedLinear(QuadraticGamma())), Noise.of(0, N)

    def wrong(t, x):
        b, s = law.velocity_and_score(t, x)
        return Pair(b, 1.1 * s)

    prediction = FunctionPrediction(wrong, law.path, _VelocityAndScore())
    times = UniformGrid().times(100, law.path)
    made = solve(
        PathDynamics(prediction, constant(2.0)),
        law.sample(0.0, noise),
        times,
        StochasticHeun(),
        noise,
    )
    with pytest.raises(AssertionError):
        same_moments(made.x, *law.marginal(1.0))


@EACH
def test_there_and_back_is_the_identity(path):
    law = Gaussians(path)
    x = law.sample(0.0, Noise.of(0, 50))
    dynamics, times = PathDynamics(law.prediction()), UniformGrid().times(80, path)
    there = solve(dynamics, x, times, RK4()).x
    back = solve(dynamics, there, times.flip(0), RK4()).x
    assert (back - x).abs().max() < 1e-5 and (there - x).abs().max() > 0.1


SPREAD = 0.2  # of each of the eight
ANGLES = 2 * torch.pi * torch.arange(8, dtype=torch.float64) / 8
CENTRES = 2 * torch.stack((ANGLES.cos(), ANGLES.sin()), 1)
SQUARES = torch.tensor([(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0])


def checkerboard(noise):
    """The dark squares of a board of 4 × 4 over [−2, 2]²."""
    square = (8 * noise.uniform()).long()
    return SQUARES[square] - 2 + noise.at(1).uniform((2,))


def eight_gaussians(noise):
    which = (8 * noise.uniform()).long()
    return CENTRES[which] + SPREAD * noise.at(1).normal((2,), torch.float64)


def board_to_ring(path):
    """The exact prediction: given a square and a Gaussian, x0 is a truncated normal on each axis.

    ``w = x − βc − αx0`` is ``N(0, v)``, ``v = β² SPREAD² + γ²``, between two ends; x1 and z follow
    from w.
    """
    edges, columns = torch.arange(-2.0, 3.0, dtype=torch.float64), SQUARES.T

    def value(t, x):
        p = path.at(t)
        v = p.beta**2 * SPREAD**2 + p.gamma**2
        left = (x.unsqueeze(1) - p.beta * CENTRES).unsqueeze(-1)  # (B, 8, 2, 1)
        u = (left - p.alpha * edges) / v.sqrt()
        density = torch.exp(-(u**2) / 2) / (2 * torch.pi) ** 0.5
        mass = -torch.special.ndtr(u).diff().clamp(max=-1e-300)
        mean = v.sqrt() * density.diff() / mass  # of w, (B, 8, 2, 4)
        w = torch.stack([mean[:, :, axis, columns[axis]] for axis in (0, 1)], -1)
        share = mass[:, :, 0, columns[0]].log() + mass[:, :, 1, columns[1]].log()
        share = torch.softmax(share.flatten(1), 1).view(-1, 8, 8, 1)
        mean_w = (share * w).sum((1, 2))
        mean_centre = (share.sum(2) * CENTRES).sum(1)
        x0 = (x - p.beta * mean_centre - mean_w) / p.alpha
        x1 = mean_centre + p.beta * SPREAD**2 / v * mean_w
        return Pair(p.alpha_dot * x0 + p.beta_dot * x1, p.gamma / v * mean_w)

    return FunctionPrediction(value, path, PAIR)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("epsilon", [0.0, 0.5], ids=["ode", "sde"])
def test_a_base_that_is_not_gaussian(epsilon, backward):
    """From the board to the ring and back, as near as two exact samples are to each other."""
    path, n = TwoSidedLinear(BrownianGamma()), 2000

    def exact(t, noise):
        board, ring = checkerboard(noise.named("board")), eight_gaussians(noise.named("ring"))
        z = noise.named("z").normal((2,), torch.float64)
        return path.sample(board, ring, torch.tensor(t).double(), z).x_t

    start, end = (0.98, 0.02) if backward else (0.02, 0.98)
    noise = Noise.of(0, n)
    x, target, again = exact(start, noise), exact(end, Noise.of(1, n)), exact(end, Noise.of(2, n))
    rate = proportional(epsilon, path) if epsilon else None
    dynamics = PathDynamics(board_to_ring(path), rate, backward=backward)
    times = UniformGrid().times(50, path, start, end)
    made = solve(dynamics, x, times, StochasticHeun() if epsilon else Heun(), noise).x
    distance = {
        name: sliced_wasserstein(y, target)
        for name, y in (("start", x), ("made", made), ("floor", again))
    }
    print(distance)
    assert 2 * distance["made"] < distance["start"] and distance["made"] < 1.5 * distance["floor"]
