r"""DPM-Encoder: the exact latent code of a sample under a stochastic sampler, and back.

DDIM with η > 0 (η = 1 is DDPM) makes ``x_{i+1} = M_i(x_i) + c_i ε_i`` from ``x_0`` and the noises
``ε_i``. Given x1, draw a whole trajectory ``x_i = β_i x1 + γ_i z_i`` from its posterior,
``z_{i+1} = ρ_i z_i + √(1 − ρ_i²) ξ_i`` with the sampler's own ρ, and solve each step for its noise:

``ε_i = (x_{i+1} − M_i(x_i))/c_i``.

The sampler then gives x1 back from ``(x_0, ε)``, and another one, trained on other data or given
another condition, makes of the same code the sample of its own that has most in common.

A last step into γ = 0 has no noise that could be solved for, so the code has one more:
``x1 = E[x1|x_N] + c_N ε_N`` with ``c_N = γ_N/√(β_N² + γ_N²)``, which is the deviation of x1 given
``x_N`` for normal data of unit variance, and near it for others where γ_N is small.

Source: Wu and De la Torre, "A latent space of stochastic diffusion models for zero-shot image
editing and guidance" (CycleDiffusion), 2023, algorithms 1 and 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.predictions import Row
from sicore.solvers.exponential import DDIM
from sicore.solvers.solve import Solution, status_of
from sicore.solvers.table import Move, Sketch, scalars
from sicore.states import (
    Noise,
    Scalar,
    State,
    StateSpace,
    batch_size,
    combine,
    leaves,
    scale,
    tree_map,
    weighted_sum,
)


@dataclass(frozen=True)
class Latent:
    """The code of a batch of states.

    Attributes:
        x: the states at the first time, ``(B, ...)``.
        noise: the noise of each step, and of the last one into the data, ``(N, B, ...)``.
        times: the grid that it belongs to, without an end where γ = 0.
        eta: η of the sampler.
        nfe: network calls for each sample.
    """

    x: State
    noise: State
    times: Tensor
    eta: float
    nfe: int


def encode(
    dynamics: Dynamics,
    x1: State,
    times: Tensor,
    eta: float = 1.0,
    noise: Noise | None = None,
    space: StateSpace | None = None,
) -> Latent:
    """Draw the latent code of data.

    A step is solved at the state that decoding will reach, so that rounding does not add up.

    Args:
        dynamics: the ODE of a prediction on a path from normal noise.
        x1: data ``(B, ...)``.
        times: rising grid, float64 ``(N + 1,)``. Where it starts later than at pure noise, the
            code holds a noisy x1, and decoding keeps more of it.
        eta: η in (0, 1]; less of it leaves more to the start of the trajectory.
        noise: the streams of the samples; by default those of seed 0.
        space: if given, states are projected onto it after every step, here and in decoding.

    Raises:
        InputError: for other η, on another path, or a grid that does not rise from a time with
            noise.
    """
    if not 0 < eta <= 1:
        raise InputError(f"encode: expected eta in (0, 1], got {eta}; without noise there is no ε")
    inner = _inner(dynamics.interpolant, times)
    moves = _moves(dynamics, inner, eta)
    points = _trajectory(dynamics, x1, inner, eta, _streams(x1, noise))
    x = first = points[0]
    drawn: list[State] = []
    for move, after in zip(moves, [*points[1:], x1], strict=True):
        mean, deviation = _mean(dynamics, move, x)
        drawn.append(scale(_inverse(deviation), combine(1.0, after, -1.0, mean)))
        x = _next(mean, deviation, drawn[-1], space)
    stacked = tree_map(lambda *parts: torch.stack(parts), *drawn)
    return Latent(first, stacked, inner, eta, len(moves) * dynamics.calls)


def decode(dynamics: Dynamics, latent: Latent, space: StateSpace | None = None) -> Solution:
    """The data of a latent code.

    Args:
        dynamics: those that it was encoded with, for the same data; or others on the same path.
        latent: from ``encode``.
        space: as there.
    """
    moves, x = _moves(dynamics, latent.times, latent.eta), latent.x
    for i, move in enumerate(moves):
        mean, deviation = _mean(dynamics, move, x)
        epsilon: State = tree_map(lambda leaf, i=i: leaf[i], latent.noise)
        x = _next(mean, deviation, epsilon, space)
    return Solution(x, latent.times, len(moves) * dynamics.calls, status_of(x))


def _inner(path: Interpolant, times: Tensor) -> Tensor:
    """The times at which there is noise."""
    times = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    if times.ndim != 1 or not bool((times.diff() > 0).all()):
        raise InputError(f"encode: expected a rising grid, got {times.tolist()}")
    noisy = (path.at(times).gamma > 0).reshape(-1, len(times)).all(0)
    if not bool(noisy[:-1].all()) or not bool(noisy[:1].all()):
        raise InputError(f"encode: expected times with noise, got {times.tolist()}")
    return times if bool(noisy[-1]) else times[:-1]


def _moves(dynamics: Dynamics, times: Tensor, eta: float) -> Sequence[Move]:
    """DDIM's steps, and the one from the last time into the data."""
    last = times[-1:]
    p = dynamics.interpolant.at(last)
    sketch = Sketch(dynamics, last, last, draws=1)
    zero = torch.zeros_like(p.beta)
    data = dynamics.express(p, Row(zero, torch.ones_like(zero), zero), "the data")
    mean = sketch.apply(data, sketch.x, sketch.evaluate(last, sketch.x))
    spread = p.gamma * (p.beta**2 + p.gamma**2).rsqrt()
    closing = sketch.moves(mean + spread * sketch.noise[0])
    steps = DDIM(eta).prepare(dynamics, times) if len(times) > 1 else ()
    return [*steps, *closing]


def _trajectory(
    dynamics: Dynamics, x1: State, times: Tensor, eta: float, streams: Noise
) -> list[State]:
    """A draw of the states at all times given x1, in the law that the sampler's posterior has."""
    path = dynamics.interpolant
    p, n = path.at(times), len(times)
    beta, gamma = scalars(p.beta, n), scalars(p.gamma, n)
    kept = DDIM(eta).kept(dynamics, times[:-1], times[1:])
    old, new = scalars(kept, n - 1), scalars((1 - kept**2).sqrt(), n - 1)
    z = streams.normal_like(x1)
    points = [combine(beta[0], x1, gamma[0], z)]
    for i in range(1, n):
        z = combine(old[i - 1], z, new[i - 1], streams.at(i).normal_like(x1))
        points.append(combine(beta[i], x1, gamma[i], z))
    return points


def _mean(dynamics: Dynamics, move: Move, x: State) -> tuple[State, Scalar]:
    """A step without its noise, by one evaluation, and the deviation of that noise."""
    ((time, _),) = move.stages
    place = 1 + len(dynamics.constants)
    weights = (*move.final[:place], 0.0, *move.final[place + 1 :])
    registers = (x, *dynamics.constants, x, *dynamics.evaluate(time, x))
    return weighted_sum(weights, registers), move.final[place]


def _next(mean: State, deviation: Scalar, epsilon: State, space: StateSpace | None) -> State:
    x = combine(1.0, mean, deviation, epsilon)
    return x if space is None else space.project(x)


def _inverse(c: Scalar) -> Scalar:
    return tuple(1 / v for v in c) if isinstance(c, tuple) else 1 / c


def _streams(x: State, noise: Noise | None) -> Noise:
    if noise is None:
        noise = Noise.of(0, batch_size(x), device=next(iter(leaves(x).values())).device)
    return noise.named("encode")
