"""The residual of a model: zero for exact ones, and larger where ODE and SDE part."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from sicore.dynamics import PathDynamics, proportional
from sicore.errors import InputError
from sicore.evaluation import sliced_wasserstein
from sicore.evaluation.fokker_planck import TIMES, fokker_planck_diagnostic
from sicore.interpolants import EDM, VP, Linear, OneSided, Trigonometric, TwoSidedLinear
from sicore.objectives import EDMLogNormal, Independent
from sicore.objectives.fokker_planck import score_residual
from sicore.predictions import (
    DATA,
    NOISE,
    PAIR,
    SCORE,
    VELOCITY,
    FunctionPrediction,
    NetworkPrediction,
)
from sicore.solvers import RK4, StochasticHeun, UniformGrid, solve
from sicore.states import Noise

N = 32


def figures(law, prediction, n=N, **settings):
    noise = Noise.of(0, n)
    x1 = law.target.sample(noise.named("data"))
    return fokker_planck_diagnostic(prediction, x1, noise, **settings)


def turned(law, size):
    """The exact score and a field that turns about the origin, which no gradient has."""

    def function(t, x):
        turn = torch.stack((-x[:, 1], x[:, 0]), 1)
        return law.score(t, x) + size * turn

    return FunctionPrediction(function, law.interpolant, SCORE)


@pytest.mark.parametrize("kind", [VELOCITY, DATA, NOISE, SCORE], ids=repr)
@pytest.mark.parametrize("path", [Linear(), VP()], ids=lambda p: type(p).__name__)
def test_an_exact_model_has_no_residual(path, kind, exact):
    law = exact(path)
    made = figures(law, law.prediction(kind))
    assert made["samples"] == N and made["probes"] == 0 and made["t"] == list(TIMES)
    assert len(made["relative"]) == len(TIMES) and max(made["high"]) < 1e-8
    assert min(made["rate"]) > 0


def test_an_exact_denoiser_of_edm_has_no_residual_at_the_noise_levels_of_its_training(exact):
    law = exact(EDM())
    times = EDMLogNormal().quantile(torch.tensor(TIMES, dtype=torch.float64), EDM()).tolist()
    assert max(figures(law, law.prediction(DATA), times=times)["high"]) < 1e-8


def test_an_exact_model_of_a_two_sided_path_has_no_residual(exact):
    law = exact(TwoSidedLinear())
    coupling = Independent(lambda streams, like: law.source.sample(streams))
    made = figures(law, law.prediction(PAIR), coupling=coupling)
    assert max(made["relative"]) < 1e-6


def test_estimates_for_large_states_are_unbiased(exact):
    """In 18 dimensions, with probes: an exact model is within its error of zero."""
    law = exact(Trigonometric(), dimension=18)
    settings = {"n": 200, "times": (0.2, 0.8), "batch_size": 50}
    right = figures(law, law.prediction(VELOCITY), **settings)
    assert right["probes"] == 2
    for relative, high in zip(right["relative"], right["high"], strict=True):
        error = (high**2 - relative**2) / 1.96
        assert relative**2 < 4.5 * error
    assert 0 < max(right["high"]) < 0.5

    def wrong(t, x):
        return 1.5 * law.velocity(t, x)

    off = figures(law, FunctionPrediction(wrong, Trigonometric(), VELOCITY), **settings)
    assert off["low"][1] > max(right["high"])


def test_a_known_model_has_the_known_residual():
    """``s = −c x`` on data N(0, 1) with VP, whose law stands still: s = −x, b = 0 where c = 1.

    With c = 1 + a t: ``∂_t s = −a x`` and, with β = 0.1 + 19.9 (1 − t), ``b = β/2 (1 − c) x``, so
    ``∇·b + b·s = β/2 (1 − c)(2 − c |x|²)`` and ``R = −a x − β c (1 − c) x``.
    """
    a, t = 0.2, 0.7
    rate, c = 0.1 + 19.9 * (1 - t), 1 + a * t
    model = FunctionPrediction(lambda t, x: -(1 + a * t.reshape(-1, 1)) * x, VP(), SCORE)
    x1 = Noise.of(0, N).normal((2,), torch.float64)
    made = fokker_planck_diagnostic(model, x1, Noise.of(1, N), times=(t,))
    truth = abs(a + rate * c * (1 - c)) / a
    for name in ("relative", "low", "high"):
        assert made[name] == pytest.approx([truth])
    assert made["residual"][0] / made["rate"][0] == pytest.approx(truth)


def test_the_relative_residual_is_a_ratio_of_means_over_draws(exact):
    law, t = exact(Trigonometric()), 0.4
    model, noise = turned(law, 0.5), Noise.of(0, N)
    x1 = law.target.sample(noise)
    made = fokker_planck_diagnostic(model, x1, noise, times=(t,))
    z = Independent()(law.interpolant, x1, noise, None).z
    time = torch.tensor(t, dtype=torch.float64)
    with torch.no_grad():
        found = score_residual(model, time, law.interpolant.sample(None, x1, time, z).x_t)
    means = [float(a.square().sum(1).mean()) for a in (found.residuals[0], found.rate)]
    assert made["relative"] == pytest.approx([(means[0] / means[1]) ** 0.5])
    assert made["residual"] == pytest.approx([(means[0] / 2) ** 0.5])
    assert made["rate"] == pytest.approx([(means[1] / 2) ** 0.5])


@dataclass(frozen=True)
class Squared(OneSided):
    """Another path in the clock t², to which its time t belongs."""

    path: OneSided

    def coefficients(self, t: Tensor):
        return self.path.coefficients(t**2)

    def derivatives(self, t: Tensor):
        return tuple(2 * t * rate for rate in self.path.derivatives(t**2))

    def time_at(self, sigma: Tensor):
        return self.path.time_at(sigma).sqrt()


def test_the_relative_residual_is_the_same_in_every_clock(exact):
    law = exact(Trigonometric())
    model = turned(law, 0.3)
    other = FunctionPrediction(lambda t, x: model(t**2, x), Squared(Trigonometric()), SCORE)
    times = (0.3, 0.6)
    plain = figures(law, model, times=[t**2 for t in times])
    warped = figures(law, other, times=times)
    assert plain["relative"] == pytest.approx(warped["relative"])
    assert plain["residual"][0] != pytest.approx(warped["residual"][0])


def gap(law, prediction, n):
    """Sliced Wasserstein distance between the ends of the ODE and of an SDE."""
    path, noise, ends = law.interpolant, Noise.of(0, n), (0.05, 0.95)
    x = law.marginal(ends[0]).sample(noise)
    flow = PathDynamics(prediction)
    sde = PathDynamics(prediction, proportional(1.0, path))
    grid = UniformGrid()
    with torch.no_grad():
        ode_end = solve(flow, x, grid.times(15, path, *ends), RK4(), noise).x
        sde_end = solve(sde, x, grid.times(40, path, *ends), StochasticHeun(), noise).x
    return sliced_wasserstein(ode_end, sde_end, directions=64)


def test_what_raises_the_residual_parts_ode_and_sde(exact):
    """An exact model has a gap at the Monte-Carlo floor, that of two exact samples."""
    law, n = exact(Trigonometric()), 2500
    end = law.marginal(0.95)
    pairs = [(end.sample(Noise.of(i, n)), end.sample(Noise.of(i, n, n))) for i in range(1, 9)]
    floor = max(sliced_wasserstein(a, b, directions=64) for a, b in pairs)
    residuals, gaps = [], []
    for size in (0.0, 2.5, 5.0):
        model = turned(law, size)
        residuals.append(max(figures(law, model)["relative"]))
        gaps.append(gap(law, model, n))
    assert residuals[0] < 1e-8 and gaps[0] < 1.2 * floor
    assert 0.01 < residuals[1] < residuals[2]
    assert 2 * floor < gaps[1] and 1.5 * gaps[1] < gaps[2], (floor, gaps)


class Small(nn.Module):
    """A network for pictures in float32, with normalisation and attention."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.enter = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)
        self.leave = nn.Conv2d(4, 1, 3, padding=1)
        self.classes = nn.Embedding(3, 4)

    def forward(self, x, t, condition=None):
        h = self.norm(self.enter(x)) + self.classes(condition["class"])[:, :, None, None]
        h = nn.functional.silu(h * (1 + t)[:, None, None, None])
        q = h.flatten(2).mT.unsqueeze(1)
        return self.leave(
            h + nn.functional.scaled_dot_product_attention(q, q, q)[:, 0].mT.reshape(h.shape)
        )


def test_networks_of_pictures_are_measured_batch_by_batch():
    n = 6
    model = NetworkPrediction(Small().requires_grad_(False), Linear(), VELOCITY)
    x1 = Noise.of(0, n).normal((1, 5, 5))
    condition = {"class": torch.arange(n) % 3}
    made = {
        size: fokker_planck_diagnostic(
            model, x1, Noise.of(1, n), times=(0.2, 0.8), condition=condition, batch_size=size
        )
        for size in (n, 4)
    }
    assert made[4]["relative"] == pytest.approx(made[n]["relative"], rel=1e-4)
    assert made[n]["probes"] == 2 and min(made[n]["rate"]) > 0


def test_the_velocity_of_a_two_sided_path_is_refused(exact):
    law = exact(TwoSidedLinear())
    with pytest.raises(InputError, match="a velocity prediction on the path TwoSidedLinear"):
        figures(law, law.prediction(VELOCITY))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"times": (0.0, 0.5)}, r"expected times inside \(0, 1\)"),
        ({"times": ()}, r"expected times inside \(0, 1\)"),
        ({"probes": 1}, "expected at least 2, got 1"),
    ],
)
def test_settings_without_meaning_are_refused(exact, settings, message):
    law = exact(Linear())
    with pytest.raises(InputError, match=message):
        figures(law, law.prediction(VELOCITY), **settings)
