r"""Steps of categorical paths: an entry keeps its kind, takes the data's, or a new random one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics
from sicore.errors import InputError
from sicore.interpolants import Categorical, draw_kinds
from sicore.solvers.base import Carry, Solver, Step
from sicore.states import Noise, State, tree_map


class Shares(NamedTuple):
    """The probabilities of a step: keep the kind, take the data's, take a random one."""

    kept: float
    data: float
    fresh: float


@dataclass(frozen=True)
class CategoricalLeap(Solver):
    r"""``x_s ~ a δ_{x_t} + b p(x1|x_t) + c π`` for every entry; one call of the network.

    With ``c = ρ (1 − κ_s)``, ``a = (1 − ρ)(1 − κ_s)/(1 − κ_t)`` and ``b = κ_s − a κ_t``, which, for
    a known x1, takes the law of ``x_t`` to that of ``x_s`` exactly, for any share ρ of new noise;
    the error of a step is that its entries are drawn independently. ``ρ = 1 − exp(−η (s − t))``: at
    η = 0 no entry becomes random again; with η > 0 decisions are taken again, which mends those
    that were taken independently, and costs steps.

    Args:
        eta: η, the rate at which noise is renewed, for a whole path.

    Raises:
        InputError: for η < 0; backward in time, or on a path that is not categorical.

    Source: Song, Meng and Ermon, "Denoising diffusion implicit models", 2021, appendix A (the
    family); Campbell et al. 2024 (stochasticity in discrete flows).
    """

    eta: float = 0.0
    order: int = 1
    evaluations: int = 1
    draws: int = 1
    lands: bool = True
    categorical: bool = True

    def __post_init__(self) -> None:
        if not self.eta >= 0:
            raise InputError(f"categorical-leap: expected eta >= 0, got {self.eta}")

    def prepare(self, dynamics: Dynamics, times: Tensor) -> Sequence[Shares]:
        """a, b and c of each step."""
        if bool((times.diff() < 0).any()):
            raise InputError("categorical-leap: runs from noise to data only")
        _, kappa, left = dynamics.interpolant.coefficients(times)
        renewed = 1 - torch.exp(-self.eta * times.diff())
        kept = (1 - renewed) * left[1:] / left[:-1]
        rows = torch.stack([kept, kappa[1:] - kept * kappa[:-1], renewed * left[1:]], 1)
        return [Shares(*row) for row in rows.tolist()]

    def step(
        self, dynamics: Dynamics, step: Step, x: State, carry: Carry, noise: Noise
    ) -> tuple[State, Carry]:
        """Draw the kinds of the next time."""
        (data,) = dynamics.evaluate(step.t, x)
        shares: Shares = step.table
        path = cast("Categorical", dynamics.interpolant)

        def leafwise(now: Tensor, probable: Tensor, pi: Tensor, z: Tensor) -> Tensor:
            there = (now != 0).any(-1, keepdim=True)
            mixed = shares.kept * now + shares.data * probable + shares.fresh * pi
            return torch.where(there, draw_kinds(mixed, z)[0], 0.0)

        z = noise.normal_like(x)
        return tree_map(leafwise, x, data, path.source(x), z), None
