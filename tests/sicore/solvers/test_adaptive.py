"""Dormand–Prince with steps of each sample's own: errors, independence, ends, and full batches."""

import math
import re
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from sicore.config import Component
from sicore.dynamics import Dynamics, PathDynamics, proportional
from sicore.errors import InputError
from sicore.interpolants import VP, Linear, Product
from sicore.likelihood import HutchinsonDivergence, log_likelihood, normal_prior
from sicore.predictions import VELOCITY, Combination
from sicore.solvers import NOT_FINITE, OK, OUT_OF_CALLS, DormandPrince, PIController, solve
from sicore.solvers.adaptive import NODES, STAGES
from sicore.solvers.dense import inside
from sicore.states import Noise, leaves, scale, weighted_sum

PATHS = {"linear": Linear(), "vp": VP()}
WAYS = {"forward": (0.1, 0.9), "backward": (0.9, 0.1)}
BOTH = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def row(*times):
    return torch.tensor(times, dtype=torch.float64)


@dataclass(frozen=True)
class Waves:
    """``ẋ = r cos(r t) x`` at a rate r of each sample, its condition: ``x = x_0 e^{sin(r t)}``.

    It notes the times, the rates and the number of states of every call.
    """

    times: list = field(default_factory=list)
    rates: list = field(default_factory=list)
    interpolant = Linear()
    kind = VELOCITY
    calls = 1

    def __call__(self, t, x, condition=None):
        rate = condition["rate"]
        self.times.append(t.expand(len(rate)).clone())
        self.rates.append(rate)
        return scale(rate * torch.cos(rate * t), x)

    @property
    def sizes(self):
        return [len(rate) for rate in self.rates]


FINE = DormandPrince(1e-6, 1e-6)


def waves(rates, times=(0.0, 1.0), solver=FINE, **settings):
    """The prediction with what it noted, and the solution for these rates."""
    prediction, rate = Waves(), torch.as_tensor(rates, dtype=torch.float64)
    x = 1 + torch.arange(3, dtype=torch.float64).expand(len(rate), 3)
    dynamics = PathDynamics(prediction, condition={"rate": rate})
    return prediction, solve(dynamics, x, row(*times), solver, **settings)


def exact_waves(rates, t):
    growth = torch.sin(torch.as_tensor(rates, dtype=torch.float64) * t).exp()
    return growth.unsqueeze(-1) * (1 + torch.arange(3, dtype=torch.float64))


MIXED = [1.0, 12.0, 3.0, 0.0, 20.0, 7.0, 2.0, 9.0, 1.5, 15.0, 5.0, 0.5, 10.0]  # easy and hard


@BOTH
@pytest.mark.parametrize("path", PATHS)
def test_the_error_falls_with_the_tolerance(path, way, two_normals):
    """Within 30 times of it, and as calls do for order 5: one digit costs 58 % more."""
    law = two_normals(PATHS[path])
    x = torch.linspace(-1.8, 1.9, 16, dtype=torch.float64).unsqueeze(1)
    truth, tolerances, calls, errors = law.moved(x, *way), 10.0 ** -np.arange(3, 12), [], []
    for tolerance in tolerances:
        made = solve(law.dynamics(), x, row(*way), DormandPrince(tolerance, tolerance))
        assert made.status.tolist() == [OK] * 16
        calls.append(float(made.calls.double().mean()))
        errors.append(float((made.x - truth).abs().max()))
    assert all(error < 30 * tolerance for error, tolerance in zip(errors, tolerances, strict=True))
    assert errors == sorted(errors, reverse=True)
    growth = np.polyfit(np.log(tolerances[4:]), np.log(calls[4:]), 1)[0]
    assert abs(growth + 1 / 5) < 0.05


@BOTH
def test_there_and_back(way, two_normals):
    law, solver = two_normals(VP()), DormandPrince(1e-9, 1e-9)
    x = torch.linspace(-1.8, 1.9, 16, dtype=torch.float64).unsqueeze(1)
    there = solve(law.dynamics(), x, row(*way), solver).x
    back = solve(law.dynamics(), there, row(*way[::-1]), solver).x
    assert float((back - x).abs().max()) < 1e-7 < float((there - x).abs().max())


def test_one_hard_sample_changes_no_other():
    """Neither where the others end nor how often they are evaluated, nor when they stop."""
    easy = [1.0, 2.0, 3.0, 4.0]
    _, alone = waves(easy)
    for hard in (200.0, math.inf):
        _, made = waves([*easy[:2], hard, *easy[2:]])
        rest = torch.tensor([0, 1, 3, 4])
        torch.testing.assert_close(made.x[rest], alone.x, rtol=0, atol=1e-12)
        assert made.calls[rest].tolist() == alone.calls.tolist()
        assert made.status[rest].tolist() == [OK] * 4
        if math.isfinite(hard):
            assert made.status[2] == OUT_OF_CALLS and made.nfe == made.calls[2] > 5 * alone.nfe
        else:
            assert made.status[2] == NOT_FINITE and made.calls[2] == 2


@pytest.mark.parametrize("width", [None, 1, 3, 5, 13, 50])
def test_a_sample_is_the_same_at_every_width(width):
    _, whole = waves(MIXED)
    prediction, made = waves(MIXED, width=width)
    torch.testing.assert_close(made.x, whole.x, rtol=0, atol=1e-12)
    assert torch.equal(made.calls, whole.calls)
    assert max(prediction.sizes) <= (width or len(MIXED))


def test_a_sample_is_the_same_in_every_order():
    order = torch.randperm(len(MIXED), generator=torch.Generator().manual_seed(0))
    _, whole = waves(MIXED)
    _, made = waves(torch.tensor(MIXED)[order], width=4)
    assert torch.equal(made.calls, whole.calls[order])
    torch.testing.assert_close(made.x, whole.x[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("width", [None, 4])
def test_only_samples_on_their_way_are_evaluated(width):
    prediction, made = waves(MIXED, width=width)
    assert sum(prediction.sizes) == int(made.calls.sum())
    seen = torch.cat(prediction.rates)
    for rate, calls in zip(MIXED, made.calls, strict=True):
        assert int((seen == rate).sum()) == calls  # with its condition
    assert made.nfe == int(made.calls.max()) > int(made.calls.min())
    torch.testing.assert_close(made.x, exact_waves(MIXED, 1.0), rtol=1e-4, atol=0)


def test_the_batch_is_full_while_any_wait():
    """Where one arrives the next one begins, which takes two calls of its own."""
    rates = torch.linspace(0.5, 60.0, 40)
    prediction, made = waves(rates, width=8)
    last = next(i for i, rate in enumerate(prediction.rates) if bool((rate == rates[-1]).any()))
    before = list(zip(prediction.times, prediction.sizes, strict=True))[:last]
    beginning = [bool((t == 0).all()) for t, _ in before]
    attempts = [
        size
        for i, (_, size) in enumerate(before)
        if not (beginning[i] or (i > 0 and beginning[i - 1]))
    ]
    assert set(attempts) == {8}
    assert len(attempts) > 0.8 * len(before)
    assert len(prediction.sizes) < int(made.calls.sum()) / 8 * 1.4


@pytest.mark.parametrize("ends", [(0.0, 1.0), (1.0, 0.0), (0.1, 0.7), (0.7, 0.1), (1 / 3, 2 / 3)])
def test_nothing_is_asked_outside_of_the_ends(ends):
    """Nor is the last step cut off short of the end."""
    for rate in (0.0, 3.0, 37.0):
        prediction, made = waves([rate, 1.0], ends)
        seen = torch.cat(prediction.times)
        assert float(seen.min()) == min(ends) and float(seen.max()) == max(ends)
        start, end = (exact_waves([rate, 1.0], t) for t in ends)
        x = 1 + torch.arange(3, dtype=torch.float64)
        torch.testing.assert_close(made.x, end / start * x, rtol=1e-4, atol=0)


def test_calls_are_capped():
    """A sample that needs more stops on its way, finite, and holds up no other."""
    prediction, made = waves([1.0, 200.0, 2.0], (0.0, 0.3, 1.0), max_calls(100), record=True)
    assert made.status.tolist() == [OK, OUT_OF_CALLS, OK]
    assert 100 - 6 < int(made.calls[1]) <= 100 and made.nfe == int(made.calls[1])
    hard = torch.cat(prediction.rates) == 200
    assert float(torch.cat(prediction.times)[hard].max()) < 0.3
    assert bool(made.x.isfinite().all()) and not torch.equal(made.x[1], made.path[0, 1])
    assert bool(made.path[2, 1].isnan().all()) and bool(made.path[:, [0, 2]].isfinite().all())


def max_calls(number):
    return DormandPrince(1e-6, 1e-6, max_calls=number)


def test_calls_are_those_of_the_network():
    """Guidance calls it twice: the cap holds for the calls, not for evaluations."""

    class Twice(Waves):
        calls = 2

    rate, x = torch.tensor([3.0, 200.0], dtype=torch.float64), torch.ones(2, 1, dtype=torch.float64)
    dynamics = PathDynamics(Twice(), condition={"rate": rate})
    made = solve(dynamics, x, row(0.0, 1.0), max_calls(205))
    _, plain = waves([3.0])
    assert made.calls[0] == 2 * plain.nfe and 205 - 12 < made.calls[1] <= 205
    assert made.status.tolist() == [OK, OUT_OF_CALLS]


def test_a_drift_that_ends_stops_its_sample_alone():
    """``ẋ = −1/(2x)`` reaches 0 at ``t = x_0²``, after which there is nothing."""

    class Falling(Dynamics):
        def drift(self, t, x):
            return -0.5 / x.clamp(min=0).sqrt() ** 2

    x = torch.tensor([[2.0], [0.5]], dtype=torch.float64)
    made = solve(Falling(), x, row(0.0, 1.0), DormandPrince(max_calls=10_000))
    assert made.status[0] == OK and made.status[1] != OK
    assert abs(float(made.x[0]) - 3**0.5) < 1e-4 and made.calls[1] < 2000


@pytest.mark.parametrize("share", [0.2, 0.5, 0.7])
def test_the_order_between_the_ends_of_a_step(share, two_normals):
    """The state inside a step is right up to ``h^5``: one more than its order, 4."""
    law = two_normals(Linear())
    x, t = torch.linspace(-1.8, 1.9, 16, dtype=torch.float64).unsqueeze(1), 0.4
    theta, errors, steps = torch.full((16,), share, dtype=torch.float64), [], (0.2, 0.1, 0.05)
    for h in steps:
        new, slopes = dormand_prince(law.dynamics(), t, h, x)
        made = inside(theta, torch.full_like(theta, h), x, new, slopes)
        errors.append(float((made - law.moved(x, t, t + share * h)).square().mean().sqrt()))
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] > 4.8


def dormand_prince(dynamics, t, h, x):
    """One step: where it ends, and its slopes."""
    y, slopes = x, [dynamics.drift(t, x)]
    for weights, node in zip(STAGES, NODES, strict=True):
        y = weighted_sum((1.0, *(h * w for w in weights)), (x, *slopes))
        slopes.append(dynamics.drift(t + node * h, y))
    return y, slopes


def test_between_steps_value_and_slope_go_on(two_normals):
    dynamics, x = two_normals(VP()).dynamics(), torch.ones(1, 1, dtype=torch.float64)
    new, slopes = dormand_prince(dynamics, 0.3, 0.2, x)
    one, small = torch.ones(1, dtype=torch.float64), 1e-6

    def at(theta):
        return inside(theta * one, 0.2 * one, x, new, slopes)

    assert torch.equal(at(0.0), x) and torch.equal(at(1.0), new)
    first, last = (at(small) - x) / (0.2 * small), (new - at(1 - small)) / (0.2 * small)
    torch.testing.assert_close(first, slopes[0], rtol=1e-4, atol=0)
    torch.testing.assert_close(last, slopes[-1], rtol=1e-4, atol=0)


@BOTH
def test_the_states_at_the_times_of_a_grid(way, two_normals):
    """At any times, however the steps lie, at no further call, and within 30 tolerances."""
    law = two_normals(VP())
    x = torch.linspace(-1.8, 1.9, 16, dtype=torch.float64).unsqueeze(1)
    times = torch.lerp(*row(*way), torch.linspace(0, 1, 41, dtype=torch.float64) ** 2)
    times[-1] = way[1]
    plain = solve(law.dynamics(), x, row(*way), DormandPrince(1e-7, 1e-7))
    made = solve(law.dynamics(), x, times, DormandPrince(1e-7, 1e-7), record=True, width=5)
    assert made.path.shape == (41, 16, 1) and torch.equal(made.calls, plain.calls)
    assert torch.equal(made.path[0], x) and torch.equal(made.path[-1], made.x)
    torch.testing.assert_close(made.x, plain.x, rtol=0, atol=1e-12)
    truth = torch.stack([law.moved(x, way[0], float(t)) for t in times])
    assert float((made.path - truth).abs().max()) < 3e-6


def test_a_tree_is_one_state():
    """The error is that of all leaves together: a tree goes the way of its leaves in one tensor."""
    rate = torch.tensor([2.0, 30.0, 9.0], dtype=torch.float64)
    dynamics = PathDynamics(Waves(), condition={"rate": rate})
    flat = Noise.of(0, 3).normal((7,), torch.float64)
    tree = {"b": flat[:, :4].reshape(3, 2, 2), "a": flat[:, 4:]}
    solver, times = DormandPrince(1e-6, 1e-6), row(0.0, 0.4, 1.0)
    one = solve(dynamics, flat, times, solver, record=True)
    made = solve(dynamics, tree, times, solver, record=True, width=2)
    assert torch.equal(made.calls, one.calls) and list(made.x) == ["b", "a"]
    joined = torch.cat([made.path["b"].flatten(2), made.path["a"]], -1)
    torch.testing.assert_close(joined, one.path, rtol=0, atol=1e-12)


def test_each_leaf_may_have_its_own_path():
    """A product of paths has coefficients for each leaf and each sample."""
    path = Product({"a": Linear(), "b": VP()})

    class Still:
        interpolant, kind, calls = path, VELOCITY, 1

        def __call__(self, t, x, condition=None):
            return scale(-1.0, x)

    x = {"a": torch.ones(3, 2, dtype=torch.float64), "b": torch.ones(3, 1, dtype=torch.float64)}
    made = solve(PathDynamics(Still()), x, row(0.1, 0.9), DormandPrince(1e-9, 1e-9), width=2)
    for leaf in leaves(made.x).values():
        assert float((leaf - math.exp(-0.8)).abs().max()) < 1e-7


class Pulled(Dynamics):
    """``ẋ = x0 − x``, with x0 as a constant of each sample."""

    def __init__(self, x0):
        self.x0 = x0

    @property
    def constants(self):
        return (self.x0,)

    def drift(self, t, x):
        return self.x0 - x

    def evaluate(self, t, x):
        return (scale(-1.0, x),)

    def split(self, t):
        one = torch.ones_like(t)
        return Combination(0 * one, (one,), one)

    def take(self, index):
        return Pulled(self.x0[index])


def test_an_observed_source_follows_its_sample():
    x0 = 10 ** torch.linspace(-2, 4, 7, dtype=torch.float64).unsqueeze(-1)
    made = solve(Pulled(x0), 0 * x0, row(0.0, 1.0), DormandPrince(1e-9, 1e-6), width=3)
    assert len(set(made.calls.tolist())) > 3
    torch.testing.assert_close(made.x, x0 * (1 - math.exp(-1)), rtol=1e-5, atol=1e-5)


def test_gradients_flow_through_every_sample():
    x = torch.ones(13, 1, dtype=torch.float64, requires_grad=True)
    rate = torch.tensor(MIXED, dtype=torch.float64)
    dynamics = PathDynamics(Waves(), condition={"rate": rate})
    solve(dynamics, x, row(0.0, 1.0), DormandPrince(1e-7, 1e-7), width=4).x.sum().backward()
    torch.testing.assert_close(x.grad, torch.sin(rate).exp().unsqueeze(-1), rtol=1e-4, atol=0)


def test_likelihoods_of_samples_are_their_own(exact):
    """The probes of the divergence follow their samples; the exact one is that of the mixture."""
    law = exact(Linear())
    x, noise = law.target.sample(Noise.of(0, 4)), Noise.of(1, 4)
    prior, solver = normal_prior(Linear()), DormandPrince(1e-6, 1e-6)

    def found(index, **settings):
        some = {"solver": solver, "noise": noise.take(index), "times": row(0.0, 1.0), **settings}
        return log_likelihood(law.prediction(VELOCITY), x[index], prior, **some)

    whole = found(torch.arange(4))
    torch.testing.assert_close(whole.log_prob, law.target.log_prob(x), rtol=0, atol=1e-3)
    probes = HutchinsonDivergence(probes=2)
    every = found(torch.arange(4), divergence=probes)
    alone = [found(torch.tensor([i]), divergence=probes).log_prob for i in range(4)]
    torch.testing.assert_close(every.log_prob, torch.cat(alone), rtol=0, atol=1e-9)


def test_the_controller_keeps_its_bounds():
    control = PIController()
    error = row(0.0, 1e-9, 0.5, 1.0, 2.0, 1e9, math.inf)
    yes, no = torch.ones(7, dtype=torch.bool), torch.zeros(7, dtype=torch.bool)
    free = control.factor(error, torch.ones_like(error), no, 5)
    after = control.factor(error, torch.ones_like(error), yes, 5)
    assert free[:2].tolist() == [10, 10] and after[:2].tolist() == [1, 1]
    assert free[-2:].tolist() == after[-2:].tolist() == [0.2, 0.2]
    assert free[3] == 0.9 and 0.2 < free[4] < 0.9 < free[2]
    classical = PIController(beta=0.0).factor(error, torch.full_like(error, 0.1), no, 5)
    torch.testing.assert_close(classical[2], 0.9 * row(0.5)[0] ** -0.2)
    growing = control.factor(error, torch.full_like(error, 0.1), no, 5)
    assert growing[2] < free[2] and growing[4] == free[4]  # of an error that grew, if accepted


def test_little_is_done_beside_the_network():
    """At most six operations on states for each call, and the network's own one here."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        states = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            made = function(*args, **(kwargs or {}))
            found = [a for a in (*args, made) if isinstance(a, torch.Tensor)]
            wide = any(a.numel() == 64 * 50 for a in found)
            self.states += wide and not function.is_view
            return made

    rate = torch.full((64,), 5.0, dtype=torch.float64)
    dynamics = PathDynamics(Waves(), condition={"rate": rate})
    x = torch.ones(64, 50, dtype=torch.float64)
    with Counting() as counted:
        made = solve(dynamics, x, row(0.0, 1.0), DormandPrince(1e-8, 1e-8))
    assert made.nfe > 100 and counted.states <= 7 * made.nfe


def test_by_name():
    built = Component.parse("solver", {"name": "dopri5", "rtol": 1e-3, "max_calls": 50}).build()
    assert built == DormandPrince(rtol=1e-3, max_calls=50)


def watch(step):
    return None


SDE = PathDynamics(Waves(), proportional(1.0, Linear()), {"rate": torch.ones(1)})
ODE = PathDynamics(Waves(), condition={"rate": torch.ones(1)})
REFUSED = {
    "callbacks: they act between the steps of a grid": (ODE, {"callbacks": (watch,)}),
    "gradient: with DormandPrince expected 'direct', got": (ODE, {"gradient": "checkpoint"}),
    "compile: the batch of DormandPrince changes": (ODE, {"compile": True}),
    "width: expected a whole number >= 1, got 0": (ODE, {"width": 0}),
    "solver DormandPrince is for ODEs": (SDE, {}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_does_not_fit_is_refused(message):
    dynamics, settings = REFUSED[message]
    with pytest.raises(InputError, match=re.escape(message)):
        solve(dynamics, torch.ones(1, 1), row(0.0, 1.0), DormandPrince(), **settings)


WRONG = {
    "rtol and atol >= 0, not both 0, got 0.0 and 0.0": {"rtol": 0.0, "atol": 0.0},
    "rtol and atol >= 0, not both 0, got -1.0 and": {"rtol": -1.0},
    "expected max_calls >= 8, got 7": {"max_calls": 7},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_settings(message):
    with pytest.raises(InputError, match=re.escape(message)):
        DormandPrince(**WRONG[message])
    with pytest.raises(InputError, match="controller: expected 0 < least < 1 < most"):
        PIController(least=2.0)
