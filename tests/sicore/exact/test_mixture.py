"""Gaussian mixtures against scipy, samples and brute force."""

import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore.exact import GaussianMixture
from sicore.states import Noise


def reference_log_prob(law, x):
    total = sum(
        float(w) * stats.multivariate_normal(m.numpy(), c.numpy()).pdf(x.numpy())
        for w, m, c in zip(law.weights, law.means, law.covariances, strict=True)
    )
    return torch.as_tensor(total).log()


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_log_prob(mixture, dimension):
    law = mixture(dimension)
    x = 2 * Noise.of(0, 20).normal((dimension,), torch.float64)
    torch.testing.assert_close(law.log_prob(x), reference_log_prob(law, x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dimension", [1, 2, 16])
def test_samples_have_the_moments(mixture, dimension):
    law, n = mixture(dimension), 20_000
    x = law.sample(Noise.of(0, n))
    centred = x - law.mean
    error = (x.mean(0) - law.mean) / (law.covariance.diagonal() / n).sqrt()
    assert error.abs().max() < 4.5
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    error = (products.mean(0) - law.covariance) / (products.std(0) / n**0.5)
    assert error.abs().max() < 4.5


def test_samples_follow_the_law_and_not_only_its_moments(mixture):
    law = mixture(1)
    x = law.sample(Noise.of(0, 20_000)).squeeze(1).numpy()
    means, deviations = law.means.squeeze(1), law.covariances.flatten().sqrt()

    def distribution(values):
        value = torch.as_tensor(values).unsqueeze(-1)
        return (law.weights * torch.special.ndtr((value - means) / deviations)).sum(-1).numpy()

    assert stats.kstest(x, distribution).pvalue > 1e-3


def test_a_sample_does_not_depend_on_its_batch(mixture):
    law, noise = mixture(3), Noise.of(0, 64)
    alone = torch.cat([law.sample(noise.take(slice(i, i + 7))) for i in range(0, 64, 7)])
    torch.testing.assert_close(alone, law.sample(noise), rtol=0, atol=1e-14)


def test_samples_of_a_point_mass():
    points = GaussianMixture(torch.ones(2), torch.tensor([[-1.0], [1.0]]), torch.zeros(2, 1, 1))
    assert set(points.sample(Noise.of(0, 100)).flatten().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("noise_std", [0.0, 0.3])
def test_posterior_by_quadrature(mixture, noise_std):
    """In two dimensions: moments of prior × likelihood on a grid, or along a line if exact."""
    law = mixture(2)
    matrix, y = torch.tensor([[0.8, -0.5]]).double(), torch.tensor([0.4]).double()
    if noise_std:
        axis = torch.linspace(-9, 9, 1201, dtype=torch.float64)
        x = torch.cartesian_prod(axis, axis)
        residual = (y - x @ matrix.T).squeeze(1)
        log_weight = law.log_prob(x) - 0.5 * (residual / noise_std) ** 2
    else:  # the line A x = y
        along = torch.tensor([[0.5, 0.8]]).double()
        s = torch.linspace(-15, 15, 200_001, dtype=torch.float64).unsqueeze(1)
        x = matrix * y / matrix.square().sum() + s * along
        log_weight = law.log_prob(x)
    weight = torch.softmax(log_weight, 0)
    mean = weight @ x
    covariance = (weight.unsqueeze(1) * (x - mean)).T @ (x - mean)
    posterior = law.posterior(matrix, y, noise_std)
    torch.testing.assert_close(posterior.mean, mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(posterior.covariance, covariance, rtol=1e-6, atol=1e-6)


def test_posterior_satisfies_bayes_rule_pointwise(mixture):
    law, n = mixture(5), 3
    matrix = Noise.of(4, n).normal((5,), torch.float64)
    y, noise_std = Noise.of(5, n).normal((), torch.float64), 0.7
    posterior = law.posterior(matrix, y, noise_std)
    x = Noise.of(6, 10).normal((5,), torch.float64)
    residual = (y - x @ matrix.T) / noise_std
    gap = law.log_prob(x) - 0.5 * residual.square().sum(1) - posterior.log_prob(x)
    torch.testing.assert_close(gap, gap[:1].expand(10), rtol=1e-9, atol=1e-9)


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"expected shapes \(K,\), \(K, d\), \(K, d, d\)"):
        GaussianMixture(torch.ones(2), torch.zeros(3, 2), torch.eye(2).expand(3, 2, 2))


def test_weights_are_normalised():
    law = GaussianMixture(torch.tensor([1.0, 3.0]), torch.zeros(2, 1), torch.ones(2, 1, 1))
    assert law.weights.tolist() == [0.25, 0.75]
