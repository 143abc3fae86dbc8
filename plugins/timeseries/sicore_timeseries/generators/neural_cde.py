r"""A neural controlled differential equation: an encoder of irregular, partly observed windows.

``dz = F(z) dX``, with X the path through time, the values and the counts of observations (see
``sicore_timeseries.networks.control_paths``), ``z_0`` a linear function of ``X_0``, and F a
perceptron with values in matrices. It is solved by the solvers of the core, so it lies here and
not among the networks, which see no solver.

Source: Kidger, Morrill, Foster and Lyons, "Neural controlled differential equations for irregular
time series", 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from sicore.dynamics import Dynamics
from sicore.interpolants import Time
from sicore.solvers import RK4, solve
from sicore.states import State
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
        gradient: how gradients are found, see ``sicore.solvers.solve``.
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
        parts = [times.unsqueeze(-1), forward_filled(values), intensity(values)]
        knots = torch.cat(parts, -1)
        dynamics = Controlled(self.field, ControlPath(times, knots, smooth=True))
        grid = torch.linspace(float(times.min()), float(times.max()), self.steps + 1).double()
        solution = solve(dynamics, self.start(knots[:, 0]), grid, RK4(), gradient=self.gradient)
        return cast("Tensor", solution.x)
