"""What the ways to gradients cost in memory and in precision, and what they refuse."""

import re

import pytest
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sicore.dynamics import DiagonalSDE, PathDynamics, constant, proportional
from sicore.errors import ConversionError, InputError
from sicore.interpolants import Linear
from sicore.likelihood import ExactDivergence, HutchinsonDivergence, log_likelihood, normal_log_prob
from sicore.predictions import VELOCITY, FunctionPrediction, NetworkPrediction
from sicore.solvers import (
    DDIM,
    RK4,
    Euler,
    EulerMaruyama,
    Heun,
    Midpoint,
    Milstein,
    ReversibleHeun,
    UniformGrid,
    solve,
)
from sicore.states import Noise, scale

WAYS = pytest.mark.parametrize("way", ["checkpoint", "adjoint", "reversible"])
ENDS = pytest.mark.parametrize("way", ["adjoint", "reversible"])


class UNet(nn.Module):
    """One level down and up again, as small as it can be."""

    def __init__(self, width=8, dtype=torch.float32):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(2, width, 3, padding=1)
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.middle = nn.Sequential(nn.GroupNorm(2, width), nn.SiLU(), nn.Conv2d(width, width, 1))
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.head = nn.Conv2d(2 * width, 1, 3, padding=1)
        self.to(dtype)

    def forward(self, x, t, condition=None):
        clock = t.reshape(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
        high = torch.nn.functional.silu(self.stem(torch.cat((x, clock), 1)))
        low = self.down(high)
        low = self.up(low + self.middle(low))
        return 2 * self.head(torch.cat((high, low), 1))


def pictures(dtype=torch.float32):
    return Noise.of(0, 4).normal((1, 8, 8), torch.float32).to(dtype).requires_grad_()


def backpropagated(way, solver, steps, dtype=torch.float32, epsilon=None, rate=0.0):
    """The gradient of all; the drift is that of the network, less a rate times the state."""
    network, x = UNet(dtype=dtype), pictures(dtype)

    def velocity(x, t, condition):
        return network(x, t) - rate * x

    dynamics = PathDynamics(NetworkPrediction(velocity, Linear(), VELOCITY), epsilon)
    times = UniformGrid().times(steps, Linear())
    made = solve(dynamics, x, times, solver, Noise.of(1, 4), gradient=way)
    made.x.square().mean().backward()
    shares = [x.grad, *(p.grad for p in network.parameters())]
    return torch.cat([share.flatten().double() for share in shares])


class Live(TorchDispatchMode):
    """The bytes of all tensors that operations make, as they come and go."""

    def __init__(self):
        super().__init__()
        self.known, self.peak = {}, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self.known[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.known = {k: v for k, v in self.known.items() if not v[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.known.values()))
        return made


def peak(way, solver, steps, epsilon=None):
    with Live() as live:
        backpropagated(way, solver, steps, epsilon=epsilon)
    return live.peak


STEPPED = {
    "adjoint": ("adjoint", Midpoint(), None),
    "adjoint of an SDE": ("adjoint", EulerMaruyama(), proportional(0.5, Linear())),
    "reversible": ("reversible", ReversibleHeun(), None),
    "reversible SDE": ("reversible", ReversibleHeun(stochastic=True), proportional(0.5, Linear())),
}


@pytest.mark.parametrize("case", STEPPED)
def test_memory_does_not_grow_with_the_number_of_steps(case):
    """Save for the times themselves; a state has 4 · 64 numbers."""
    way, solver, epsilon = STEPPED[case]
    few, many = (peak(way, solver, steps, epsilon) for steps in (5, 35))
    assert many - few <= 30 * 4 * 8


def test_checkpoints_are_the_states_and_one_graph():
    """Against all graphs; a state has 4 · 64 numbers of 4 bytes."""
    direct = [peak("direct", Euler(), steps) for steps in (5, 15)]
    kept = [peak("checkpoint", Euler(), steps) for steps in (5, 15)]
    assert kept[1] - kept[0] <= 10 * 2 * 4 * 64 * 4
    assert direct[1] - direct[0] > 10 * (kept[1] - kept[0])


def test_the_way_back_holds_one_graph_at_a_time():
    """Like the adjoint, and a few states more; the others show what a graph is."""
    graph = peak("direct", Euler(), 3) - peak("direct", Euler(), 2)
    assert peak("reversible", ReversibleHeun(), 5) < peak("adjoint", Euler(), 5) + graph / 2


@pytest.mark.parametrize(("rate", "least"), [(0.0, 1e-6), (12.0, 2e-6)])
def test_reversible_in_float32_is_as_good_as_float32_allows(rate, least):
    """Against float64; with the rate, states contract by e¹², and errors would grow so much.

    The direct way rounds the state at each step, which the reversible way does not.
    """
    truth = backpropagated("direct", ReversibleHeun(), 100, torch.float64, rate=rate)
    errors = {}
    for way in ("direct", "reversible"):
        shares = backpropagated(way, ReversibleHeun(), 100, rate=rate)
        errors[way] = float((shares - truth).norm() / truth.norm())
    assert errors["reversible"] < least and errors["reversible"] < errors["direct"]


@WAYS
def test_autocast_is_that_of_the_solve(way):
    """The backward pass, which evaluates the network again, may be outside of it."""
    network, x, seen = UNet(), pictures(), []

    def watched(x, t, condition):
        seen.append(torch.is_autocast_enabled("cpu"))
        return network(x, t)

    dynamics = PathDynamics(NetworkPrediction(watched, Linear(), VELOCITY))
    with torch.autocast("cpu", torch.bfloat16):
        made = solve(dynamics, x, UniformGrid().times(9, Linear()), ReversibleHeun(), gradient=way)
    made.x.sum().backward()
    assert len(seen) > made.nfe and all(seen)


@WAYS
@pytest.mark.parametrize("divergence", [ExactDivergence(), HutchinsonDivergence(3)], ids=repr)
def test_the_likelihood_has_them_too(way, divergence):
    """A drift that is a gradient itself, on a tree of two dtypes."""
    network, x = nn.Linear(2, 2, dtype=torch.float64), Noise.of(0, 5).normal((2,), torch.float64)
    prediction = FunctionPrediction(lambda t, x: torch.tanh(network(x)), Linear(), VELOCITY)

    def gradient(way):
        made = log_likelihood(
            prediction,
            x,
            normal_log_prob,
            solver=ReversibleHeun() if way == "reversible" else RK4(),
            times=UniformGrid().times(20, Linear()),
            divergence=divergence,
            gradient=way,
        )
        return torch.cat(
            [g.flatten() for g in torch.autograd.grad(made.log_prob.mean(), network.parameters())]
        )

    torch.testing.assert_close(gradient(way), gradient("direct"), rtol=1e-3, atol=1e-3)


def linear(rate=1.0, epsilon=None):
    return PathDynamics(
        FunctionPrediction(lambda t, x: scale(rate, x), Linear(), VELOCITY), epsilon
    )


RATE = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
LEARNED = linear(epsilon=lambda t: RATE * torch.ones_like(t))
DIAGONAL = DiagonalSDE(lambda t, x: -x, lambda t, x: x)
END, INSIDE = [0.0, 0.5, 1.0], [0.2, 0.5, 0.7]
REFUSED = {
    "name": (linear(), END, Heun(), {"gradient": "adjiont"}, "did you mean 'adjoint'?"),
    "callback": (linear(), END, Heun(), {"callbacks": (print,)}, "'adjoint' keeps nothing of the"),
    "record": (linear(), END, Heun(), {"record": True}, "use gradient='checkpoint'"),
    "solver": (linear(), END, Heun(), {"gradient": "reversible"}, "needs the solver reversible-h"),
    "no drift": (linear(), END, DDIM(), {}, "this solver needs one; use a solver that"),
    "noise": (DIAGONAL, END, Milstein(), {}, "noise that does not depend on the state"),
    "learned ε": (LEARNED, INSIDE, EulerMaruyama(), {}, "these require gradients; use gradient="),
    "learned ε, reversible": (
        LEARNED,
        INSIDE,
        ReversibleHeun(stochastic=True),
        {"gradient": "reversible"},
        "these require gradients; use gradient=",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_before_the_solve(case):
    dynamics, times, solver, settings, message = REFUSED[case]
    settings = {"gradient": "adjoint", **settings}
    with pytest.raises(InputError, match=re.escape(message)):
        solve(dynamics, torch.ones(2, 1), torch.tensor(times), solver, **settings)


@pytest.mark.parametrize("way", ["direct", "checkpoint"])
def test_a_learned_noise_level_gets_its_gradient(way):
    x = Noise.of(0, 3).normal((1,), torch.float64)
    made = solve(LEARNED, x, torch.tensor(INSIDE), EulerMaruyama(), gradient=way)
    assert torch.autograd.grad(made.x.sum(), RATE)[0].abs() > 1e-3


def test_the_adjoint_refuses_an_end_where_there_is_no_drift():
    """Euler and Maruyama's method looks at no end, but its way back begins there."""
    dynamics, x = linear(epsilon=constant(0.5)), torch.ones(2, 1)
    solve(dynamics, x, torch.tensor(END), EulerMaruyama())
    with pytest.raises(ConversionError, match="not determined by a velocity prediction at t = 1"):
        solve(dynamics, x, torch.tensor(END), EulerMaruyama(), gradient="adjoint")


@ENDS
def test_second_derivatives_are_refused(way):
    x = torch.ones(2, 1, requires_grad=True)
    made = solve(linear(), x, torch.tensor(END), ReversibleHeun(), gradient=way).x
    with pytest.raises(InputError, match="first derivatives only"):
        torch.autograd.grad(made.sum(), x, create_graph=True)


def test_checkpoints_have_second_derivatives():
    def second(way):
        x = Noise.of(0, 2).normal((1,), torch.float64).requires_grad_()
        dynamics = PathDynamics(FunctionPrediction(lambda t, x: x.sin(), Linear(), VELOCITY))
        made = solve(dynamics, x, torch.tensor(END), Heun(), gradient=way).x
        (first,) = torch.autograd.grad(made.sum(), x, create_graph=True)
        return torch.autograd.grad(first.sum(), x)[0]

    torch.testing.assert_close(second("checkpoint"), second("direct"), rtol=1e-12, atol=0)


@ENDS
def test_parameters_that_changed_since_are_noticed(way):
    network, x = nn.Linear(1, 1), torch.ones(2, 1, requires_grad=True)
    prediction = FunctionPrediction(lambda t, x: network(x), Linear(), VELOCITY)
    made = solve(PathDynamics(prediction), x, torch.tensor(END), ReversibleHeun(), gradient=way).x
    with torch.no_grad():
        network.weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        made.sum().backward()


def test_dropout_has_no_way_back():
    x = Noise.of(0, 3).normal((4,), torch.float64).requires_grad_()
    prediction = FunctionPrediction(lambda t, x: nn.functional.dropout(x), Linear(), VELOCITY)
    made = solve(
        PathDynamics(prediction), x, torch.tensor(END), ReversibleHeun(), gradient="reversible"
    )
    with pytest.raises(InputError, match="no dropout"):
        made.x.sum().backward()


def test_an_sde_has_its_noise_back():
    """Gaussian data: ``X' = X + h λ X + √(2εh) ξ``, so that ``∂X_N/∂X_0`` is a product."""
    epsilon, times = proportional(0.5, Linear()), torch.linspace(0.1, 0.9, 30, dtype=torch.float64)
    x = Noise.of(0, 3).normal((2,), torch.float64).requires_grad_()
    made = solve(linear(-1.0, epsilon), x, times, ReversibleHeun(True), gradient="reversible").x
    (share,) = torch.autograd.grad(made.sum(), x)
    with torch.no_grad():
        other = solve(linear(-1.0, epsilon), x + 1, times, ReversibleHeun(True)).x
    torch.testing.assert_close(share, other - made, rtol=1e-12, atol=1e-12)
