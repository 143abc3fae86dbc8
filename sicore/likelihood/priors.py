"""Log-densities of starting states, and the grid of a likelihood that ends at a noise level."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant, OneSided
from sicore.likelihood.flow import LogProb
from sicore.solvers import NoiseLevelGrid
from sicore.states import Scalar, State, by_leaf, combine, leaves, tree_map


def normal_log_prob(x: State, std: Scalar = 1.0) -> Tensor:
    """``log N(x; 0, std² I)`` over all entries of each sample, in nats, float64 ``(B,)``.

    Args:
        x: states ``(B, ...)``.
        std: a number, one per sample ``(B,)``, or a row per leaf.

    Raises:
        InputError: if a deviation is not positive.
    """

    def leafwise(leaf: Tensor, deviation: Scalar) -> Tensor:
        spread = torch.as_tensor(deviation, dtype=torch.float64, device=leaf.device)
        if not bool((spread > 0).all()):
            raise InputError(f"normal_log_prob: expected deviations > 0, got {spread.tolist()}")
        square = leaf.double().flatten(1).square().sum(1) / spread**2
        return -square / 2 - leaf[0].numel() * (spread.log() + math.log(2 * math.pi) / 2)

    parts = leaves(tree_map(leafwise, x, by_leaf(std, x)))
    return torch.stack(list(parts.values())).sum(0)


def normal_prior(
    interpolant: Interpolant, t: Tensor | float = 0.0, x0: State | None = None
) -> LogProb:
    """The log-density of what ``Interpolant.prior`` draws at time t.

    ``N(0, β² + γ²)`` from noise, which is the law of ``x_t`` itself where β = 0 and stands for it
    elsewhere; ``N((α + β) x0, γ²)`` given the source states of a bridge. Over all entries, so not
    for a space whose entries are not all free.

    Args:
        interpolant: the path.
        t: the first time of the grid.
        x0: the source states of a bridge, ``(B, ...)``.

    Raises:
        InputError: on a two-sided path without x0, where the prior is the law of the source; and
            where the start is not normal.
    """
    p = interpolant.at(t)
    if not interpolant.gaussian:
        raise InputError(f"{type(interpolant).__name__}: its starting states are not normal")
    if interpolant.two_sided == (x0 is None):
        need = "give the log-density of its source" if x0 is None else "it has no x0"
        raise InputError(f"{type(interpolant).__name__}: normal_prior does not apply: {need}")
    if x0 is None:
        return partial(normal_log_prob, std=(p.beta**2 + p.gamma**2).sqrt())
    mean = p.alpha + p.beta
    return lambda x: normal_log_prob(combine(1.0, x, -mean, x0), p.gamma)


def noise_level_times(
    interpolant: Interpolant,
    steps: int,
    sigma_min: float,
    sigma_max: float = 80.0,
    rho: float = 7.0,
) -> Tensor:
    """A grid that ends at noise level ``σ = γ/β = sigma_min``, short of t = 1.

    ``steps + 1`` times at levels that are equally far apart in ``σ^(1/ρ)``, between sigma_max and
    sigma_min or the path's own ends, if they lie between; see ``sicore.solvers.NoiseLevelGrid``.

    Raises:
        InputError: on a path that has no noise level.
    """
    if not isinstance(interpolant, OneSided):
        name = type(interpolant).__name__
        raise InputError(f"noise_level_times: needs a path from noise, not {name}")
    last = float(interpolant.noise_level(torch.ones((), dtype=torch.float64)))
    # A level that rounding puts below the path's last one has no time.
    lowest = max(sigma_min, last * (1 + 1e-12))
    grid = NoiseLevelGrid(sigma_max, lowest, rho)
    return grid.times(steps + 1, interpolant)[:-1]
