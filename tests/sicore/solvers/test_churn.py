"""EDM's stochastic sampler: its algorithm, its law, and Heun's method without churn."""

import re

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.interpolants import EDM, PFGMPP, VP, Linear, NoGamma, TwoSidedLinear
from sicore.predictions import DATA, NOISE, VELOCITY, FunctionPrediction
from sicore.solvers import EDMChurn, UniformGrid, solve
from sicore.states import Noise

N = 4000


def reference(law, x, times, noise, churn):
    """Algorithm 2 of the paper, line by line, in ``x/β`` and by the denoiser."""
    path = law.interpolant
    levels = path.noise_level(times)
    u, steps = x / path.coefficients(times[0])[1], len(times) - 1
    for i in range(steps):
        t, sigma, lower = times[i], levels[i], levels[i + 1]
        gamma = min(churn.s_churn / steps, 2**0.5 - 1)
        gamma = gamma if churn.s_min <= sigma <= churn.s_max else 0.0
        raised = torch.minimum(sigma * (1 + gamma), path.noise_level(torch.zeros(())))
        if raised > sigma:
            eps = churn.s_noise * noise.named("solve").at(i).normal_like(x)
            u, t = u + (raised**2 - sigma**2).sqrt() * eps, path.time_at(raised)
        d = (u - law.denoiser(t, path.coefficients(t)[1] * u)) / raised
        moved = u + (lower - raised) * d
        if lower > 0:
            s, beta = times[i + 1], path.coefficients(times[i + 1])[1]
            d_end = (moved - law.denoiser(s, beta * moved)) / lower
            moved = u + (lower - raised) * (d + d_end) / 2
        u = moved
    return path.coefficients(times[-1])[1] * u


CHURNS = {
    "none": EDMChurn(0),
    "default": EDMChurn(),
    "little": EDMChurn(s_churn=2),
    "between levels": EDMChurn(s_min=0.3, s_max=2.0),
    "more noise": EDMChurn(s_noise=1.1),
}


@pytest.mark.parametrize("name", CHURNS)
@pytest.mark.parametrize("kind", [VELOCITY, DATA])
def test_it_is_the_algorithm_of_the_paper(one_sided, exact, kind, name):
    """Without the path's ends: there β may be zero, or the level so low that rounding shows."""
    churn, law, noise = CHURNS[name], exact(one_sided), Noise.of(0, 5)
    times = UniformGrid().times(9, one_sided, 0.1, 0.9)
    x = law.marginal(0.1).sample(noise)
    made = solve(PathDynamics(law.prediction(kind)), x, times, churn, noise)
    expected = reference(law, x, times, noise, churn)
    scale = float(x.abs().max())  # 80 on the EDM path
    torch.testing.assert_close(made.x, expected, rtol=1e-9, atol=1e-11 * scale)
    assert made.nfe == 18


@pytest.mark.parametrize("churn", [EDMChurn(0), EDMChurn()], ids=["plain", "churned"])
def test_from_end_to_end_on_the_edm_path(churn, exact):
    law, noise = exact(EDM()), Noise.of(0, 5)
    times = UniformGrid().times(18, EDM())
    x = law.marginal(0.0).sample(noise)
    made = solve(PathDynamics(law.prediction(NOISE)), x, times, churn, noise)
    torch.testing.assert_close(made.x, reference(law, x, times, noise, churn))
    assert made.nfe == 2 * 18 - 1  # the last step is Euler's


@pytest.mark.parametrize("path", [Linear(), VP(), EDM()], ids=["linear", "vp", "edm"])
@pytest.mark.parametrize("s_churn", [5.0, 40.0])
def test_the_law_of_the_path_is_kept(path, s_churn, exact):
    """Mean, covariance and mean log-density within 4 Monte Carlo standard errors."""
    law, noise = exact(path), Noise.of(1, N)
    levels = torch.linspace(20.0**0.25, 0.05**0.25, 61, dtype=torch.float64) ** 4
    times = path.time_at(levels)
    x = law.marginal(times[0]).sample(noise)
    x = solve(PathDynamics(law.prediction(VELOCITY)), x, times, EDMChurn(s_churn), noise).x
    last = law.marginal(times[-1])
    centred = x - last.mean
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    error = (products.mean(0) - last.covariance).abs() / (products.std(0) / N**0.5)
    assert (centred.mean(0).abs() / (centred.std(0) / N**0.5)).max() < 4 and error.max() < 4
    other = last.log_prob(last.sample(Noise.of(99, 20_000)))
    assert (last.log_prob(x).mean() - other.mean()).abs() < 4 * other.std() / N**0.5


def test_it_forgets_where_it_started(exact):
    """Noise drawn anew changes the coupling of start and end, and nothing else does."""
    law, noise = exact(EDM(), 2, 1), Noise.of(0, 1000)
    times = EDM().time_at(torch.linspace(3.0, 0.1, 41, dtype=torch.float64))
    x = law.marginal(times[0]).sample(noise)
    kept = []
    for churn in (EDMChurn(0), EDMChurn(0.5), EDMChurn(5)):
        end = solve(PathDynamics(law.prediction(VELOCITY)), x, times, churn, noise).x
        kept.append(float(torch.corrcoef(torch.cat((x, end), 1).T)[0, 2].abs()))
    assert kept[0] > kept[1] + 0.1 > kept[2] + 0.2


def test_from_pure_noise_the_first_step_is_ddims(exact):
    """β = 0: there is no level to raise, and no mean with an infinite one."""
    law, noise = exact(Linear()), Noise.of(0, 5)
    x, times = law.marginal(0.0).sample(noise), torch.tensor([0.0, 0.25], dtype=torch.float64)
    made = solve(PathDynamics(law.prediction(VELOCITY)), x, times, EDMChurn(), noise)
    torch.testing.assert_close(made.x, 0.25 * law.denoiser(0.0, x) + 0.75 * x)
    assert made.nfe == 1


def test_no_level_is_above_the_paths_own(exact):
    seen = []
    law = exact(EDM(sigma_max=10.0))

    def watched(t, x):
        seen.append(float(t))
        return law.velocity(t, x)

    prediction = FunctionPrediction(watched, law.interpolant, VELOCITY)
    noise = Noise.of(0, 5)
    x = law.marginal(0.0).sample(noise)
    solve(PathDynamics(prediction), x, UniformGrid().times(40, EDM()), EDMChurn(), noise)
    assert min(seen) == 0.0 and seen.count(0.0) == 2 and max(seen) < 1


REFUSED = {
    "towards noise": (Linear(), [0.9, 0.1], EDMChurn(), "runs from noise to data only"),
    "two laws": (TwoSidedLinear(NoGamma()), [0.1, 0.9], EDMChurn(), "TwoSidedLinear is not"),
    "other noise": (PFGMPP(), [0.1, 0.9], EDMChurn(), "PFGMPP is not"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case):
    path, times, churn, message = REFUSED[case]
    dynamics = PathDynamics(FunctionPrediction(lambda t, x: x, path, VELOCITY))
    with pytest.raises(InputError, match=re.escape(message)):
        solve(dynamics, torch.ones(1, 1), torch.tensor(times), churn)


def test_negative_numbers_are_refused():
    with pytest.raises(InputError, match="edm-churn: expected numbers >= 0"):
        EDMChurn(s_churn=-1.0)
