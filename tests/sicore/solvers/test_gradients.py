"""The four ways to gradients agree, as far as each of them promises."""

import numpy as np
import pytest
import torch
from torch import nn

from sicore.config import Component
from sicore.dynamics import PathDynamics, proportional
from sicore.errors import InputError
from sicore.interpolants import VP, BrownianGamma, Linear, Product, TwoSidedLinear
from sicore.plugins import get_registry
from sicore.predictions import DATA, PAIR, VELOCITY, FunctionPrediction, NetworkPrediction, Pair
from sicore.solvers import (
    RK4,
    RK5,
    SRK15,
    ReversibleHeun,
    UniformGrid,
    solve,
)
from sicore.states import (
    BrownianTree,
    Noise,
    SymmetricSpace,
    TensorSpace,
    TreeSpace,
    leaves,
)

SOLVERS = {
    entry.name: solver
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
    and not (solver := Component.parse("solver", entry.name).build()).adaptive
    and not solver.categorical
}
WAYS = pytest.mark.parametrize("way", ["checkpoint", "adjoint", "reversible"])
ENDS = pytest.mark.parametrize("way", ["adjoint", "reversible"])
BOTH = pytest.mark.parametrize("stochastic", [False, True], ids=["ode", "sde"])


class Network(nn.Module):
    """A small network of a state of two numbers, the time and what else it is given."""

    def __init__(self, given, outputs=2, dtype=torch.float64):
        super().__init__()
        self.first = nn.Linear(3 + given, 8, dtype=dtype)
        self.last = nn.Linear(8, outputs, dtype=dtype)

    def forward(self, x, t, condition=None):
        given = [x, t.unsqueeze(1), *(condition or {}).values()]
        return self.last(torch.tanh(self.first(torch.cat(given, 1))))


def normal(name, shape=(2,), n=5):
    return Noise.of(0, n).named(name).normal(shape, torch.float64)


def weights(leaf):
    """As many different numbers; their order is not symmetric in any way."""
    return torch.linspace(-1, 2, leaf.numel(), dtype=torch.float64).reshape(leaf.shape).exp()


class Problem:
    """Dynamics, initial states, and all that they depend on.

    Everything is made from parameters: the condition and x0 by a linear map each, so that they are
    not leaves of the graph.
    """

    path = Linear()

    def __init__(self):
        torch.manual_seed(0)
        self.modules = nn.ModuleList([nn.Linear(2, 2, dtype=torch.float64), self.network()])
        self.start = self.begin()

    def network(self):
        return Network(2)

    def begin(self):
        return normal("x").requires_grad_()

    def dynamics(self, epsilon):
        condition = {"y": self.modules[0](normal("y"))}
        prediction = NetworkPrediction(self.modules[1], self.path, VELOCITY)
        return PathDynamics(prediction, epsilon, condition)

    def gradients(self, way, solver, times, noise=None, space=None):
        """Of a loss, with respect to the initial state and to every parameter."""
        epsilon = proportional(0.5, Linear()) if solver.stochastic else None
        x, times = self.start, torch.as_tensor(times, dtype=torch.float64)
        noise = noise or Noise.of(1, 5)
        made = solve(self.dynamics(epsilon), x, times, solver, noise, space=space, gradient=way)
        loss = sum((weights(leaf) * leaf.sin()).sum() for leaf in leaves(made.x).values())
        inputs = [*leaves(x).values(), *self.modules.parameters()]
        return torch.autograd.grad(loss, inputs), made


class FromData(Problem):
    """A data prediction, whose drift has a part that is linear in the state."""

    path = VP()

    def dynamics(self, epsilon):
        condition = {"y": self.modules[0](normal("y"))}
        prediction = NetworkPrediction(self.modules[1], self.path, DATA)
        return PathDynamics(prediction, epsilon, condition)


class Bridge(Problem):
    """An x0 that takes part in the steps, and that the network sees."""

    path = TwoSidedLinear(BrownianGamma())

    def dynamics(self, epsilon):
        x0 = self.modules[0](normal("y"))

        def function(x, t, condition):
            return self.modules[1](x, t, {"x0": x0})

        return PathDynamics(NetworkPrediction(function, self.path, DATA), epsilon, x0=x0)


class TwoParts(Problem):
    """Values of two parts."""

    path = TwoSidedLinear(BrownianGamma())

    def network(self):
        return Network(2, 4)

    def dynamics(self, epsilon):
        y = self.modules[0](normal("y"))

        def function(x, t, condition):
            return Pair(*self.modules[1](x, t, {"y": y}).chunk(2, 1))

        return PathDynamics(NetworkPrediction(function, self.path, PAIR), epsilon)


class Tree(Problem):
    """Two leaves on two paths."""

    path = Product({"a": VP(), "b": Linear()})

    def begin(self):
        return {k: normal(k).requires_grad_() for k in ("b", "a")}

    def dynamics(self, epsilon):
        y = self.modules[0](normal("y"))

        def function(x, t, condition):
            return {
                "b": self.modules[1](x["a"], t, {"y": y}),
                "a": self.modules[1](x["b"], t, {"y": x["a"]}),
            }

        return PathDynamics(NetworkPrediction(function, self.path, DATA), epsilon)


PROBLEMS = {"velocity": Problem, "data": FromData, "bridge": Bridge, "pair": TwoParts, "tree": Tree}
EVERY = pytest.mark.parametrize("problem", PROBLEMS)


def grid(steps, start=0.05, end=0.8):
    return UniformGrid().times(steps, Linear(), start, end)


def distance(made, truth):
    """Relative, over all inputs; and nothing may be missed."""
    assert all(bool(share.abs().max() > 0) for share in truth)
    a, b = (torch.cat([share.flatten().double() for share in shares]) for shares in (made, truth))
    return float((a - b).norm() / b.norm())


@EVERY
@pytest.mark.parametrize("name", ["euler", "rk4", "ab3", "reversible-heun", "srk"])
def test_checkpoint_is_direct(problem, name):
    problem, solver = PROBLEMS[problem](), SOLVERS[name]
    truth, direct = problem.gradients("direct", solver, grid(6))
    gradients, made = problem.gradients("checkpoint", solver, grid(6))
    assert distance(gradients, truth) < 1e-12
    assert made.nfe == direct.nfe and made.status.tolist() == [0] * 5


@BOTH
@EVERY
def test_reversible_is_direct(problem, stochastic):
    problem, solver = PROBLEMS[problem](), ReversibleHeun(stochastic)
    truth, direct = problem.gradients("direct", solver, grid(40))
    gradients, made = problem.gradients("reversible", solver, grid(40))
    assert distance(gradients, truth) < 1e-12
    assert made.nfe == direct.nfe == 41 and made.status.tolist() == [0] * 5


@EVERY
@pytest.mark.parametrize("solver", [RK4(), RK5()], ids=["rk4", "rk5"])
def test_adjoint_is_direct_on_a_fine_grid(problem, solver):
    problem = PROBLEMS[problem]()
    truth, direct = problem.gradients("direct", solver, grid(60))
    gradients, made = problem.gradients("adjoint", solver, grid(60))
    assert distance(gradients, truth) < 1e-6
    assert made.nfe == direct.nfe and made.status.tolist() == [0] * 5


def slope(steps, errors):
    return -float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("euler", (100, 200, 400)),
        ("heun", (20, 40, 80)),
        ("midpoint", (20, 40, 80)),
        ("reversible-heun", (20, 40, 80)),
        ("ab2", (40, 80, 160)),
        ("heun3", (10, 20, 40)),
        ("rk4", (8, 16, 32)),
    ],
)
def test_the_error_of_the_adjoint_falls_at_the_order_of_the_solver(name, steps):
    problem = FromData()
    truth, _ = problem.gradients("direct", RK5(), grid(100, 0.2))
    made = [problem.gradients("adjoint", SOLVERS[name], grid(n, 0.2))[0] for n in steps]
    errors = [distance(gradients, truth) for gradients in made]
    assert abs(slope(steps, errors) - SOLVERS[name].order) < 0.2


@pytest.fixture(scope="module", params=["velocity", "tree"])
def random(request):
    """A problem with a path of W for each sample, and its gradients on a fine grid."""
    problem, noise = PROBLEMS[request.param](), BrownianTree.of(7, 5)
    return problem, noise, problem.gradients("direct", SRK15(), grid(256, 0.2), noise)[0]


@pytest.mark.parametrize("name", ["euler-maruyama", "reversible-heun-sde", "srk"])
def test_the_adjoint_of_an_sde_follows_the_same_brownian_path(name, random):
    """Its error falls at the strong order for additive noise, or faster."""
    problem, noise, truth = random
    solver, steps = SOLVERS[name], (8, 16, 32, 64)
    made = [problem.gradients("adjoint", solver, grid(n, 0.2), noise)[0] for n in steps]
    assert slope(steps, [distance(shares, truth) for shares in made]) > solver.strong_order - 0.2


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_has_the_adjoint_or_refuses_it(name):
    problem, solver = Problem(), SOLVERS[name]
    try:
        made, _ = problem.gradients("adjoint", solver, grid(64))
    except InputError as error:
        assert "path" in str(error)
    else:
        truth, _ = problem.gradients("direct", solver, grid(64))
        assert distance(made, truth) < 0.03


def test_direct_is_a_finite_difference():
    """Of every parameter at once, along one direction."""
    problem, h = FromData(), 1e-6
    gradients, _ = problem.gradients("direct", ReversibleHeun(), grid(10))
    inputs = [problem.start, *problem.modules.parameters()]
    direction = [torch.randn_like(leaf) for leaf in inputs]
    losses = []
    for sign in (-1, 1):
        with torch.no_grad():
            for leaf, way in zip(inputs, direction, strict=True):
                leaf += (sign + (sign > 0)) * h * way  # first to one side, then across to the other
            made = solve(problem.dynamics(None), problem.start, grid(10), ReversibleHeun()).x
            losses.append(float((weights(made) * made.sin()).sum()))
    along = sum(float((g * v).sum()) for g, v in zip(gradients, direction, strict=True))
    assert (losses[1] - losses[0]) / (2 * h) == pytest.approx(along, rel=1e-7)


@WAYS
def test_what_takes_part_at_some_times_only_is_found(way):
    """One parameter before t = ½, another one after it, and one that never does."""
    early, late, never = (
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1, 2, 3)
    )

    def function(t, x):
        return (early if t < 0.5 else late) * x

    dynamics = PathDynamics(FunctionPrediction(function, Linear(), VELOCITY))
    x = normal("x")
    made = solve(dynamics, x, grid(256, 0.0, 1.0), ReversibleHeun(), gradient=way).x
    shares = torch.autograd.grad(made.sum(), [early, late, never], allow_unused=True)
    wanted = float(made.detach().sum()) / 2  # of x exp(½ early + ½ late)
    assert float(shares[0]) == pytest.approx(wanted, rel=0.02)
    assert float(shares[1]) == pytest.approx(wanted, rel=0.02)
    assert shares[2] is None


@ENDS
def test_what_made_a_condition_is_passed_once(way):
    """Not at each step: an encoder may cost more than the network."""
    problem, passes = Problem(), []
    dynamics = problem.dynamics(None)
    dynamics.condition["y"].grad_fn.register_hook(lambda *_: passes.append(1))
    solve(dynamics, problem.start, grid(9), ReversibleHeun(), gradient=way).x.sum().backward()
    assert len(passes) == 1 and problem.modules[0].weight.grad.abs().max() > 0


@ENDS
def test_a_graph_made_before_may_be_closed_over(way):
    """Also where it takes part in the loss itself."""
    scale, x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True), normal("x")

    def gradient(way):
        rate = scale.sin().exp()
        dynamics = PathDynamics(FunctionPrediction(lambda t, x: rate * x, Linear(), VELOCITY))
        made = solve(dynamics, x, grid(100), ReversibleHeun(), gradient=way).x
        return torch.autograd.grad(made.square().sum() + rate**2, scale)[0]

    torch.testing.assert_close(gradient(way), gradient("direct"), rtol=1e-6, atol=0)


@WAYS
def test_a_second_backward_pass_gives_the_same(way):
    problem = Problem()
    made = solve(problem.dynamics(None), problem.start, grid(9), ReversibleHeun(), gradient=way).x
    first, second = (
        torch.autograd.grad(made.sum(), problem.start, retain_graph=True) for _ in "ab"
    )
    assert torch.equal(*first, *second)


@WAYS
def test_without_gradients_there_is_no_graph(way):
    problem = Problem()
    with torch.no_grad():
        made = solve(problem.dynamics(None), problem.start, grid(9), ReversibleHeun(), gradient=way)
    direct = solve(problem.dynamics(None), problem.start, grid(9), ReversibleHeun())
    assert not made.x.requires_grad and made.nfe == direct.nfe == 10
    torch.testing.assert_close(made.x, direct.x, rtol=1e-12, atol=1e-12)


class Symmetric(Problem):
    """Symmetric edges and nodes; the network may leave their space, or not."""

    space = TreeSpace({"edges": SymmetricSpace((3, 3, 1)), "nodes": TensorSpace((3, 2))})

    def __init__(self, keeps):
        super().__init__()
        self.keep = self.space.project if keeps else lambda x: x

    def network(self):
        return Network(0)

    def begin(self):
        x = Linear().prior(Noise.of(0, 5, space=self.space), self.space, torch.float64)
        return {k: leaf.requires_grad_() for k, leaf in x.items()}

    def dynamics(self, epsilon):
        def function(t, x):
            x = self.keep(x)
            pairs = torch.einsum("bik,bjk->bij", x["nodes"], x["nodes"]).unsqueeze(-1)
            given = torch.cat((x["edges"], pairs), -1)
            time = torch.full(given.shape[:-1], t, dtype=torch.float64)
            spread = self.modules[1](given.flatten(0, 2), time.flatten(), None)
            spread = spread.reshape(*given.shape[:-1], 2)
            return self.keep({"edges": spread[..., :1], "nodes": self.modules[0](spread.sum(2))})

        return PathDynamics(FunctionPrediction(function, Linear(), VELOCITY), epsilon)

    def projected(self, way, solver, noise=None):
        noise = noise or Noise.of(2, 5, space=self.space)
        return self.gradients(way, solver, grid(50), noise, self.space)[0]


@BOTH
@pytest.mark.parametrize(
    ("way", "error"), [("checkpoint", 1e-12), ("reversible", 1e-12), ("adjoint", 1e-4)]
)
def test_projections_are_passed_through(way, error, stochastic):
    problem, solver = Symmetric(keeps=True), ReversibleHeun(stochastic)
    truth = problem.projected("direct", solver)
    noise = Noise.of(2, 5, space=Symmetric.space)
    assert distance(problem.gradients("direct", solver, grid(50), noise)[0], truth) > 0.05
    assert distance(problem.projected(way, solver), truth) < error


@pytest.mark.parametrize(
    ("way", "error"), [("checkpoint", 1e-12), ("adjoint", 1e-3), ("reversible", 1e-3)]
)
def test_a_network_may_leave_the_space_between_projections(way, error):
    problem, solver = Symmetric(keeps=False), ReversibleHeun()
    truth = problem.projected("direct", solver)
    assert distance(problem.projected(way, solver), truth) < error


def test_noise_may_leave_the_space_between_projections():
    """And what the network sees is the space's share of it."""
    problem, noise, solver = Symmetric(keeps=True), Noise.of(2, 5), ReversibleHeun(stochastic=True)
    truth = problem.projected("direct", solver, noise)
    assert distance(problem.projected("reversible", solver, noise), truth) < 1e-12
