"""Posterior samplers beside exact posteriors."""

import math

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.evaluation import sliced_wasserstein
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VP, Linear, Trigonometric, TwoSidedLinear
from sicore.inverse import MMPS, Inpaint, LinearFunction, Measurement, PiGDM, Replacement
from sicore.predictions import DATA, NOISE, SCORE, VELOCITY, FunctionPrediction, V
from sicore.solvers import Heun, Midpoint, UniformGrid, solve
from sicore.states import Noise, TensorSpace

METHODS = pytest.mark.parametrize(
    "method", [PiGDM(), MMPS(), Replacement()], ids=["pigdm", "mmps", "replacement"]
)


def posterior_samples(
    law, method, matrix, y, noise_std, index, steps=50, solver=None, kind=VELOCITY
):
    """Samples of the posterior by a method; every sample has the same measurement."""
    path, noise = law.interpolant, Noise(0, index)
    operator = LinearFunction(lambda x: x @ matrix.T, (law.target.dimension,))
    measurement = Measurement(operator, y.expand(len(index), -1), noise_std)
    prediction, callbacks = method.attach(law.prediction(VELOCITY), measurement)
    x = path.prior(noise, TensorSpace((law.target.dimension,)), torch.float64)
    times = UniformGrid().times(steps, path)
    return solve(PathDynamics(prediction), x, times, Midpoint(), noise, callbacks)


def standard(d):
    eye = torch.eye(d, dtype=torch.float64)
    return GaussianMixture(torch.ones(1).double(), torch.zeros(1, d).double(), eye[None])


def ring():
    """Eight modes on a circle, standardised."""
    angle = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
    means = math.sqrt(2) * torch.stack((angle.cos(), angle.sin()), 1)
    return GaussianMixture(
        torch.ones(8).double(), means, 0.02 * torch.eye(2).double().expand(8, 2, 2)
    )


MATRIX = Noise.of(5, 2).normal((3,), torch.float64)
Y = torch.tensor([0.8, -0.6], dtype=torch.float64)


@pytest.mark.parametrize("path", [Linear(), Trigonometric(), VP()], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("noise_std", [0.05, 0.5])
def test_pigdm_is_exact_for_standard_normal_data(path, noise_std):
    n = 2000
    law = ExactPath(path, standard(3))
    made = posterior_samples(law, PiGDM(), MATRIX, Y, noise_std, torch.arange(n), steps=100)
    right = law.target.posterior(MATRIX, Y, noise_std)
    centred = made.x - right.mean
    error = centred.mean(0).abs() / (right.covariance.diagonal() / n).sqrt()
    assert error.max() < 4
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    error = (products.mean(0) - right.covariance).abs() / (products.std(0) / n**0.5)
    assert error.max() < 4


@pytest.mark.parametrize("path", [Linear(), Trigonometric(), VP()], ids=lambda p: type(p).__name__)
def test_mmps_is_exact_for_correlated_normal_data(path):
    """The system for u is exact for any Gaussian, where ΠGDM's is not."""
    n, shape = 2000, torch.tensor([[2.0, 0.9, 0.0], [0.9, 0.7, 0.2], [0.0, 0.2, 0.3]]).double()
    target = GaussianMixture(torch.ones(1).double(), torch.zeros(1, 3).double(), shape[None])
    law, right = ExactPath(path, target), target.posterior(MATRIX, Y, 0.2)

    def errors(method):
        made = posterior_samples(law, method, MATRIX, Y, 0.2, torch.arange(n), steps=100)
        centred = made.x - right.mean
        products = centred.unsqueeze(2) * centred.unsqueeze(1)
        error = (products.mean(0) - right.covariance).abs() / (products.std(0) / n**0.5)
        mean = centred.mean(0).abs() / (right.covariance.diagonal() / n).sqrt()
        return max(error.max(), mean.max())

    assert errors(MMPS(iterations=3)) < 4.5 < errors(PiGDM())


def test_mmps_wants_an_iteration():
    with pytest.raises(InputError, match="iterations"):
        MMPS(iterations=0)


def test_pigdm_without_noise_hits_the_measurement():
    law = ExactPath(Linear(), standard(3))
    made = posterior_samples(law, PiGDM(), MATRIX, Y, 0.0, torch.arange(500), steps=100)
    torch.testing.assert_close(made.x @ MATRIX.T, Y.expand(500, 2), rtol=0, atol=0.02)
    right = law.target.posterior(MATRIX, Y, 0.0)
    spread = right.covariance.diagonal().sqrt()
    assert bool(((made.x.mean(0) - right.mean).abs() < 4.5 * spread / 500**0.5 + 0.01).all())


@pytest.mark.parametrize("path", [Linear(), Trigonometric(), EDM()], ids=lambda p: type(p).__name__)
def test_pigdm_is_finite_at_the_data_without_noise(path):
    """At t = 1 the correction has a finite limit, ``A⁺(y − A x)``; solvers such as Heun look."""
    law = ExactPath(path, standard(4))

    def velocity(t, x):
        return law.velocity(t, x.flatten(1)).reshape(x.shape)

    operator = Inpaint(torch.tensor([[True, False], [False, True]]))
    y = operator(torch.ones(3, 1, 2, 2, dtype=torch.float64))
    prediction, _ = PiGDM().attach(
        FunctionPrediction(velocity, path, VELOCITY), Measurement(operator, y)
    )
    x = path.prior(Noise.of(0, 3), TensorSpace((1, 2, 2)), torch.float64)
    made = solve(PathDynamics(prediction), x, UniformGrid().times(20, path), Heun())
    assert made.status.tolist() == [0, 0, 0]
    end = prediction(torch.tensor(1.0, dtype=torch.float64), x)
    torch.testing.assert_close(end, x + operator.pseudoinverse(y - operator(x)))


def test_pigdm_at_pure_noise_is_the_posterior_mean():
    """At t = 0, where β = 0, the denoiser is the posterior mean of N(0, I), as it is near by."""
    law = ExactPath(Linear(), standard(3))
    operator = LinearFunction(lambda x: x @ MATRIX.T, (3,))
    measurement = Measurement(operator, Y.expand(4, 2), 0.3)
    prediction, _ = PiGDM().attach(law.prediction(VELOCITY), measurement)
    x = Noise.of(0, 4).normal((3,), torch.float64)
    right = law.target.posterior(MATRIX, Y, 0.3).mean.expand(4, 3)
    at_start = prediction(torch.tensor(0.0, dtype=torch.float64), x)
    torch.testing.assert_close(at_start, right)
    near = prediction(torch.tensor(1e-6, dtype=torch.float64), x)
    torch.testing.assert_close(near, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [VELOCITY, SCORE, NOISE, DATA, V], ids=lambda k: k.name)
def test_pigdm_takes_every_kind(kind, exact):
    law, x = exact(VP()), Noise.of(0, 4).normal((2,), torch.float64)
    operator = LinearFunction(lambda v: v[:, :1], (2,))
    measurement = Measurement(operator, torch.ones(4, 1).double(), 0.1)
    t = torch.tensor(0.6, dtype=torch.float64)
    made, _ = PiGDM().attach(law.prediction(kind), measurement)
    reference, _ = PiGDM().attach(law.prediction(DATA), measurement)
    assert made.kind is DATA and made.calls == 1
    torch.testing.assert_close(made(t, x), reference(t, x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("correlation", [0.9, -0.9])
def test_pigdm_beats_replacement_and_the_prior_on_a_mixture(correlation):
    """Two correlated modes, of which one coordinate is seen: the other has to follow it."""
    means = 0.5 * torch.tensor([[-1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    shape = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    target = GaussianMixture(torch.ones(2).double(), means, 0.75 * shape.expand(2, 2, 2))
    law, n = ExactPath(Linear(), target), 1000
    matrix, y = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([2.0]).double()
    right = target.posterior(matrix, y, 0.1).sample(Noise.of(1, n))
    pigdm, replacement = (
        sliced_wasserstein(
            posterior_samples(law, method, matrix, y, 0.1, torch.arange(n)).x, right, order=1
        )
        for method in (PiGDM(), Replacement())
    )
    prior = sliced_wasserstein(target.sample(Noise.of(2, n)), right, order=1)
    assert pigdm < 0.6 * replacement < replacement < prior


@METHODS
def test_a_sample_does_not_depend_on_its_neighbours(method):
    law = ExactPath(Linear(), ring())
    matrix, y = torch.tensor([[1.0, 0.3]]).double(), torch.tensor([0.9]).double()

    def made(index):
        return posterior_samples(law, method, matrix, y, 0.1, index, steps=10).x

    whole, order = made(torch.arange(14)), torch.randperm(14)
    parts = [made(torch.arange(i, i + 7)) for i in (0, 7)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(made(torch.tensor([3])), whole[3:4], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(made(order), whole[order], rtol=1e-9, atol=1e-9)


@METHODS
def test_every_sample_has_its_own_measurement(method):
    """Measurements of one batch may differ; each sample follows its own."""
    law, noise = ExactPath(Linear(), standard(2)), Noise.of(0, 40)
    operator = LinearFunction(lambda x: x[:, :1], (2,))
    y = torch.linspace(-2, 2, 40, dtype=torch.float64).unsqueeze(1)
    prediction, callbacks = method.attach(law.prediction(VELOCITY), Measurement(operator, y, 0.05))
    x = Linear().prior(noise, TensorSpace((2,)), torch.float64)
    times = UniformGrid().times(50, Linear())
    made = solve(PathDynamics(prediction), x, times, Midpoint(), noise, callbacks).x
    assert (made[:, :1] - y).abs().max() < 0.3


@pytest.mark.parametrize("path", [Linear(), VP(), EDM()], ids=lambda p: type(p).__name__)
def test_replacement_keeps_the_measured_part(path):
    law = ExactPath(path, ring())
    matrix, y = torch.tensor([[1.0, 0.3]]).double(), torch.tensor([0.9]).double()
    made = posterior_samples(law, Replacement(), matrix, y, 0.0, torch.arange(20), steps=20).x
    torch.testing.assert_close(made @ matrix.T, y.expand(20, 1), rtol=1e-10, atol=1e-10)


def test_replacement_follows_the_noised_measurement_on_the_way():
    """After each step to s the measured part has mean β_s y and deviation γ_s."""
    law, n, seen = ExactPath(Linear(), ring()), 3000, []
    noise = Noise.of(0, n)
    operator = LinearFunction(lambda x: x[:, :1], (2,))
    measurement = Measurement(operator, torch.full((n, 1), 1.4, dtype=torch.float64))
    prediction, (callback,) = Replacement().attach(law.prediction(VELOCITY), measurement)
    x = Linear().prior(noise, TensorSpace((2,)), torch.float64)
    watch = lambda step: seen.append((float(step.s), step.x[:, 0]))  # noqa: E731
    times = UniformGrid().times(4, Linear())
    solve(PathDynamics(prediction), x, times, Midpoint(), noise, (callback, watch))
    for s, measured in seen[:-1]:
        assert abs(measured.mean() - 1.4 * s) < 4.5 * (1 - s) / n**0.5
        assert abs(measured.std() / (1 - s) - 1) < 4.5 / (2 * n) ** 0.5


def test_gradients_do_not_leak():
    law = ExactPath(Linear(), ring())
    made = posterior_samples(
        law, PiGDM(), torch.eye(2).double()[:1], torch.ones(1).double(), 0.1, torch.arange(2), 3
    )
    assert not made.x.requires_grad
    with torch.no_grad():  # as Model.restore calls it
        again = posterior_samples(
            law, PiGDM(), torch.eye(2).double()[:1], torch.ones(1).double(), 0.1, torch.arange(2), 3
        )
    assert torch.equal(made.x, again.x)


@METHODS
def test_two_sided_paths_are_refused(method, exact):
    measurement = Measurement(LinearFunction(lambda x: x, (2,)), torch.ones(1, 2))
    with pytest.raises(InputError, match="needs a one-sided path"):
        method.attach(exact(TwoSidedLinear()).prediction(VELOCITY), measurement)


def test_trees_are_refused():
    prediction = FunctionPrediction(lambda t, x: x, Linear(), VELOCITY)
    measurement = Measurement(LinearFunction(lambda x: x, (2,)), torch.ones(1, 2))
    made, _ = PiGDM().attach(prediction, measurement)
    with pytest.raises(InputError, match="posterior: the operators act on tensors"):
        made(torch.tensor(0.5), {"a": torch.ones(1, 2)})


@pytest.mark.parametrize("noise_std", [-0.1, float("nan")])
def test_noise_is_not_negative(noise_std):
    with pytest.raises(InputError, match="noise_std: expected a number >= 0"):
        Measurement(LinearFunction(lambda x: x, (2,)), torch.ones(1, 2), noise_std)
