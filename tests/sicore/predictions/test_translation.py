"""A prediction of one path on another, against the exact law of the other."""

import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, proportional
from sicore.errors import ConversionError, InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.guidance import ClassifierFree
from sicore.interpolants import EDM, VP, Linear, OneSided, Product, Trigonometric, TwoSidedLinear
from sicore.inverse import MMPS, LinearFunction, Measurement, PiGDM
from sicore.plugins import get_registry
from sicore.predictions import (
    DATA,
    NOISE,
    PAIR,
    SCORE,
    VELOCITY,
    AsInterpolant,
    EDMPreconditioning,
    FunctionPrediction,
    NetworkPrediction,
    Pair,
    V,
    combination,
    convert,
)
from sicore.solvers import RK4, StochasticHeun, UniformGrid, solve
from sicore.states import Noise

SINGLE = (VELOCITY, SCORE, NOISE, DATA, V)
WEAK = EDM(sigma_max=5.0)  # knows no noise level above 5


NEEDY = ("product", "kinetic-optimal", "perturbed", "conditional-ot")  # have no defaults


def gaussian_paths():
    """Every registered path from normal noise that needs no parameters, and one that ends early."""
    found = {}
    for entry in get_registry().entries("interpolant"):
        if entry.plugin == "sicore" and entry.name not in NEEDY:
            path = Component.parse("interpolant", entry.name).build()
            if isinstance(path, OneSided) and path.gaussian:
                found[entry.name] = path
    return {**found, "weak": WEAK}


PATHS = gaussian_paths()
TARGETS = pytest.mark.parametrize("target", PATHS.values(), ids=PATHS.keys())
SOURCES = pytest.mark.parametrize("source", PATHS.values(), ids=PATHS.keys())


def time(t):
    return torch.tensor(t, dtype=torch.float64)


def size(state):
    return state.abs().max(-1).values


@TARGETS
@SOURCES
def test_every_pair_of_paths(source, target, exact):
    """Exact in units of the terms that are added up, ends included, or refused."""
    law, own = exact(target), exact(source)
    first, last = AsInterpolant(own.prediction(DATA), target).span()
    clean = target.time_at(torch.tensor([0.1, 1e-2, 1e-5], dtype=torch.float64)).tolist()
    inside = time([t for t in (1e-9, 1e-3, 0.3, 0.5, *clean) if first <= t <= last])
    compared = 0
    for t in (inside, *(time([end]) for end in (0.0, 1.0) if first <= end <= last)):
        x = law.target.sample(Noise.of(0, len(t))) * target.at(t).gamma.unsqueeze(1).clamp(min=1)
        known = {to: law.value(to, t, x) for to in (VELOCITY, SCORE, DATA)}
        for kind in SINGLE:
            moved = AsInterpolant(own.prediction(kind), target)
            value, p = moved(t, x), target.at(t)
            for to, right in known.items():
                try:
                    found = combination(target, p, moved.kind, to.rows(p)[0])
                except ConversionError:
                    assert t is not inside
                    continue
                lam, (mu,), _ = found
                terms = abs(lam) * size(x) + abs(mu) * size(value) + size(right)
                error = size(found.apply(x, (value,)) - right)
                assert (error / terms.clamp(min=1e-300)).max() < 1e-9
                compared += 1
    assert compared >= 15


@TARGETS
@SOURCES
def test_inside_nothing_is_lost(source, target, exact):
    """Between noise levels 3 and 1/3 the plain relative error is that of rounding."""
    law, own = exact(target, 16), exact(source, 16)
    t = target.time_at(torch.tensor([3.0, 1.0, 1 / 3], dtype=torch.float64))
    x = torch.cat([law.marginal(each).sample(Noise.of(i, 1)) for i, each in enumerate(t)])
    for kind in (VELOCITY, NOISE):
        moved = AsInterpolant(own.prediction(kind), target)
        for to in (VELOCITY, SCORE, DATA):
            made = convert(target, t, x, moved(t, x), moved.kind, to)
            torch.testing.assert_close(made, law.value(to, t, x), rtol=1e-9, atol=1e-11)


def test_what_its_own_path_determines_at_the_ends_stays_determined(exact):
    """Pure noise and pure data meet exactly, whatever the clocks."""
    moved = AsInterpolant(exact(Linear()).prediction(VELOCITY), Trigonometric())
    law = exact(Trigonometric())
    for t in map(time, (0.0, 1.0)):
        x = law.marginal(t).sample(Noise.of(0, 5))
        for to in (VELOCITY, DATA):
            made = convert(law.interpolant, t, x, moved(t, x), moved.kind, to)
            torch.testing.assert_close(made, law.value(to, t, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [VELOCITY, SCORE, V], ids=lambda kind: kind.name)
def test_single_precision(kind, exact):
    """To rounding at both ends; through the data prediction the noise would be lost near the data.

    At t = 0.9999 a denoiser in single precision knows the velocity to 10⁻³ only.
    """
    source, target = Trigonometric(), Linear()
    law, own = exact(target), exact(source)
    single = FunctionPrediction(lambda t, x: own.value(kind, t, x.double()).float(), source, kind)
    moved = AsInterpolant(single, target)
    for t in map(time, (1e-4, 0.5, 0.9999)):
        x = law.marginal(t).sample(Noise.of(0, 500))
        value, right = moved(t, x.float()), law.value(kind, t, x)
        made = convert(target, t, x.float(), value, moved.kind, kind)
        data = convert(target, t, x.float(), value, moved.kind, DATA)
        through = convert(target, t, x.float(), data, DATA, kind)
        assert made.dtype == torch.float32
        error, other = ((y.double() - right).abs().max() for y in (made, through))
        if kind is not V or t < 0.9:  # v is 0 at the data: its own rounding is all there is
            assert error < 2e-6 * right.abs().max()
        if t > 0.9:
            assert other > 100 * error


@TARGETS
def test_the_formula_for_velocities(target, exact):
    """``ū(x, r) = (ṡ/s) x + ṫ s u(x/s, t)``, with ṡ and ṫ by automatic differentiation."""
    source = Linear()
    own, r = exact(source), torch.tensor([0.2, 0.5, 0.7], dtype=torch.float64, requires_grad=True)
    t = source.time_at(target.noise_level(r))
    s = target.coefficients(r)[2] / source.coefficients(t)[2]
    slopes = [torch.autograd.grad(c.sum(), r, retain_graph=True)[0] for c in (t, s)]
    t, s, t_dot, s_dot = (c.detach().unsqueeze(1) for c in (t, s, *slopes))
    r = r.detach()
    x = s * Noise.of(0, 3).normal((2,), torch.float64)
    right = s_dot / s * x + t_dot * s * own.velocity(t.squeeze(1), x / s)
    moved = AsInterpolant(own.prediction(VELOCITY), target)
    made = convert(target, r, x, moved(r, x), moved.kind, VELOCITY)
    torch.testing.assert_close(made, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("target", [VP(), Trigonometric(), EDM()], ids=lambda p: type(p).__name__)
def test_the_flow_is_the_same(target, exact):
    """From the same noise the two ODEs pass through the same states, up to the factor."""
    own = exact(Linear())
    moved = AsInterpolant(own.prediction(VELOCITY), target)
    sigma = torch.tensor([30.0, 0.05], dtype=torch.float64)
    ends = [(path, path.time_at(sigma)) for path in (Linear(), target)]
    (start, end), (first, last) = (path.coefficients(t)[1] for path, t in ends)
    x = own.marginal(ends[0][1][0]).sample(Noise.of(0, 10))
    results = []
    for prediction, y, (path, t) in zip(
        (own.prediction(VELOCITY), moved), (x, x * first / start), ends, strict=True
    ):
        times = UniformGrid().times(80, path, *t.tolist())
        results.append(solve(PathDynamics(prediction), y, times, RK4()).x)
    torch.testing.assert_close(results[1] / last, results[0] / end, rtol=0, atol=1e-6)


@pytest.mark.parametrize("epsilon", [0.3, 2.0])
@pytest.mark.parametrize("target", [VP(), Trigonometric()], ids=lambda p: type(p).__name__)
def test_the_marginals_are_the_same_for_every_noise(target, epsilon, exact):
    own, law, n = exact(Linear()), exact(target), 2000
    dynamics = PathDynamics(
        AsInterpolant(own.prediction(VELOCITY), target), proportional(epsilon, target)
    )
    noise, times = Noise.of(0, n), UniformGrid().times(60, target, 0.0, 0.98)
    x = law.marginal(0.0).sample(noise)
    made, right = solve(dynamics, x, times, StochasticHeun(), noise).x, law.marginal(0.98)
    centred = made - right.mean
    assert (centred.mean(0).abs() / (right.covariance.diagonal() / n).sqrt()).max() < 4
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    assert ((products.mean(0) - right.covariance).abs() / (products.std(0) / n**0.5)).max() < 4


def test_a_path_that_knows_less_noise_starts_later(exact):
    """σ ≤ 5 is t ≥ 1/6 on the linear path; a path with γ(1) > 0 would end sooner than at 1."""
    moved = AsInterpolant(exact(WEAK).prediction(DATA), Linear())
    assert moved.first_time == pytest.approx(1 / 6, rel=1e-12) and moved.last_time == 1
    moved(time(moved.first_time), torch.ones(2, 2).double())
    with pytest.raises(ConversionError) as caught:
        moved(torch.tensor([0.1, 0.2]).double(), torch.ones(2, 2).double())
    assert str(caught.value) == (
        "as_interpolant: the noise level of Linear at t = 0.1 is outside of those that the "
        "prediction on EDM knows: take times from 0.166667 to 1 (first_time and last_time)"
    )


class Early(Linear):
    """The linear path for data that never come quite clean: ``γ = 1.01 − t``."""

    def coefficients(self, t):
        return torch.zeros_like(t), t, 1.01 - t

    def time_at(self, sigma):
        return 1.01 / (1 + sigma)


def test_a_path_that_keeps_some_noise_ends_sooner(exact):
    moved = AsInterpolant(exact(Early()).prediction(DATA), Linear())
    assert moved.first_time == 0 and moved.last_time == pytest.approx(1 / 1.01, rel=1e-12)
    moved(time(moved.last_time), torch.ones(2, 2).double())
    with pytest.raises(ConversionError, match=r"take times from 0 to 0\.990099 "):
        moved(time(0.991), torch.ones(2, 2).double())
    assert AsInterpolant(exact(Linear()).prediction(DATA), Early()).span() == (0.0, 1.0)


def test_a_part_of_the_path(exact):
    """Where the network is trained from t = 0.1 on, the target starts at the same noise level."""
    moved = AsInterpolant(exact(Linear()).prediction(DATA), VP())
    first, last = moved.span(0.1, 0.95)
    levels = VP().noise_level(torch.tensor([first, last], dtype=torch.float64))
    torch.testing.assert_close(levels, torch.tensor([9.0, 0.05 / 0.95], dtype=torch.float64))


@pytest.mark.parametrize(
    "path", [TwoSidedLinear(), Product({"": Linear()})], ids=lambda p: type(p).__name__
)
def test_other_paths_are_refused(path):
    linear = FunctionPrediction(lambda t, x: x, Linear(), DATA)
    for prediction, target in (
        (linear, path),
        (FunctionPrediction(linear.function, path, DATA), Linear()),
    ):
        with pytest.raises(InputError, match=f"as_interpolant: {type(path).__name__} is not a"):
            AsInterpolant(prediction, target)


def test_noise_that_is_not_normal_is_refused():
    class Heavy(Linear):
        gaussian = False

    with pytest.raises(InputError, match="Heavy is not a path from normal noise"):
        AsInterpolant(FunctionPrediction(lambda t, x: x, Linear(), DATA), Heavy())


def test_guidance_inside_and_outside():
    """Trees, conditions, dtypes and batches of times go through; calls are those of the inside."""

    def network(x, t, condition):
        shift = 0.0 if condition is None else condition["class"]
        return {k: v * t.unsqueeze(1) + shift for k, v in x.items()}

    inner = NetworkPrediction(network, Linear(), VELOCITY)
    x = {"a": torch.ones(3, 2), "b": torch.full((3, 4), 2.0)}
    t, given = torch.tensor([0.3, 0.5, 1.0]).double(), {"class": torch.tensor(2.0)}
    within = AsInterpolant(ClassifierFree(inner, 3.0), VP())
    around = ClassifierFree(AsInterpolant(inner, VP()), 3.0)
    assert within.calls == around.calls == 2
    for name, leaf in within(t, x, given).items():
        torch.testing.assert_close(leaf, around(t, x, given)[name])
        assert leaf.dtype == torch.float32
    free, guided = AsInterpolant(inner, VP())(t, x), within(t, x, given)
    torch.testing.assert_close(guided["a"] - free["a"], torch.full((3, 2), 6.0))


@pytest.mark.parametrize("method", [PiGDM(), MMPS()], ids=["pigdm", "mmps"])
def test_measurements_inside_and_outside(method, exact):
    """The posterior's data prediction does not depend on where the path is changed."""
    matrix = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    y = Measurement(LinearFunction(lambda x: x @ matrix.T, (2,)), torch.ones(4, 1).double(), 0.1)
    own, law, t = exact(Linear()), exact(VP()), time(0.8)
    x = law.marginal(0.8).sample(Noise.of(0, 4))
    direct, _ = method.attach(law.prediction(VELOCITY), y)
    around, _ = method.attach(AsInterpolant(own.prediction(VELOCITY), VP()), y)
    within = AsInterpolant(method.attach(own.prediction(VELOCITY), y)[0], VP())
    right = direct(t, x)
    torch.testing.assert_close(around(t, x), right, rtol=1e-9, atol=1e-9)
    made = convert(VP(), t, x, within(t, x), within.kind, DATA)
    torch.testing.assert_close(made, right, rtol=1e-9, atol=1e-9)


def test_pairs_and_there_and_back(exact):
    """A pair keeps its two parts, and a path changed twice is the path that it was."""
    own, t = exact(VP()), time(0.6)
    x = exact(Linear()).marginal(0.6).sample(Noise.of(0, 4))
    pair = FunctionPrediction(
        lambda at, y: Pair(VP().at(at).beta_dot * own.denoiser(at, y), own.value(NOISE, at, y)),
        VP(),
        PAIR,
    )
    moved = AsInterpolant(pair, Linear())
    for to in (VELOCITY, SCORE, DATA):
        made = convert(Linear(), t, x, moved(t, x), moved.kind, to)
        torch.testing.assert_close(made, exact(Linear()).value(to, t, x))
    back = AsInterpolant(AsInterpolant(own.prediction(NOISE), EDM()), VP())
    made = convert(VP(), t, x, back(t, x), back.kind, VELOCITY)
    torch.testing.assert_close(made, own.velocity(t, x), rtol=1e-10, atol=1e-10)


def test_a_preconditioned_network():
    """EDM's preconditioning sees the noise level that it was trained for."""
    target = GaussianMixture(
        torch.ones(1).double(), torch.zeros(1, 2).double(), torch.eye(2).double()[None]
    )
    inner = NetworkPrediction(lambda x, t, c: 0 * x, EDM(), DATA, EDMPreconditioning())
    moved, t = AsInterpolant(inner, VP()), torch.tensor([0.2, 0.9], dtype=torch.float64)
    x = Noise.of(0, 2).normal((2,), torch.float64)
    made = convert(VP(), t, x, moved(t, x), moved.kind, SCORE)
    torch.testing.assert_close(made, ExactPath(VP(), target).score(t, x), rtol=1e-10, atol=1e-10)
