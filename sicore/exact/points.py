r"""A cloud of points as the law of the data, with the denoiser of any one-sided path.

Given ``x_t = β y_i + γ z`` with i uniform over n points in N dimensions, ``E[x1|x_t]`` is the mean
of the points with weights ``w_i ∝ k(‖x_t − β y_i‖²)``: ``k(q) = exp(−q/(2γ²))`` for normal noise,
``k(q) = (1 + q/(Dγ²))^{−(N + D)/2}`` for Student-t noise with D degrees of freedom (PFGM++).
It is what a network of unlimited size learns from these n samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import OneSided
from sicore.predictions import DATA, FunctionPrediction
from sicore.states import State


@dataclass(frozen=True)
class ExactPoints:
    """The path from noise to n points, all of the same weight.

    Args:
        interpolant: a one-sided path, with normal noise or that of ``PFGMPP``.
        points: ``(n, N)``, in the dtype of the states.

    Raises:
        InputError: for another path, or points of another shape.
    """

    interpolant: OneSided
    points: Tensor

    def __post_init__(self) -> None:
        known = self.interpolant.gaussian or math.isfinite(self.degrees)
        if self.interpolant.two_sided or not known or self.points.ndim != 2:
            name = type(self.interpolant).__name__
            raise InputError(
                f"ExactPoints: expected a one-sided path with normal or Student-t noise and points "
                f"of shape (n, N), got {name} and {tuple(self.points.shape)}"
            )

    @property
    def degrees(self) -> float:
        """The degrees of freedom of the path's noise: D of PFGM++, infinity for normal noise."""
        return float(getattr(self.interpolant, "D", math.inf))

    def weights(self, t: Tensor | float, x: Tensor) -> Tensor:
        """The probability of each point given ``x_t = x``: ``(B, N) -> (B, n)``.

        Relative to the nearest point, so that they are finite at γ = 0 too, where normal noise
        leaves only that one.

        Args:
            t: times, ``()`` or ``(B,)``.
            x: states.
        """
        p = self.interpolant.at(t)
        beta = p.beta.reshape(-1, 1, 1).to(x)
        variance = p.gamma.reshape(-1, 1).to(x) ** 2
        square = (x.unsqueeze(1) - beta * self.points).square().sum(-1)
        nearest = square.min(-1, keepdim=True).values
        farther = square - nearest
        if math.isinf(self.degrees):
            log = -farther / (2 * variance)
        else:
            power = (self.points.shape[1] + self.degrees) / 2
            log = -power * torch.log1p(farther / (self.degrees * variance + nearest))
        return torch.softmax(torch.where(farther == 0, 0.0, log), -1)

    def denoiser(self, t: Tensor | float, x: Tensor) -> Tensor:
        """``E[x1 | x_t = x]``, ``(B, N)``."""
        return self.weights(t, x) @ self.points

    @property
    def prediction(self) -> FunctionPrediction:
        """The denoiser, for solvers and guidance to use."""

        def function(t: Tensor, x: State) -> State:
            return self.denoiser(t, cast("Tensor", x))

        return FunctionPrediction(function, self.interpolant, DATA)
