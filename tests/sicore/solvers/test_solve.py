"""The loop: batches, orders, directions, the ledger of calls, callbacks, projection, errors."""

import re

import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, proportional
from sicore.errors import InputError
from sicore.interpolants import Linear
from sicore.plugins import get_registry
from sicore.predictions import VELOCITY, FunctionPrediction
from sicore.solvers import (
    NOT_FINITE,
    OK,
    RK4,
    Euler,
    EulerMaruyama,
    Heun,
    StochasticHeun,
    UniformGrid,
    solve,
)
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace, add, leaves, scale

SOLVERS = {
    entry.name: solver
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
    and not (solver := Component.parse("solver", entry.name).build()).categorical
}
EVERY = pytest.mark.parametrize("name", SOLVERS)


def dynamics_for(solver, law, kind=VELOCITY):
    path = law.interpolant
    epsilon = proportional(1.0, path) if solver.stochastic else None
    return PathDynamics(law.prediction(kind), epsilon)


def sampled(name, law, index, steps=7, **settings):
    """The samples with these numbers."""
    solver, noise = SOLVERS[name], Noise(5, index)
    x = law.interpolant.prior(noise, TensorSpace((2,)), torch.float64)
    times = UniformGrid().times(steps, law.interpolant)
    return solve(dynamics_for(solver, law), x, times, solver, noise, **settings)


@EVERY
def test_a_sample_is_the_same_in_every_batch_and_order(name, exact):
    law = exact(Linear())
    whole = sampled(name, law, torch.arange(64)).x
    for size in (1, 7):
        few = range(0, 21, size)
        parts = [sampled(name, law, torch.arange(i, i + size)).x for i in few]
        torch.testing.assert_close(torch.cat(parts), whole[:21], rtol=0, atol=1e-12)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampled(name, law, order).x, whole[order], rtol=0, atol=1e-12)


@EVERY
def test_every_sample_is_another_one(name, exact):
    law = exact(Linear())
    x = sampled(name, law, torch.arange(20)).x
    assert torch.cdist(x, x)[~torch.eye(20, dtype=torch.bool)].min() > 1e-6


@EVERY
def test_the_ledger_counts_every_call(name, exact):
    law, counted = exact(Linear()), []

    def function(t, x):
        counted.append(t)
        return law.velocity(t, x)

    solver = SOLVERS[name]
    prediction = FunctionPrediction(function, Linear(), VELOCITY, calls=2)
    epsilon = proportional(1.0, Linear()) if solver.stochastic else None
    x = Noise.of(0, 3).normal((2,), torch.float64)
    times = UniformGrid().times(6, Linear(), 0.1, 0.9)  # to an end of the path it may take fewer
    made = solve(PathDynamics(prediction, epsilon), x, times, solver)
    assert made.nfe == 2 * len(counted)
    assert solver.adaptive or len(counted) == 6 * solver.evaluations + solver.startup


@EVERY
def test_what_lands_looks_at_no_end_and_adds_no_noise(name):
    """A declaration that sampling trusts: such a solver may step to where γ = 0."""
    solver, seen = SOLVERS[name], []

    def towards_two(t, x):
        """The velocity to data of one point, which noise alone keeps samples from; not at t = 1."""
        seen.extend(torch.as_tensor(t).flatten().tolist())
        return scale(1 / torch.as_tensor(1 - t, dtype=torch.float64), 2 - x)

    epsilon = proportional(1.0, Linear()) if solver.stochastic else None
    dynamics = PathDynamics(FunctionPrediction(towards_two, Linear(), VELOCITY), epsilon)
    x, times = torch.ones(2, 1, dtype=torch.float64), torch.tensor([0.0, 0.5, 1.0])
    one, other = solve(dynamics, x, times, solver).x
    assert solver.lands is (1.0 not in seen and bool((one - other).abs() < 1e-9))


@EVERY
def test_finite_from_end_to_end_on_every_one_sided_path(name, one_sided, exact):
    """The velocity determines the ODE, and the SDE with ε = γ, at t = 0 and t = 1 too."""
    solver, law, noise = SOLVERS[name], exact(one_sided), Noise.of(0, 5)
    x = law.marginal(0.0).sample(noise)
    made = solve(dynamics_for(solver, law), x, UniformGrid().times(6, one_sided), solver, noise)
    assert made.status.tolist() == [OK] * 5 and bool(made.x.isfinite().all())


@pytest.mark.parametrize("solver", [Euler(), Heun(), RK4()], ids=lambda s: type(s).__name__)
def test_finite_from_end_to_end_on_every_two_sided_path(solver, two_sided, exact):
    law = exact(two_sided)
    for times in (UniformGrid().times(6, two_sided), UniformGrid().times(6, two_sided, 1.0, 0.0)):
        x = law.marginal(float(times[0])).sample(Noise.of(0, 5))
        made = solve(dynamics_for(solver, law), x, times, solver)
        assert made.status.tolist() == [OK] * 5 and bool(made.x.isfinite().all())


def test_the_default_noise_is_seed_zero(exact):
    law = exact(Linear())
    dynamics, times = dynamics_for(EulerMaruyama(), law), UniformGrid().times(5, Linear())
    x = torch.zeros(4, 2, dtype=torch.float64)
    plain = solve(dynamics, x, times, EulerMaruyama()).x
    assert torch.equal(plain, solve(dynamics, x, times, EulerMaruyama(), Noise.of(0, 4)).x)
    assert not torch.equal(plain, solve(dynamics, x, times, EulerMaruyama(), Noise.of(1, 4)).x)


def test_steps_draw_independent_increments(exact):
    seen = []
    law, noise = exact(Linear()), Noise.of(0, 2000)

    def watch(step):
        seen.append(step.noise.normal((1,), torch.float64))

    sampled("euler-maruyama", law, noise.index, steps=2, callbacks=(watch,))
    correlation = torch.corrcoef(torch.cat(seen, 1).T)[0, 1]
    assert abs(correlation) < 5 / 2000**0.5


STILL = PathDynamics(FunctionPrediction(lambda t, x: scale(0.0, x), Linear(), VELOCITY))


def test_callbacks_see_each_step_in_order_and_may_replace_the_state():
    seen = []

    def first(step):
        seen.append((step.number, step.total, float(step.t), float(step.s), float(step.x[0])))
        return step.x + 1

    def second(step):
        seen.append(float(step.x[0]))  # sees what the first one made; None changes nothing

    x = torch.zeros(1, 1)
    made = solve(STILL, x, torch.tensor([0.0, 0.25, 1.0]), Euler(), callbacks=(first, second))
    assert seen == [(0, 2, 0.0, 0.25, 0.0), 1.0, (1, 2, 0.25, 1.0, 1.0), 2.0]
    assert made.x.tolist() == [[2.0]]


@EVERY
def test_symmetric_states_stay_symmetric_at_every_step(name):
    space = TreeSpace({"nodes": TensorSpace((4, 2)), "edges": SymmetricSpace((4, 4, 1))})
    noise = Noise.of(0, 3, space=space)
    path = Linear()
    x = path.prior(noise, space, torch.float64)

    def lopsided(t, x):
        """A network that knows nothing of symmetry."""
        bias = torch.arange(16.0, dtype=torch.float64).reshape(1, 4, 4, 1) / 16
        return {"nodes": torch.sin(x["nodes"]), "edges": x["edges"] + bias}

    solver = SOLVERS[name]
    epsilon = proportional(1.0, path) if solver.stochastic else None
    made = solve(
        PathDynamics(FunctionPrediction(lopsided, path, VELOCITY), epsilon),
        x,
        UniformGrid().times(5, path),
        solver,
        noise,
        space=space,
        record=True,
    )
    assert len(made.path["edges"]) == 6 and torch.equal(made.path["edges"][-1], made.x["edges"])
    for edges in made.path["edges"]:
        assert torch.equal(edges, edges.transpose(1, 2))
        assert edges.diagonal(dim1=1, dim2=2).abs().max() == 0
        assert edges.abs().max() > 0


@EVERY
def test_trees_are_integrated_leaf_by_leaf(name):
    path, solver, noise = Linear(), SOLVERS[name], Noise.of(0, 3)
    tree = {
        "a": noise.normal((2,), torch.float64, "a"),
        "b": noise.normal((3,), torch.float64, "b"),
    }
    epsilon = proportional(1.0, path) if solver.stochastic else None

    def run(x):
        prediction = FunctionPrediction(lambda t, x: add(x, scale(-0.5, x)), path, VELOCITY)
        dynamics = PathDynamics(prediction, epsilon)
        return leaves(solve(dynamics, x, UniformGrid().times(5, path), solver, noise).x)

    both, alone = run(tree), run({"b": tree["b"]})
    torch.testing.assert_close(both["b"], alone["b"])


@EVERY
def test_the_dtype_of_the_state_is_kept(name):
    path, solver, noise = Linear(), SOLVERS[name], Noise.of(0, 3)
    epsilon = proportional(1.0, path) if solver.stochastic else None
    dynamics = PathDynamics(FunctionPrediction(lambda t, x: -x, path, VELOCITY), epsilon)
    x = torch.ones(3, 2, dtype=torch.float32)
    assert solve(dynamics, x, UniformGrid().times(5, path), solver, noise).x.dtype == x.dtype


def test_status_tells_each_sample():
    def broken(t, x):
        bad = torch.tensor([[0.0], [float("nan")], [float("inf")]])
        return x + bad

    dynamics = PathDynamics(FunctionPrediction(broken, Linear(), VELOCITY))
    made = solve(dynamics, torch.ones(3, 1), torch.linspace(0, 1, 3), Euler())
    assert made.status.tolist() == [OK, NOT_FINITE, NOT_FINITE]


def test_the_solution_holds_its_grid():
    x = torch.zeros(1, 1)
    made = solve(STILL, x, torch.tensor([0.0, 0.5, 1.0]), Euler())
    assert made.times.dtype == torch.float64 and made.times.tolist() == [0, 0.5, 1]


ODE = PathDynamics(FunctionPrediction(lambda t, x: x, Linear(), VELOCITY))
FORWARD = PathDynamics(ODE.prediction, proportional(1.0, Linear()))
BACKWARD = PathDynamics(ODE.prediction, proportional(1.0, Linear()), backward=True)
ERRORS = {
    "one time": (ODE, [0.5], Heun(), "times: expected at least two times in one row, got [0.5]"),
    "two rows": (ODE, [[0.0, 1.0]], Heun(), "times: expected at least two times in one row"),
    "not monotone": (ODE, [0.0, 0.6, 0.4], Heun(), "strictly rising or strictly falling"),
    "repeated": (ODE, [0.0, 0.5, 0.5], Heun(), "strictly rising or strictly falling"),
    "nan": (ODE, [0.0, float("nan")], Heun(), "strictly rising or strictly falling"),
    "outside": (ODE, [0.0, 1.5], Heun(), "times: expected times in [0, 1], got 0 to 1.5"),
    "negative": (ODE, [-0.5, 1.0], Heun(), "times: expected times in [0, 1], got -0.5 to 1"),
    "ODE solver": (FORWARD, [0.0, 1.0], RK4(), "solver RK4 is for ODEs: set epsilon to 0, or"),
    "SDE solver": (ODE, [0.0, 1.0], StochasticHeun(), "solver StochasticHeun is for SDEs: give an"),
    "backward grid": (FORWARD, [1.0, 0.0], EulerMaruyama(), "these dynamics run forward in t"),
    "forward grid": (BACKWARD, [0.0, 1.0], EulerMaruyama(), "these dynamics run backward in t"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_does_not_fit_is_refused(case):
    dynamics, times, solver, message = ERRORS[case]
    with pytest.raises(InputError, match=re.escape(message)):
        solve(dynamics, torch.ones(1, 1), torch.tensor(times), solver)
