"""Error regression against exact answers: the posterior of a linear-Gaussian state space."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.generators.error_regression import free_energy, slide, smooth


@dataclass(frozen=True)
class StateSpace:
    """``z_1 ~ N(0, I)``, ``z_t = z_{t−1} A + N(0, Q)``, ``x_t = z_t H + N(0, R)``."""

    a: Tensor
    q: Tensor
    h: Tensor
    r: Tensor

    @property
    def latent(self) -> int:
        return len(self.a)

    def prior(self, z: Tensor) -> Normal:
        first = torch.ones_like(z[:, :1])
        mean = torch.cat((0 * first, z[:, :-1] @ self.a), 1)
        return Normal(mean, torch.cat((first, self.q.sqrt().expand_as(z[:, 1:])), 1))

    def surprise(self, x: Tensor, z: Tensor) -> Tensor:
        seen = ~x.isnan()
        return torch.where(seen, (x.nan_to_num() - z @ self.h) ** 2 / (2 * self.r), 0.0).sum((1, 2))

    def posterior(self, x: Tensor, w: float = 1.0) -> tuple[Tensor, Tensor]:
        """Mean ``(T, d)`` and precision ``(T d, T d)`` of z given one x, by dense algebra."""
        length, d = len(x), self.latent
        step = torch.eye(length * d, dtype=x.dtype)
        for t in range(1, length):
            step[t * d : (t + 1) * d, (t - 1) * d : t * d] = -self.a.T
        scale = torch.cat((torch.ones(d, dtype=x.dtype), self.q.repeat(length - 1)))
        read = torch.block_diag(*[self.h.T] * length)
        seen = ~x.flatten().isnan()
        noise = w * self.r.repeat(length)
        weights = read[seen].T / noise[seen]
        precision = step.T @ (step / scale.unsqueeze(1)) + weights @ read[seen]
        mean = torch.linalg.solve(precision, weights @ x.flatten()[seen])
        return mean.view(length, d), precision

    def draw(self, length: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(1, length, self.latent, generator=generator, dtype=torch.float64)
        for t in range(1, length):
            z[:, t] = z[:, t - 1] @ self.a + self.q.sqrt() * z[:, t]
        ones = torch.randn(1, length, len(self.r), generator=generator, dtype=torch.float64)
        return z @ self.h + self.r.sqrt() * ones


@pytest.fixture
def model() -> StateSpace:
    """A damped rotation that is seen in one direction."""
    numbers = ([[0.9, 0.4], [-0.4, 0.9]], [0.3, 0.2], [[1.0], [0.3]], [0.5])
    return StateSpace(*(torch.tensor(n, dtype=torch.float64) for n in numbers))


def close(found: Tensor, truth: Tensor, tolerance: float) -> bool:
    return float((found - truth).abs().max()) < tolerance


@pytest.mark.parametrize("w", [1.0, 0.2, 5.0])
def test_the_means_are_those_of_the_smoother(model, w):
    x = torch.cat((model.draw(15, 0), model.draw(15, 1)))
    law = smooth(model, x, Noise.of(0, 2), w=w, pairs=2)
    for k in range(2):
        assert close(law.mean[k], model.posterior(x[k], w)[0], 1e-5)


def test_what_is_not_observed_is_filled_and_foretold(model):
    x = model.draw(15, 2)
    x[:, 4:8], x[:, 12:] = torch.nan, torch.nan
    law = smooth(model, x, Noise.of(0, 1), pairs=2)
    assert close(law.mean[0], model.posterior(x[0])[0], 1e-5)
    ahead = law.mean[0, 11] @ model.a
    assert close(law.mean[0, 12], ahead, 1e-5)  # nothing was seen later: the prior's way


def test_the_deviations_are_those_of_the_mean_field(model):
    x = model.draw(6, 3)
    pairs = 600
    law = smooth(model, x, Noise.of(1, 1), pairs=pairs, iterations=30)
    exact = model.posterior(x[0])[1].diagonal().rsqrt().view(6, 2)
    error = (law.stddev[0] / exact - 1).abs().max()
    assert float(error) < 5 / (2 * pairs) ** 0.5  # s² is an average of ε² over pairs


def test_free_energy_bounds_the_evidence_with_the_mean_field_gap(model):
    x = model.draw(5, 4)
    truth, precision = model.posterior(x[0])
    std = precision.diagonal().rsqrt().view(1, 5, 2)
    normals = Noise.of(2, 1).normal((4000, 5, 2), torch.float64)
    found = float(free_energy(model, x, truth.unsqueeze(0), std, 1.0, normals)[0])
    # E_q −log p(x|z) + KL(q ‖ p) = −log evidence + KL(q ‖ posterior), with −log p(x|z) up to
    # log √(2πR): the evidence from the dense law of x, the gap from two Gaussians of equal mean.
    read = torch.block_diag(*[model.h.T] * 5)
    none = torch.full_like(x[0], torch.nan)
    covariance = read @ torch.linalg.inv(model.posterior(none)[1]) @ read.T
    covariance += torch.diag(model.r.repeat(5))
    evidence = torch.distributions.MultivariateNormal(torch.zeros(5).double(), covariance)
    constant = 5 * 0.5 * float(torch.log(2 * torch.pi * model.r))
    gap = 0.5 * float(precision.diagonal().log().sum() - torch.logdet(precision))
    expected = -float(evidence.log_prob(x.flatten())) - constant + gap
    assert abs(found - expected) < 0.1  # 5 standard errors of 4000 pairs


def test_a_long_window_filters_and_then_smooths(model):
    x = model.draw(12, 5)
    found = slide(model, x, Noise.of(0, 1), window=12, pairs=2)
    filtered = torch.stack([model.posterior(x[0, : t + 1])[0][-1] for t in range(12)])
    assert close(found.filtered[0], filtered, 1e-4)
    assert close(found.law.mean[0], model.posterior(x[0])[0], 1e-4)


def test_the_window_decides_how_close_the_filter_is(model):
    x = model.draw(25, 6)
    filtered = torch.stack([model.posterior(x[0, : t + 1])[0][-1] for t in range(25)])
    errors = []
    for window in (1, 3, 9):
        found = slide(model, x, Noise.of(0, 1), window=window, pairs=2, iterations=25)
        errors.append(float((found.filtered[0] - filtered).square().mean().sqrt()))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.01


def test_what_left_the_window_stays(model):
    x = model.draw(10, 7)
    short = slide(model, x[:, :8], Noise.of(0, 1), window=3, pairs=2)
    long = slide(model, x, Noise.of(0, 1), window=3, pairs=2)
    assert torch.equal(short.law.mean[:, :5], long.law.mean[:, :5])
    assert not torch.equal(short.law.mean[:, 7], long.law.mean[:, 7])


def test_a_meta_prior_and_a_window_are_positive(model):
    x = model.draw(4, 8)
    with pytest.raises(InputError, match="above 0"):
        smooth(model, x, Noise.of(0, 1), w=0.0)
    with pytest.raises(InputError, match="window >= 1"):
        slide(model, x, Noise.of(0, 1), window=0)
