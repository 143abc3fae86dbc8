"""Step by step the same as an independent library, on the same Brownian path, where it is there."""

import math

import pytest
import torch

from sicore.dynamics import DiagonalSDE, Dynamics
from sicore.solvers import SRK15, EulerMaruyama, Milstein, StochasticHeun, solve
from sicore.states import BrownianTree

torchsde = pytest.importorskip("torchsde")

B, D, STEPS = 16, 3, 16
X = torch.linspace(-1, 1, B * D, dtype=torch.float64).reshape(B, D)


class Path(torchsde.BaseBrownian):
    """A Brownian tree, as torchsde asks for one."""

    levy_area_approximation = "space-time"
    dtype, device, shape = torch.float64, torch.device("cpu"), (B, D)

    def __init__(self):
        super().__init__()
        self.tree = BrownianTree.of(0, B).named("solve")

    def __repr__(self):
        return "the path of a tree"

    def __call__(self, ta, tb=None, return_U=False, return_A=False):
        step = (float(ta), float(tb))
        increment = self.tree.increment(*step, X)
        if not return_U:
            return increment
        return increment, self.tree.area(*step, X)


class Theirs(torch.nn.Module):
    def __init__(self, f, g, noise_type, sde_type):
        super().__init__()
        self.f, self.g, self.noise_type, self.sde_type = f, g, noise_type, sde_type


class Additive(Dynamics):
    """``g(t)`` for every number alike."""

    stochastic, direction = True, 1

    def __init__(self, f, g):
        self.f, self.g = f, g

    def drift(self, t, x):
        return self.f(t, x)

    def diffusion(self, t):
        return torch.tensor([self.g(time) for time in t], dtype=t.dtype)


def by_time(g):
    """The diffusion of additive noise, in torchsde's shape: a matrix for each sample."""
    return lambda t, y: (g(t) * torch.eye(D, dtype=y.dtype)).expand(B, D, D)


def decay(t, x):
    return -2 * x


def pendulum(t, x):
    return torch.sin(3 * x) + math.cos(2 * float(t))


def half(t):
    return 0.5


def wave(t):
    return 1 + 0.8 * math.sin(5 * float(t))


def growing(t, x):
    return 0.8 * x


def bounded(t, x):
    return torch.sin(x) + 2 + t


PROBLEMS = {
    "Ornstein–Uhlenbeck": (decay, half, EulerMaruyama(), "euler"),
    "wave, Heun": (pendulum, wave, StochasticHeun(), "heun"),
    "wave, Runge–Kutta": (pendulum, wave, SRK15(), "srk"),
    "geometric Brownian motion": (decay, growing, EulerMaruyama(), "euler"),
    "geometric Brownian motion, Milstein": (decay, growing, Milstein(), "milstein"),
    "bounded noise, Milstein": (pendulum, bounded, Milstein(), "milstein"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_agreement(name):
    f, g, solver, method = PROBLEMS[name]
    multiplicative = g in (growing, bounded)
    ours = DiagonalSDE(f, g) if multiplicative else Additive(f, g)
    kind = "diagonal" if multiplicative else "additive"
    theirs = Theirs(f, g if multiplicative else by_time(g), kind, "ito")
    if method == "heun":
        theirs.sde_type = "stratonovich"  # the same, for additive noise
    times = torch.linspace(0, 1, STEPS + 1, dtype=torch.float64)
    x = solve(ours, X, times, solver, BrownianTree.of(0, B)).x
    y = torchsde.sdeint(theirs, X, times, bm=Path(), method=method, dt=1 / STEPS)[-1]
    assert (x - X).abs().max() > 0.5
    torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)
