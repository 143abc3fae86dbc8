r"""Minibatch optimal transport: each batch of data meets its source draws at the least cost.

The cost of a pair is ``‖x1 − s‖²``, where s is x0 on a two-sided path and the noise z on a path
from noise, summed over all leaves and computed in float64. Source draws are moved, data never are,
so that conditions stay with their data. Over many batches the law of s is kept, and the straighter
the pairs, the fewer steps an ODE solver needs.

A model is sampled with s drawn independently of the condition, so s and the condition must be
independent in training too. Each source draw therefore carries the condition of the data sample
that it was drawn with: partners are sought among equal codes (the law of s given the code is kept
exactly), and the squared distance of numbers is added to the cost (it is kept the better, the
larger their weight).

A plan is that of the batch that one process holds, ``batch_size / processes`` samples.

Sources: Tong et al., "Improving and generalizing flow-based generative models with minibatch
optimal transport", 2024; Pooladian et al., "Multisample flow matching", 2023; Cheng and Schwing,
"The curse of conditions: analyzing and improving optimal transport for conditional flow-based
generation", 2025 (conditions).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.objectives.couplings import Coupled, Independent, Source
from sicore.predictions import Condition
from sicore.states import Noise, State, batch_size, leaves, take

Array = NDArray[np.float64]
RANGE = 300.0  # exponents up to which Sinkhorn's factors are safe in float64 from any start


@dataclass(frozen=True)
class MinibatchOT(Independent):
    """Independent draws, paired anew within the batch.

    Args:
        source: draws x0 for a two-sided path; None draws standard normals.
        condition_weight: how much numbers among the conditions count: the mean cost of a pair's
            states times this is added for a pair whose numbers are as far apart as two samples'
            are on average.

    Raises:
        InputError: for a negative weight.
    """

    source: Source | None = None  # again: hints are read in the module of the class
    condition_weight: float = 10.0

    def __post_init__(self) -> None:
        if not self.condition_weight >= 0:
            got = self.condition_weight
            raise InputError(f"condition_weight: expected a number >= 0, got {got}")

    @abstractmethod
    def choose(self, cost: Array, u: Array) -> NDArray[np.int64]:
        """The source draw (column) for each data sample (row).

        Args:
            cost: ``(n, n)``.
            u: a uniform number for each row, for methods that draw.
        """

    def cost(self, data: Tensor, draws: Tensor, numbers: Tensor) -> Tensor:
        """The cost of every pair: of vectors ``(n, d)`` and numbers ``(n, k)``, ``(n, n)``."""
        states = squared_distances(data, draws)
        apart = squared_distances(numbers, numbers)
        return states + self.condition_weight * states.mean() * apart

    def independent_noise(self, interpolant: Interpolant) -> bool:
        """Only on a two-sided path, where x0 is moved and z is not."""
        return interpolant.two_sided

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Draw source and noise, and move the source."""
        drawn = super().__call__(interpolant, x1, noise, condition)
        start = drawn.z if drawn.x0 is None else drawn.x0
        u = noise.named("partner").uniform().cpu()
        data, draws, given = _vectors(x1), _vectors(start), condition or {}
        partner = torch.arange(len(data))
        for group in _groups(given, len(data)):
            if len(group) > 1:
                cost = self.cost(data[group], draws[group], _numbers(given, group))
                chosen = self.choose(cost.numpy(), u[group].numpy())
                partner[group] = group[torch.from_numpy(chosen)]
        moved = take(start, partner.to(noise.index.device))
        return drawn._replace(z=moved) if drawn.x0 is None else drawn._replace(x0=moved)


@dataclass(frozen=True)
class ExactOT(MinibatchOT):
    """The assignment of least total cost: every source draw is used once.

    Takes of the order of n² to n³ operations for n samples of a batch that share their codes.
    """

    def choose(self, cost: Array, u: Array) -> NDArray[np.int64]:
        """The permutation that solves the assignment problem."""
        plan, _ = _assignment(cost)
        return plan.argmax(1)


@dataclass(frozen=True)
class SinkhornOT(MinibatchOT):
    """A partner drawn from each row of the plan with least cost minus regularised entropy.

    The plan's marginals are exact whatever the number of iterations (the last step rounds it to
    them), so the law of the source is kept; but draws are not all used once, as under `ExactOT`.

    With ``regularisation = 2σ²`` on a two-sided linear path with ``γ = σ √(t(1−t))`` the coupling
    is the minibatch estimate of the Schrödinger bridge for Brownian motion of variance σ² t.

    Args:
        source: as for `MinibatchOT`.
        condition_weight: as for `MinibatchOT`.
        regularisation: in units of the cost; the default belongs to the default γ, σ = 1.
        iterations: at most this many of Sinkhorn's.

    Raises:
        InputError: for a regularisation that is not positive, or no iterations.

    Sources: Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", 2013;
    Altschuler, Weed and Rigollet, "Near-linear time approximation algorithms for optimal transport
    via Sinkhorn iteration", 2017 (rounding); Tong et al. 2024 (Schrödinger bridge).
    """

    regularisation: float = 2.0
    iterations: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.regularisation > 0 or self.iterations < 1:
            raise InputError(
                f"sinkhorn-ot: expected regularisation > 0 and iterations >= 1, "
                f"got {self.regularisation} and {self.iterations}"
            )

    def choose(self, cost: Array, u: Array) -> NDArray[np.int64]:
        """One draw from each row."""
        return draw_columns(self.plan(cost), u)

    def plan(self, cost: Array) -> Array:
        """The joint law ``(n, n)``, whose rows and columns each sum to 1/n."""
        import ot

        mass = np.full(len(cost), 1 / len(cost))
        settings = {"numItermax": self.iterations, "stopThr": 1e-9, "warn": False}
        reduced = _reduced(cost, RANGE * self.regularisation)
        plan = ot.bregman.sinkhorn_knopp(mass, mass, reduced, self.regularisation, **settings)
        return _rounded(plan, mass)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """``‖a_i − b_j‖²`` of vectors ``(n, d)`` and ``(m, d)``: ``(n, m)``."""
    return a.square().sum(1).unsqueeze(1) + b.square().sum(1) - 2 * a @ b.T


def _assignment(cost: Array) -> tuple[Array, Array]:
    """The permutation of least cost, as a matrix, and the reduced cost: 0 there, and never less."""
    import ot

    ones = np.ones(len(cost))  # whole masses: the network simplex then moves whole masses too
    plan, found = ot.emd(ones, ones, cost, numItermax=10_000_000, log=True)
    return plan, cost - found["u"][:, None] - found["v"]


def _reduced(cost: Array, width: float) -> Array:
    """The cost less a number for each row and each column, which changes no plan.

    Its exponentials would underflow where it is wider than ``width``. Then the numbers are the
    potentials of the assignment, so that Sinkhorn's factors stay of the order of n.
    """
    reduced = cost - cost.min(1, keepdims=True)
    reduced = reduced - reduced.min(0)
    return reduced if reduced.max() < width else _assignment(cost)[1]


def draw_columns(plan: Array, u: Array) -> NDArray[np.int64]:
    """A column for each row of ``(m, n)`` with the row's probabilities, from uniforms ``(m,)``."""
    steps = plan.cumsum(1)
    return (steps <= (u * steps[:, -1])[:, None]).sum(1)


def _rounded(plan: Array, mass: Array) -> Array:
    """The plan with both marginals exactly ``mass``, changed by at most what they were off."""
    plan = plan * np.minimum(1, mass / plan.sum(1))[:, None]
    plan = plan * np.minimum(1, mass / plan.sum(0))
    rows, columns = (np.maximum(mass - plan.sum(axis), 0) for axis in (1, 0))  # >= 0 but rounding
    lost = rows.sum()
    return plan + np.outer(rows, columns) / lost if lost > 0 else plan


def _vectors(x: State) -> Tensor:
    """States as float64 vectors on the CPU, where the plan is made."""
    parts = leaves(x)
    return torch.cat(
        [parts[name].detach().cpu().double().reshape(batch_size(x), -1) for name in sorted(parts)],
        1,
    )


def _groups(condition: Mapping[str, Tensor], n: int) -> list[Tensor]:
    """The samples among which partners are sought: equal codes, and the same numbers missing."""
    codes = [torch.zeros(n, 1, dtype=torch.int64)]
    for value in condition.values():
        rows = value.detach().cpu().reshape(n, -1)
        codes.append(rows.isnan().long() if rows.is_floating_point() else rows.long())
    label = torch.unique(torch.cat(codes, 1), dim=0, return_inverse=True)[1]
    return list(label.argsort(stable=True).split(label.bincount().tolist()))


def _numbers(condition: Mapping[str, Tensor], group: Tensor) -> Tensor:
    """The numbers among the conditions, each with a mean squared distance of 1."""
    columns = [torch.zeros(len(group), 0, dtype=torch.float64)]
    for value in condition.values():
        rows = value.detach().cpu().reshape(len(value), -1)[group]
        if rows.is_floating_point():
            centred = rows.double().nan_to_num() - rows.double().nan_to_num().mean(0)
            apart = 2 * centred.square().sum(1).mean()
            columns.append(centred / apart.sqrt() if apart > 0 else centred)
    return torch.cat(columns, 1)
