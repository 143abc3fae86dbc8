"""Noise that depends on the state: who takes it, and its derivative."""

import pytest
import torch

from sicore.config import Component
from sicore.dynamics import DiagonalSDE, Dynamics
from sicore.errors import InputError
from sicore.plugins import get_registry
from sicore.solvers import EulerMaruyama, Heun, Milstein, solve
from sicore.states import BrownianTree, Noise, tree_map

SDE = {
    entry.name: solver
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
    and (solver := Component.parse("solver", entry.name).build()).stochastic
}
TIMES = torch.linspace(0, 1, 9, dtype=torch.float64)
X = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)


def drift(t, x):
    return tree_map(lambda leaf: -leaf * (1 + t), x)


def diffusion(t, x):
    return tree_map(lambda leaf: torch.sin(leaf) + 2 + t, x)


def slope(t, x):
    return tree_map(torch.cos, x)


@pytest.mark.parametrize("gradients", [True, False])
def test_the_derivative_is_found(gradients):
    given, found = DiagonalSDE(drift, diffusion, slope), DiagonalSDE(drift, diffusion)
    with torch.set_grad_enabled(gradients):
        for x in (X, {"a": X, "b": X[:, :1]}):
            for a, b in zip(
                given.diffusion_slope(0.3, x), found.diffusion_slope(0.3, x), strict=True
            ):
                torch.testing.assert_close(a, b)


def test_a_step_of_milstein():
    (xi,) = Noise.of(0, 4).named("solve").coordinates(0.0, 0.25, X)
    dw = 0.5 * xi
    g, by_x = torch.sin(X) + 2, torch.cos(X)
    euler = X - 0.25 * X + g * dw
    times = torch.tensor([0.0, 0.25])
    sde = DiagonalSDE(drift, diffusion)
    torch.testing.assert_close(solve(sde, X, times, EulerMaruyama()).x, euler)
    milstein = euler + g * by_x * (dw**2 - 0.25) / 2
    torch.testing.assert_close(solve(sde, X, times, Milstein()).x, milstein)


class Additive(Dynamics):
    stochastic, direction = True, 1

    def drift(self, t, x):
        return drift(t, x)

    def diffusion(self, t):
        return 2 + t


@pytest.mark.parametrize("solver", [EulerMaruyama(), Milstein()])
def test_noise_that_does_not_depend_on_the_state_after_all(solver):
    """Both ways to say so agree."""
    sde = DiagonalSDE(drift, lambda t, x: torch.full_like(x, 2 + t))
    noise = BrownianTree.of(0, 4)
    one, other = (solve(d, X, TIMES, solver, noise).x for d in (sde, Additive()))
    torch.testing.assert_close(one, other)


def test_trees_dtypes_and_calls():
    x = {"a": X.float(), "b": X[:, :1].float()}
    made = solve(DiagonalSDE(drift, diffusion), x, TIMES, Milstein())
    assert made.nfe == 8 and made.status.tolist() == [0] * 4
    assert {k: v.dtype for k, v in made.x.items()} == {"a": torch.float32, "b": torch.float32}
    alone = solve(DiagonalSDE(drift, diffusion), {"b": x["b"]}, TIMES, Milstein())
    torch.testing.assert_close(made.x["b"], alone.x["b"])


@pytest.mark.parametrize("name", [n for n, s in SDE.items() if not isinstance(s, EulerMaruyama)])
def test_solvers_for_additive_noise_refuse_it(name):
    """Those of a path want a path; the others name what takes it."""
    says = "diffusion depends on the state.*use EulerMaruyama or Milstein|has no path"
    with pytest.raises(InputError, match=says):
        solve(DiagonalSDE(drift, diffusion), X, TIMES, SDE[name])


@pytest.mark.parametrize("gradient", ["direct", "checkpoint"])
def test_gradients_go_through_the_derivative(gradient):
    def loss(scale):
        sde = DiagonalSDE(drift, lambda t, x: scale * torch.sin(x) + 1)
        return solve(sde, X, TIMES, Milstein(), gradient=gradient).x.square().sum()

    scale, h = torch.tensor(0.7, dtype=torch.float64, requires_grad=True), 1e-5
    (found,) = torch.autograd.grad(loss(scale), scale)
    with torch.no_grad():
        torch.testing.assert_close(
            found, (loss(scale + h) - loss(scale - h)) / (2 * h), rtol=1e-6, atol=0
        )


def test_it_runs_forward_and_is_no_ode():
    with pytest.raises(InputError, match="run forward in t"):
        solve(DiagonalSDE(drift, diffusion), X, TIMES.flip(0), Milstein())
    with pytest.raises(InputError, match="solver Heun is for ODEs"):
        solve(DiagonalSDE(drift, diffusion), X, TIMES, Heun())
