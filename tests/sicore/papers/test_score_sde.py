"""Score-based generative modelling through SDEs (Song et al. 2021): editing without retraining."""

import pytest
import torch
from scipy import stats

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VP, Linear
from sicore.inverse import Inpaint, LinearFunction, Measurement, Replacement
from sicore.predictions import DATA, FunctionPrediction
from sicore.solvers import Midpoint, UniformGrid, solve
from sicore.states import Noise, TensorSpace

N = 4000
PLACES = torch.arange(10, dtype=torch.float64)
COVARIANCE = torch.exp(-(PLACES - PLACES.unsqueeze(1)).abs() / 4)
SEEN = (PLACES < 3) | (PLACES > 6)
FIELD = torch.tensor([1.2, 0.7, 0.9, 0.0, 0.0, 0.0, 0.0, -0.4, -1.1, -0.6], dtype=torch.float64)


def conditional():
    """The law of the missing middle given the rest."""
    across = COVARIANCE[~SEEN][:, SEEN]
    gain = torch.linalg.solve(COVARIANCE[SEEN][:, SEEN], across.T).T
    return gain @ FIELD[SEEN], COVARIANCE[~SEEN][:, ~SEEN] - gain @ across.T


def denoiser(path):
    """``βC(β²C + γ²I)⁻¹ x``."""
    values, vectors = torch.linalg.eigh(COVARIANCE)

    def function(t, x):
        p = path.at(t)
        return x @ (vectors * p.beta * values / (p.beta**2 * values + p.gamma**2)) @ vectors.T

    return FunctionPrediction(function, path, DATA)


def errors(method, steps, path):
    """Error of the mean, in standard errors of N samples, and of the covariance, relative."""
    mean, covariance = conditional()
    operator, noise = Inpaint(SEEN), Noise.of(0, N)
    measurement = Measurement(operator, operator(FIELD).expand(N, -1))
    prediction, callbacks = method.attach(denoiser(path), measurement)
    x = path.prior(noise, TensorSpace((10,)), torch.float64)
    times = UniformGrid().times(steps, path)
    made = solve(PathDynamics(prediction), x, times, Midpoint(), noise, callbacks)
    middle = made.x[:, ~SEEN]
    torch.testing.assert_close(made.x[:, SEEN], FIELD[SEEN].expand(N, -1))
    gap = (middle.mean(0) - mean).abs() / (covariance.diagonal() / N).sqrt()
    spread = torch.cov(middle.T) - covariance
    return float(gap.max()), float(spread.norm() / covariance.norm()), made.nfe


@pytest.mark.parametrize("path", [Linear(), VP()], ids=["linear", "vp"])
def test_replacement_is_biased_however_many_steps(path):
    """The middle is too wide, its mean 30 standard errors off: also with four times the steps."""
    for steps in (20, 80):
        mean, covariance, _ = errors(Replacement(), steps, path)
        assert mean > 20 and covariance > 0.5


def test_corrections_shrink_the_bias():
    """32 of them take most of it away; a perfect sampler shows about 2 errors and 0.04."""
    plain, some, many = (errors(Replacement(corrections=n), 20, Linear()) for n in (0, 4, 32))
    assert some[0] < plain[0] / 2 and many[0] < plain[0] / 4
    assert some[1] < plain[1] / 2 and many[1] < plain[1] / 8
    assert [made[2] for made in (plain, some, many)] == [40, 40 + 19 * 4, 40 + 19 * 32]


@pytest.mark.parametrize("settings", [{"corrections": -1}, {"step_size": 0.0}, {"step_size": 2.0}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(InputError, match="replacement: expected corrections >= 0"):
        Replacement(**settings)


def test_a_picture_from_its_grey():
    """Colourisation: the same after an orthonormal map whose first channel is the grey.

    With ``A = (first channel) ∘ M`` the replacement is ``x ← Mᵀ (y_s, M x on the others)``.
    """
    start = torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]], dtype=torch.float64).T
    mix = (start / start.norm(dim=0)).T
    first = torch.tensor([True, False, False]).view(3, 1, 1)
    decouple = LinearFunction(lambda x: torch.einsum("ij,bjhw->bihw", mix, x), (3, 2, 2))
    operator, path = Inpaint(first) @ decouple, VP()
    truth = Noise.of(0, 4).normal((3, 2, 2), torch.float64)
    measurement = Measurement(operator, operator(truth))
    prediction, (callback,) = Replacement().attach(
        FunctionPrediction(lambda t, x: x, path, DATA), measurement
    )
    seen = []

    def spy(step):
        seen.append((step.x, callback(step)))
        return seen[-1][1]

    x, times = Noise.of(1, 4).normal((3, 2, 2), torch.float64), UniformGrid().times(3, path)
    made = solve(PathDynamics(prediction), x, times, Midpoint(), Noise.of(2, 4), [spy]).x
    torch.testing.assert_close(made.mean(1), truth.mean(1))
    for before, after in seen:
        torch.testing.assert_close(decouple(after)[:, 1:], decouple(before)[:, 1:])


def corrected(score, t, x, steps, noise, ratio=0.16):
    """Song et al., algorithm 5: Langevin steps ``ε = 2 (r ‖z‖/‖s‖)²``, norms over the batch."""
    for i in range(steps):
        s, z = score(t, x), noise.at(i).normal_like(x)
        size = 2 * (ratio * z.norm(dim=1).mean() / s.norm(dim=1).mean()) ** 2
        x = x + size * s + (2 * size) ** 0.5 * z
    return x


MIXTURE = GaussianMixture(
    torch.tensor([0.3, 0.7]).double(),
    torch.tensor([[-1.5], [0.8]]).double(),
    torch.tensor([[[0.2]], [[0.1]]]).double(),
)


def p_value(law, t, x):
    """Kolmogorov–Smirnov against the exact distribution function of the mixture."""
    p, deviations = law.marginal(t), law.marginal(t).covariances.flatten().sqrt()

    def distribution(y):
        u = (torch.as_tensor(y).unsqueeze(-1) - p.means.flatten()) / deviations
        return (p.weights * torch.special.ndtr(u)).sum(-1).numpy()

    return stats.kstest(x.flatten().numpy(), distribution).pvalue


@pytest.mark.parametrize("path", [VP(), EDM()], ids=["vp", "edm"])
@pytest.mark.parametrize("sigma", [5.0, 1.0, 0.3])
def test_the_corrector_leaves_the_law_as_it_is(path, sigma):
    law, t = ExactPath(path, MIXTURE), path.time_at(torch.tensor(sigma, dtype=torch.float64))
    noise = Noise.of(0, N)
    x = law.marginal(t).sample(noise)
    assert p_value(law, t, corrected(law.score, t, x, 100, noise.named("langevin"))) > 0.01

    def wrong(t, x):
        return 2 * law.score(t, x)

    assert p_value(law, t, corrected(wrong, t, x, 100, noise.named("langevin"))) < 1e-4
