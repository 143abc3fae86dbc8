"""The basic recipe of diffusion models: DDIM(η), DDPM, and what guidance samples."""

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.guidance import ClassifierFree
from sicore.interpolants import EDM, VP, BrownianGamma, Linear, TwoSidedLinear
from sicore.predictions import DATA, NOISE, PAIR, VELOCITY
from sicore.solvers import DDIM, RK4, UniformGrid, solve
from sicore.states import Noise


def time(t):
    return torch.tensor(t, dtype=torch.float64)


def test_ddim_is_euler_of_the_flow_in_the_scaled_state(one_sided, exact):
    """``u = x/a``, ``σ = m/a``: ``du/dσ = E[z|x]`` by Euler's method, down to σ = 0."""
    law, times = exact(one_sided), UniformGrid().times(12, one_sided, 0.05, 1.0)
    x = law.marginal(0.05).sample(Noise.of(0, 8))
    _, a, m = one_sided.coefficients(times)
    u, sigma = x / a[0], m / a
    for i in range(12):
        eta = law.value(NOISE, times[i], a[i] * u)
        u = u + (sigma[i + 1] - sigma[i]) * eta
    made = solve(PathDynamics(law.prediction(VELOCITY)), x, times, DDIM(eta=0.0)).x
    torch.testing.assert_close(made, a[-1] * u, rtol=1e-6, atol=1e-6)


class Recorded:
    """Stands in for the noise: the vectors that it gives are known."""

    def __init__(self, z):
        self.z = z

    def named(self, stream):
        return self

    def at(self, draw):
        return self

    def coordinates(self, t, s, x, count=1):
        return [self.z] * count


def stepped(law, t, s, x, eta, z):
    dynamics = PathDynamics(law.prediction(VELOCITY))
    return solve(dynamics, x, torch.stack((t, s)), DDIM(eta), Recorded(z)).x


@pytest.mark.parametrize(("t", "s"), [(0.1, 0.2), (0.5, 0.51), (0.9, 0.97)])
def test_ddpm_is_the_posterior_step(t, s, exact):
    """Ho et al. 2020, equations 6 and 7, with the discrete β and α of the step, given E[x1]."""
    law, t, s = exact(VP()), time(t), time(s)
    x, z = law.marginal(t).sample(Noise.of(0, 8)), Noise.of(1, 8).normal((2,), torch.float64)
    before, after = (VP().coefficients(u)[1] ** 2 for u in (t, s))  # ᾱ at t, ᾱ at s
    alpha = before / after
    beta = 1 - alpha
    mean = (
        after.sqrt() * beta / (1 - before) * law.denoiser(t, x)
        + alpha.sqrt() * (1 - after) / (1 - before) * x
    )
    deviation = ((1 - after) / (1 - before) * beta).sqrt()
    made = stepped(law, t, s, x, 1.0, z)
    torch.testing.assert_close(made, mean + deviation * z, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("eta", [0.2, 0.7, 1.0])
def test_the_family_between_ddim_and_ddpm(eta, exact):
    """Song, Meng and Ermon 2021, equations 12 and 16."""
    law, t, s = exact(VP()), time(0.6), time(0.75)
    x, z = law.marginal(t).sample(Noise.of(0, 8)), Noise.of(1, 8).normal((2,), torch.float64)
    before, after = (VP().coefficients(u)[1] ** 2 for u in (t, s))
    sigma = eta * ((1 - after) / (1 - before)).sqrt() * (1 - before / after).sqrt()
    noise = law.value(NOISE, t, x)
    mean = after.sqrt() * law.denoiser(t, x) + (1 - after - sigma**2).sqrt() * noise
    made = stepped(law, t, s, x, eta, z)
    torch.testing.assert_close(made, mean + sigma * z, rtol=1e-10, atol=1e-10)


def test_from_pure_noise_and_into_the_data(exact):
    """At β = 0 and at γ = 0: all noise drawn anew, and none added."""
    law = exact(Linear())
    x, z = Noise.of(0, 8).normal((2,), torch.float64), Noise.of(1, 8).normal((2,), torch.float64)
    made = stepped(law, time(0.0), time(0.3), x, 1.0, z)
    torch.testing.assert_close(made, 0.3 * law.target.mean + 0.7 * z)
    made = stepped(law, time(0.9), time(1.0), x, 1.0, z)
    torch.testing.assert_close(made, law.denoiser(0.9, x))


@pytest.mark.parametrize("path", [VP(), Linear(), EDM()], ids=["vp", "linear", "edm"])
@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_it_samples_the_law_of_the_data(path, eta, exact):
    """Mean and covariance within 4 Monte Carlo standard errors of those of the mixture."""
    n, law = 2000, exact(path)
    noise, times = Noise.of(0, n), UniformGrid().times(200, path)
    x = law.marginal(0.0).sample(noise)
    made = solve(PathDynamics(law.prediction(DATA)), x, times, DDIM(eta), noise)
    assert made.nfe == 200
    right, centred = law.target, made.x - law.target.mean
    assert (centred.mean(0).abs() / (right.covariance.diagonal() / n).sqrt()).max() < 4
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    assert ((products.mean(0) - right.covariance).abs() / (products.std(0) / n**0.5)).max() < 4


def test_noise_is_what_it_adds(exact):
    """η = 0 draws nothing, and the end depends on the draws otherwise."""
    law, times = exact(VP()), UniformGrid().times(10, VP())
    x, dynamics = law.marginal(0.0).sample(Noise.of(0, 4)), PathDynamics(law.prediction(DATA))
    ends = [
        solve(dynamics, x, times, DDIM(eta), Noise.of(seed, 4)).x
        for eta in (0.0, 1.0)
        for seed in (1, 2)
    ]
    assert torch.equal(ends[0], ends[1]) and (ends[2] - ends[3]).abs().min() > 1e-3


def test_what_it_refuses(exact):
    with pytest.raises(InputError, match=r"ddim: expected eta in \[0, 1\], got 1\.5"):
        DDIM(1.5)
    law, x = exact(VP()), torch.ones(2, 2, dtype=torch.float64)
    with pytest.raises(InputError, match="runs from noise to data only"):
        solve(PathDynamics(law.prediction(DATA)), x, time([0.52, 0.5]), DDIM(1.0))
    law = exact(TwoSidedLinear(BrownianGamma()))
    with pytest.raises(InputError, match="needs a path from normal noise"):
        solve(PathDynamics(law.prediction(PAIR)), x, time([0.2, 0.5]), DDIM(1.0))


class TwoClasses:
    """Two Gaussians of one variance, as a class-conditional prediction; exact."""

    calls = 1
    interpolant = Linear()
    kind = VELOCITY

    def __init__(self, distance=1.0, variance=0.25):
        centres = torch.tensor([[-distance], [distance]], dtype=torch.float64)
        spread = torch.full((2, 1, 1), variance, dtype=torch.float64)
        self.mixture = GaussianMixture(torch.ones(2).double(), centres, spread)
        self.second = GaussianMixture(torch.ones(1).double(), centres[1:], spread[1:])

    def __call__(self, t, x, condition=None):
        law = self.mixture if condition is None else self.second
        return ExactPath(self.interpolant, law).velocity(t, x)


def guided(prediction, n=4000):
    """Samples of the second class, with a solver whose error is far below the sampling error."""
    x = Noise.of(0, n).normal((1,), torch.float64)
    dynamics = PathDynamics(prediction, condition={"class": torch.ones(n, dtype=torch.int64)})
    times = UniformGrid().times(60, prediction.interpolant)
    return solve(dynamics, x, times, RK4()).x


def tilted(prediction, w):
    """Mean and variance of ``p(x) p(c|x)^w`` by quadrature."""
    x = torch.linspace(-8, 12, 20_001, dtype=torch.float64).unsqueeze(1)
    free, given = prediction.mixture.log_prob(x), prediction.second.log_prob(x)
    weight = torch.softmax(free + w * (given - free), 0)  # p(c|x) is p(x|c)/p(x) up to a constant
    mean = weight @ x.squeeze(1)
    return float(mean), float(weight @ (x.squeeze(1) - mean) ** 2)


def test_guidance_of_one_is_the_conditional_model():
    """Bitwise: w = 1 adds nothing to the conditional prediction."""
    inner = TwoClasses()
    assert torch.equal(guided(ClassifierFree(inner, 1.0), 100), guided(inner, 100))


def test_guidance_of_one_samples_the_tilted_law():
    made, (mean, variance) = guided(ClassifierFree(TwoClasses(), 1.0)), tilted(TwoClasses(), 1.0)
    assert abs(float(made.mean()) - mean) < 4 * (variance / len(made)) ** 0.5
    assert abs(float(made.var()) - variance) < 4 * variance * (2 / len(made)) ** 0.5


@pytest.mark.parametrize(("w", "too_far", "variance"), [(2.0, 0.29, 0.58), (4.0, 0.62, 0.41)])
def test_guidance_does_not_sample_the_tilted_law(w, too_far, variance):
    """Its drift is not that of the path to ``p(x) p(c|x)^w``: too far out, and too narrow.

    Classes N(±1, 1/4). For w = 2 the mean of the samples is 0.29 too far (0.6 of the tilted law's
    deviations) and their variance 0.58 of what it should be; for w = 4 it is 0.62 and 0.41.
    """
    made, (mean, right) = guided(ClassifierFree(TwoClasses(), w)), tilted(TwoClasses(), w)
    assert abs(float(made.mean()) - mean - too_far) < 0.03
    assert abs(float(made.var()) / right - variance) < 0.03
