"""Guidance without a classifier: linear in its scale, with the two models at 1 and 0."""

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.guidance import ClassifierFree
from sicore.interpolants import Linear, QuadraticGamma, TwoSidedLinear
from sicore.predictions import DATA, NOISE, PAIR, SCORE, VELOCITY, Pair, V, convert
from sicore.solvers import RK4, Heun, UniformGrid, solve
from sicore.states import Noise

GIVEN = {"class": torch.tensor([0, 1, 1])}
TIME = torch.tensor(0.4, dtype=torch.float64)


class Conditional:
    """Exact mixtures: one for each class, and another where no class is given."""

    calls = 1

    def __init__(self, exact, path, kind):
        self.interpolant, self.kind, self.evaluations = path, kind, []
        self.laws = [exact(path, components=n) for n in (1, 2, 3)]

    def __call__(self, t, x, condition=None):
        self.evaluations.append(condition)
        if condition is None:
            return self.laws[2].value(self.kind, t, x)
        values = [law.value(self.kind, t, x) for law in self.laws[:2]]
        parts = [self.kind.parts(value) for value in values]
        first = condition["class"].unsqueeze(1) == 0
        chosen = [torch.where(first, a, b) for a, b in zip(*parts, strict=True)]
        return Pair(*chosen) if self.kind is PAIR else chosen[0]


@pytest.fixture(params=[VELOCITY, SCORE, NOISE, DATA, V, PAIR], ids=lambda kind: kind.name)
def prediction(request, exact):
    path = TwoSidedLinear(QuadraticGamma()) if request.param is PAIR else Linear()
    return Conditional(exact, path, request.param)


def parts(prediction, x, scale):
    guided = ClassifierFree(prediction, scale)
    return torch.stack(prediction.kind.parts(guided(TIME, x, GIVEN)))


def test_one_is_conditional_and_zero_unconditional(prediction):
    x = Noise.of(0, 3).normal((2,), torch.float64)
    for scale, condition in ((1.0, GIVEN), (0.0, None)):
        expected = torch.stack(prediction.kind.parts(prediction(TIME, x, condition)))
        torch.testing.assert_close(parts(prediction, x, scale), expected, rtol=0, atol=1e-15)


def test_it_is_linear_in_the_scale(prediction):
    x = Noise.of(0, 3).normal((2,), torch.float64)
    zero, one, three = (parts(prediction, x, scale) for scale in (0.0, 1.0, 3.0))
    torch.testing.assert_close(three, zero + 3 * (one - zero), rtol=1e-12, atol=1e-12)
    assert (one - zero).abs().max() > 0.01


def test_it_commutes_with_conversions(exact):
    """Every kind is affine in the score at fixed (t, x): guidance does not see the kind."""
    x, path = Noise.of(0, 3).normal((2,), torch.float64), Linear()
    guided = {k: ClassifierFree(Conditional(exact, path, k), 2.5) for k in (DATA, VELOCITY)}
    data = guided[DATA](TIME, x, GIVEN)
    made = convert(path, TIME, x, guided[VELOCITY](TIME, x, GIVEN), VELOCITY, DATA)
    torch.testing.assert_close(made, data, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("solver", [Heun(), RK4()], ids=lambda s: type(s).__name__)
def test_two_calls_are_counted(exact, solver):
    prediction = Conditional(exact, Linear(), VELOCITY)
    guided = ClassifierFree(prediction, 2.0)
    x = Noise.of(0, 3).normal((2,), torch.float64)
    dynamics = PathDynamics(guided, condition=GIVEN)
    made = solve(dynamics, x, UniformGrid().times(5, Linear()), solver)
    assert guided.calls == 2
    assert made.nfe == len(prediction.evaluations) == 2 * 5 * solver.evaluations
    assert prediction.evaluations.count(None) == made.nfe // 2


def test_it_composes(exact):
    inner = Conditional(exact, Linear(), VELOCITY)
    twice = ClassifierFree(ClassifierFree(inner, 2.0), 3.0)
    assert twice.calls == 4 and twice.kind is VELOCITY and twice.interpolant is inner.interpolant
