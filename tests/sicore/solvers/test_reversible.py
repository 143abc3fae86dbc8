"""Reversible Heun: the paper's formula, a way back to rounding, and its strong order."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from sicore.dynamics import PathDynamics, proportional
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import VP, BrownianGamma, Linear, Product, TwoSidedLinear
from sicore.predictions import DATA, PAIR, VELOCITY, FunctionPrediction
from sicore.solvers import ReversibleHeun, Step, UniformGrid, solve
from sicore.states import BrownianTree, Noise, leaves, scale, tree_map


def mixture(n, seed):
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    spread = 0.3 * torch.eye(2, dtype=torch.float64).expand(n, 2, 2)
    return GaussianMixture(torch.full((n,), 1 / n, dtype=torch.float64), means, spread)


def tree_dynamics(epsilon):
    """Two leaves on two paths, mixed by a function that is not linear."""
    path = Product({"a": Linear(), "b": VP()})

    def denoiser(t, x):
        return {"a": torch.tanh(x["b"] + x["a"]), "b": torch.sin(x["a"]) + 0.2 * x["b"]}

    return PathDynamics(FunctionPrediction(denoiser, path, DATA), epsilon)


def dynamics_of(name, stochastic):
    epsilon = proportional(0.7, Linear()) if stochastic else None
    if name == "tree":
        return tree_dynamics(epsilon)
    two_sided = name == "pair"
    path = {"velocity": Linear(), "data": VP(), "pair": TwoSidedLinear(BrownianGamma())}[name]
    law = ExactPath(path, mixture(3, 0), mixture(2, 1) if two_sided else None)
    kind = {"velocity": VELOCITY, "data": DATA, "pair": PAIR}[name]
    return PathDynamics(law.prediction(kind), epsilon)


def start(name, n=6):
    noise = Noise.of(4, n)
    if name == "tree":
        return {k: noise.normal((2,), torch.float64, k) for k in ("a", "b")}
    return noise.normal((2,), torch.float64)


def gap(x, y):
    return max(float(leaf.abs().max()) for leaf in leaves(tree_map(torch.sub, x, y)).values())


EVERY = pytest.mark.parametrize("name", ["velocity", "data", "pair", "tree"])
BOTH = pytest.mark.parametrize("stochastic", [False, True], ids=["ode", "sde"])


@BOTH
@EVERY
def test_it_is_the_formula_of_the_paper(name, stochastic):
    dynamics, x, noise = dynamics_of(name, stochastic), start(name), Noise.of(3, 6)
    times = torch.linspace(0.05, 0.9, 8, dtype=torch.float64)

    def noisy(t, w):
        return scale(float(dynamics.diffusion(t)), w)

    def add(*terms):
        return tree_map(lambda *leaf: sum(leaf), *terms)

    z = ahead = x
    for i, (t, s) in enumerate(pairwise(times)):
        h, w = float(s - t), noise.named("solve").at(i).increment(float(t), float(s), x)
        here = dynamics.drift(t, ahead)
        later = add(scale(2.0, z), scale(-1.0, ahead), scale(h, here), noisy(t, w))
        there = dynamics.drift(s, later)
        kick = scale(0.5, add(noisy(t, w), noisy(s, w)))
        z, ahead = add(z, scale(h / 2, add(here, there)), kick), later
    made = solve(dynamics, x, times, ReversibleHeun(stochastic), noise)
    assert gap(made.x, z) < 1e-12 and made.nfe == len(times)


@BOTH
@EVERY
def test_a_hundred_steps_are_undone_to_rounding(name, stochastic):
    dynamics, x, noise = dynamics_of(name, stochastic), start(name), Noise.of(3, 6)
    solver, times = ReversibleHeun(stochastic), UniformGrid().times(100, Linear(), 0.05, 0.9)
    ends, halves = times.tolist(), solver.halves(dynamics, times)
    steps = [Step(i, ends[i], ends[i + 1], half) for i, half in enumerate(halves)]
    carry, states = (x, *dynamics.evaluate(ends[0], x)), [x]
    for step in steps:
        x, carry = solver.forth(dynamics, step, x, carry, noise.named("solve").at(step.number))
        states.append(x)
    assert gap(x, solve(dynamics, states[0], times, solver, noise).x) < 1e-12
    for step in reversed(steps):
        x, carry = solver.reverse(dynamics, step, x, carry, noise.named("solve").at(step.number))
        assert gap(x, states[step.number]) < 1e-12
    assert gap(carry[0], states[0]) < 1e-12


def test_one_step_is_a_step_of_a_pair_that_begins_together():
    """``ẋ = −x``: ``x' = x (1 − h/2 − h/2 (1 − h))``."""
    dynamics = PathDynamics(FunctionPrediction(lambda t, x: -x, Linear(), VELOCITY))
    made = solve(dynamics, torch.ones(1, 1).double(), torch.tensor([0.2, 0.6]), ReversibleHeun())
    h = float(made.times[1] - made.times[0])
    assert float(made.x) == pytest.approx(1 - h / 2 - h / 2 * (1 - h), abs=1e-15) and made.nfe == 2


def test_its_strong_order_on_one_brownian_path():
    dynamics, x, noise = (
        dynamics_of("velocity", True),
        start("velocity", 32),
        BrownianTree.of(0, 32),
    )
    solver = ReversibleHeun(stochastic=True)

    def end(steps):
        return solve(dynamics, x, UniformGrid().times(steps, Linear(), 0.1, 0.9), solver, noise).x

    truth, steps = end(1024), (16, 32, 64, 128)
    errors = [float((end(n) - truth).square().mean().sqrt()) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(slope - solver.strong_order) < 0.2
