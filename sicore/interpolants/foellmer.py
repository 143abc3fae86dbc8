"""From the present to the future: the path whose SDE is a Föllmer process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import Interpolant


@dataclass(frozen=True)
class Foellmer(Interpolant):
    r"""``x_t = (1 − t) x0 + t x1 + σ (1 − t) W_t``, so ``γ = σ (1 − t) √t``: for forecasts.

    x0 is the present, known and one point; x1 is the future, which has a law. An SDE takes the one
    to the other, and of all whose marginals are those of the path, the one with the reverse noising
    diffusion, ``ε = σ² (1 − t²)/2`` (``epsilon: noising``), is the Föllmer process: of least
    relative entropy to the process that knows nothing of the data, so the least that an error of
    the drift can cost. An ODE cannot do it: it has one end for one start.

    At t = 0 the drift's parts are infinite, though their sum is not, and the choice of ε does not
    matter there: start at a small t > 0, such as 0.001, where the state is ``x0 + γ z`` up to t.

    Args:
        sigma: σ, the deviation of the noise, in units of the state: about that of ``x1 − x0``.

    Raises:
        InputError: unless ``sigma > 0``.

    Source: Chen et al., "Probabilistic forecasting with stochastic interpolants and Föllmer
    processes", 2024, equations 1 and 9, with β = t and a noise of ``σ (1 − t)``.
    """

    two_sided: ClassVar[bool] = True
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma < math.inf:
            raise InputError(f"foellmer: expected sigma > 0, got {self.sigma}")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``1 − t, t, σ (1 − t) √t``."""
        return 1 - t, t, self.sigma * (1 - t) * t.sqrt()

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``−1, 1, σ² (1 − t)(1 − 3t)/2``."""
        one = torch.ones_like(t)
        return -one, one, self.sigma**2 * (1 - t) * (1 - 3 * t) / 2
