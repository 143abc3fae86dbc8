"""Gaussian processes, autoregressions, state spaces: one law, found in several ways."""

import math

import pytest
import torch

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.exact import (
    GaussianLaw,
    GaussianProcess,
    Matern32,
    Matern52,
    OrnsteinUhlenbeck,
    Periodic,
    SquaredExponential,
    StateSpaceModel,
    VectorAutoregression,
)

F64 = torch.float64
KERNELS = [
    OrnsteinUhlenbeck(0.3, 2.0),
    Matern32(0.3, 2.0),
    Matern52(0.3, 2.0),
    SquaredExponential(0.3, 2.0),
    Periodic(0.8, 2.0, period=0.5),
]


def within(samples, mean, covariance, sigmas=5.0):
    """Sample mean and covariance within their own Monte Carlo errors."""
    x = samples.flatten(1)
    n, m = len(x), mean.flatten()
    spread = covariance.diagonal()
    assert bool(((x.mean(0) - m).abs() <= sigmas * (spread / n).sqrt() + 1e-9).all())
    error = (torch.cov(x.mT) - covariance).abs()
    assert bool(
        (error <= sigmas * ((covariance**2 + spread.outer(spread)) / n).sqrt() + 1e-9).all()
    )


@pytest.fixture
def times():
    return torch.tensor([0.0, 0.11, 0.2, 0.47, 0.5, 0.83, 1.0], dtype=F64)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_samples_have_the_law(kernel, times):
    process = GaussianProcess(kernel, torch.tensor([[1.0, 0.6], [0.6, 0.5]], dtype=F64), mean=3.0)
    law = process.law(times)
    assert law.mean.shape == (7, 2) and float(law.covariance[0, 0]) == 2.0
    assert float(torch.linalg.eigvalsh(law.covariance).min()) > -1e-10
    within(process.sample(Noise.of(0, 20_000), times), law.mean, law.covariance)


@pytest.mark.parametrize(
    ("kernel", "derivatives"),
    list(zip(KERNELS[:3], (0, 1, 2), strict=True)),
    ids=("12", "32", "52"),
)
def test_matern_kernels_have_their_smoothness(kernel, derivatives):
    """The spectrum falls as ω^−2(ν + 1/2): with the exponents 2, 4 and 6."""
    t = torch.linspace(0, 40, 2**18 + 1, dtype=F64)
    values = kernel(t)
    spectrum = [float(torch.trapezoid(values * (w * t).cos(), t)) for w in (60.0, 120.0)]
    slope = math.log(spectrum[0] / spectrum[1]) / math.log(2)
    assert abs(slope - 2 * (derivatives + 1)) < 0.15


def test_the_periodic_kernel_repeats():
    kernel = Periodic(0.8, 2.0, period=0.5)
    r = torch.rand(50, dtype=F64)
    torch.testing.assert_close(kernel(r), kernel(r + 1.5))
    assert float(kernel(torch.tensor(0.25, dtype=F64))) < 0.1


def test_the_ou_process_is_its_equation(times):
    """Simulated step by step from ``dX = −X/ℓ dt + √(2v/ℓ) dW``, with the exact transition."""
    length, variance = 0.3, 2.0
    z = Noise.of(1, 40_000).normal((7,), F64)
    x = [math.sqrt(variance) * z[:, 0]]
    for k, step in enumerate(times.diff().tolist()):
        decay = math.exp(-step / length)
        x.append(decay * x[-1] + math.sqrt(variance * (1 - decay**2)) * z[:, k + 1])
    law = GaussianProcess(OrnsteinUhlenbeck(length, variance)).law(times)
    within(torch.stack(x, 1), law.mean, law.covariance)


def test_samples_at_their_own_moments(times):
    process = GaussianProcess(Matern32(0.3))
    noise = Noise.of(0, 3)
    own = torch.stack((times, 2 * times, times**2))
    x = process.sample(noise, own)
    torch.testing.assert_close(x[1:2], process.sample(noise.take(slice(1, 2)), own[1]))


@pytest.fixture
def law():
    g = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=g, dtype=F64)
    return GaussianLaw(torch.randn(3, 2, generator=g, dtype=F64), root @ root.mT)


def patterns(n):
    """Windows of which each hides other entries; one hides all, one nothing."""
    x = torch.randn(n, 3, 2, generator=torch.Generator().manual_seed(1), dtype=F64)
    hidden = torch.rand(n, 3, 2, generator=torch.Generator().manual_seed(2)) < 0.5
    hidden[0], hidden[1] = True, False
    return x.masked_fill(hidden, torch.nan), x


def test_conditionals_are_schur_complements_of_the_precision(law):
    """With P = K⁻¹ the hidden part has precision P_hh, mean ``m − P_hh⁻¹ P_hs (x_s − m_s)``."""
    observed, _ = patterns(20)
    means, covariances = law.conditional(observed)
    precision = torch.linalg.inv(law.covariance)
    m = law.mean.flatten()
    for k in range(len(observed)):
        row = observed[k].flatten()
        h = row.isnan()
        s = ~h
        inverse = torch.linalg.inv(precision[h][:, h])
        expected = m[h] - inverse @ precision[h][:, s] @ (row[s] - m[s])
        torch.testing.assert_close(means[k].flatten()[h], expected)
        torch.testing.assert_close(means[k].flatten()[s], row[s])
        torch.testing.assert_close(covariances[k][h][:, h], inverse)
        assert float(covariances[k][s].abs().sum()) == 0


def test_density_is_a_product_of_conditionals(law):
    observed, _ = patterns(20)
    rest = law.sample(Noise.of(3, 20))
    whole = torch.where(observed.isnan(), rest, observed)
    means, covariances = law.conditional(observed)
    gained = law.log_prob(whole) - law.log_prob(observed)
    for k in range(20):
        h = observed[k].flatten().isnan()
        if h.any():
            part = torch.distributions.MultivariateNormal(
                means[k].flatten()[h], covariances[k][h][:, h]
            )
            torch.testing.assert_close(gained[k], part.log_prob(whole[k].flatten()[h]))
    reference = torch.distributions.MultivariateNormal(law.mean.flatten(), law.covariance)
    torch.testing.assert_close(law.log_prob(whole), reference.log_prob(whole.flatten(1)))


def test_conditional_samples_have_the_conditional_law(law):
    observed, _ = patterns(3)
    for row in observed:
        many = row.expand(20_000, -1, -1)
        means, covariances = law.conditional(row.unsqueeze(0))
        within(law.sample_given(many, Noise.of(5, 20_000)), means[0], covariances[0])


def test_joint_samples_given_their_own_part_have_the_joint_law(law):
    x = law.sample(Noise.of(7, 20_000))
    hidden = torch.tensor([[True, False], [True, True], [False, True]])
    again = law.sample_given(x.masked_fill(hidden, torch.nan), Noise.of(8, 20_000))
    assert torch.equal(again[:, ~hidden], x[:, ~hidden])
    within(again, law.mean, law.covariance)


def test_a_nearly_singular_process_is_conditioned_too():
    """A smooth process at 24 points, every second one seen: hidden ones are known to 10⁻⁴."""
    times = torch.linspace(0, 1, 24, dtype=F64)
    process = GaussianProcess(SquaredExponential(0.3)).law(times)
    x = process.sample(Noise.of(0, 5))
    observed = x.clone()
    observed[:, 1:-1:2] = torch.nan
    means, covariances = process.conditional(observed)
    assert float((means - x).abs().max()) < 1e-4
    assert float(covariances.diagonal(dim1=1, dim2=2).max()) < 1e-8


@pytest.fixture
def autoregression():
    a = torch.tensor([[0.6, 0.3], [-0.4, 0.5]], dtype=F64)
    return VectorAutoregression(a, torch.tensor([[1.0, 0.3], [0.3, 0.5]], dtype=F64))


def test_the_stationary_law_stays(autoregression):
    a, q = autoregression.matrix, autoregression.covariance
    sigma = autoregression.stationary
    torch.testing.assert_close(a @ sigma @ a.mT + q, sigma)
    scalar = VectorAutoregression.scalar(0.8, 0.5)
    assert math.isclose(float(scalar.stationary), 0.25 / (1 - 0.64))
    assert math.isclose(float(scalar.autocovariance(3)), 0.8**3 * 0.25 / (1 - 0.64))


def test_autoregressive_samples_have_the_law(autoregression):
    x = autoregression.sample(Noise.of(0, 20_000), 5)
    law = autoregression.law(5)
    within(x, law.mean, law.covariance)
    lagged = torch.einsum("nc,nd->cd", x[:, 4], x[:, 1]) / len(x)
    assert float((lagged - autoregression.autocovariance(3)).abs().max()) < 5 * 3 / 20_000**0.5


def test_forecasts_are_conditionals_of_the_law(autoregression):
    x = autoregression.sample(Noise.of(0, 4), 7)
    x[:, 3:] = torch.nan
    means, covariances = autoregression.law(7).conditional(x)
    mean, covariance = autoregression.forecast(x[:, 2], 4)
    torch.testing.assert_close(means[:, 3:], mean)
    blocks = covariances[0].reshape(7, 2, 7, 2)
    torch.testing.assert_close(torch.stack([blocks[t, :, t] for t in range(3, 7)]), covariance)


@pytest.fixture
def model():
    """Position and speed, seen through two noisy channels."""
    return StateSpaceModel(
        transition=torch.tensor([[1.0, 0.2], [-0.1, 0.9]], dtype=F64),
        process=torch.tensor([[0.02, 0.01], [0.01, 0.1]], dtype=F64),
        observation=torch.tensor([[1.0, 0.0], [0.5, 1.0]], dtype=F64),
        measurement=torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=F64),
        mean=torch.tensor([1.0, -0.5], dtype=F64),
        covariance=torch.tensor([[0.5, 0.1], [0.1, 0.4]], dtype=F64),
    )


@pytest.fixture
def measured(model):
    y = model.sample(Noise.of(0, 6), 8)
    hidden = torch.rand(y.shape, generator=torch.Generator().manual_seed(0)) < 0.4
    hidden[0], hidden[1, 3:5] = False, True
    return y.masked_fill(hidden, torch.nan)


def test_the_likelihood_of_the_filter_is_that_of_the_law(model, measured):
    torch.testing.assert_close(
        model.filter(measured).log_likelihood, model.law(8).log_prob(measured)
    )


def test_the_smoother_is_the_conditional_of_states(model, measured):
    """Of the joint law of states and observations, written as a state space with H = (I; H)."""
    both = StateSpaceModel(
        model.transition,
        model.process,
        torch.cat((torch.eye(2, dtype=F64), model.observation)),
        torch.block_diag(torch.zeros(2, 2, dtype=F64), model.measurement),
        model.mean,
        model.covariance,
    )
    unseen = torch.full((6, 8, 2), torch.nan, dtype=F64)
    means, covariances = both.law(8).conditional(torch.cat((unseen, measured), -1))
    states = model.smooth(measured)
    torch.testing.assert_close(states.mean, means[..., :2])
    blocks = covariances.reshape(6, 8, 4, 8, 4)
    expected = torch.stack([blocks[:, t, :2, t, :2] for t in range(8)], 1)
    torch.testing.assert_close(states.covariance, expected)


def test_forecasts_of_a_state_space_are_conditionals(model, measured):
    found = model.forecast(measured, 3)
    ahead = torch.full((6, 3, 2), torch.nan, dtype=F64)
    means, covariances = model.law(11).conditional(torch.cat((measured, ahead), 1))
    torch.testing.assert_close(found.mean, means[:, 8:])
    blocks = covariances.reshape(6, 11, 2, 11, 2)
    expected = torch.stack([blocks[:, t, :, t] for t in range(8, 11)], 1)
    torch.testing.assert_close(found.covariance, expected)


def test_a_filter_of_a_window_does_not_depend_on_others(model, measured):
    alone = model.filter(measured[2:3])
    whole = model.filter(measured)
    torch.testing.assert_close(alone.updated.mean[0], whole.updated.mean[2])
    assert bool(whole.log_likelihood.isfinite().all())


def test_what_has_no_law():
    eye = torch.eye(2, dtype=F64)
    with pytest.raises(InputError, match="below 1"):
        VectorAutoregression(eye, eye)
    with pytest.raises(InputError, match="covariance"):
        GaussianLaw(torch.zeros(3, 2), torch.eye(5))
    with pytest.raises(InputError, match="length"):
        OrnsteinUhlenbeck(0.0)
    with pytest.raises(InputError, match="expected windows"):
        GaussianLaw(torch.zeros(3, 2), torch.eye(6)).conditional(torch.zeros(1, 2, 3))
    with pytest.raises(InputError, match="process of shape"):
        StateSpaceModel(eye, torch.eye(3), eye, eye, torch.zeros(2), eye)
