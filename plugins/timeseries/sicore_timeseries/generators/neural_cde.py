r"""A neural controlled differential equation: an encoder of irregular, partly observed windows.

``dz = F(z) dX``, with X the path through time, the values and the counts of observations (see
``sicore_timeseries.networks.control_paths``), ``z_0`` a linear function of ``X_0``, and F a
perceptron with values in matrices. It is solved by the solvers of the core, so it lies here and
not among the networks, which see no solver.

Source: Kidger, Morrill, Foster and Lyons, "Neural controlled differential equations for irregular
time series", 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from sicore.dynamics import Dynamics
from sicore.interpolants import Time
from sicore.solvers import RK4, solve
from sicore.states import State
from sicore_timeseries.generators import reversible_heun
from sicore_timeseries.generators.vector_fields import between
from sicore_timeseries.networks.control_paths import ControlPath, forward_filled, intensity


@dataclass(frozen=True)
class Controlled(Dynamics):
    """``ż = F(z) Ẋ``.

    Args:
        field: F, from ``(B, H)`` to ``(B, H, K)``.
        control: X, with K channels.
    """

    field: Callable[[Tensor], Tensor]
    control: ControlPath

    def drift(self, t: Time, x: State) -> State:
        """``F(z) Ẋ_t``."""
        slope = self.control.derivative(float(t))
        return torch.einsum("bhk,bk->bh", self.field(cast("Tensor", x)), slope)


class NeuralCDE(nn.Module):
    """Encodes windows ``(B, T, C)`` with NaN where missing, at any rising times within [0, 1].

    Args:
        channels: C.
        hidden: numbers of the hidden state, H.
        width: units of the layer inside F.
        steps: of the solver, over the whole of [0, 1].
        gradient: "reversible" for reversible Heun (`reversible_heun`), whose gradients are exact
            and whose memory does not grow with the steps; otherwise it is Runge and Kutta's method,
            and this is how ``sicore.solvers.solve`` finds them.
    """

    def __init__(
        self,
        channels: int,
        hidden: int = 32,
        width: int = 64,
        steps: int = 32,
        gradient: str = "direct",
    ) -> None:
        super().__init__()
        self.hidden, self.steps, self.gradient = hidden, steps, gradient
        inputs = 1 + 2 * channels
        self.start = nn.Linear(inputs, hidden)
        self.field = nn.Sequential(
            nn.Linear(hidden, width),
            nn.SiLU(),
            nn.Linear(width, hidden * inputs),
            nn.Tanh(),
            nn.Unflatten(1, (hidden, inputs)),
        )

    def forward(self, times: Tensor, values: Tensor) -> Tensor:
        """The hidden state at the end, ``(B, H)``; times are ``(B, T)``."""
        grid = torch.linspace(float(times.min()), float(times.max()), self.steps + 1).double()
        return self._solved(times, values, grid, [self.steps])[:, 0]

    def path(self, times: Tensor, values: Tensor, moments: Tensor, substeps: int = 2) -> Tensor:
        """The hidden state at chosen moments, ``(B, M, H)``.

        Args:
            times: ``(B, T)``.
            values: ``(B, T, C)``.
            moments: ``(M,)``, rising; the equation starts at the first of them.
            substeps: steps of the solver from a moment to the next.
        """
        fine = between(moments.double()[None, :, None], substeps).flatten()
        return self._solved(times, values, fine, range(0, len(fine), substeps))

    def _solved(self, times: Tensor, values: Tensor, grid: Tensor, keep: Sequence[int]) -> Tensor:
        """The states at places of a grid, ``(B, M, H)``."""
        knots = torch.cat([times.unsqueeze(-1), forward_filled(values), intensity(values)], -1)
        control, z = ControlPath(times, knots, smooth=True), self.start(knots[:, 0])
        if self.gradient == "reversible":
            driving = torch.stack([control.value(float(t)) for t in grid]).diff(dim=0)
            weights = self.field.parameters()
            return reversible_heun.solve(lambda _, x: self.field(x), z, driving, keep, weights)
        dynamics, wanted = Controlled(self.field, control), list(keep)
        if wanted == [len(grid) - 1]:
            solution = solve(dynamics, z, grid, RK4(), gradient=self.gradient)
            return cast("Tensor", solution.x).unsqueeze(1)
        recorded = solve(dynamics, z, grid, RK4(), record=True, gradient=self.gradient)
        return cast("Tensor", recorded.path)[wanted].transpose(0, 1)
