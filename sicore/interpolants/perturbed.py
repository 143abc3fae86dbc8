r"""Data perturbation: a path that ends in the data blurred by σ, and gives the clean data back.

Data on a thin set have no density, and the likelihood of any model of them can grow without
bound. Blurred data ``x1 + σ n`` have one. Training on them and ending with the denoiser
``E[x1|x]`` needs no new machinery: with the blur counted as noise of the path,

``β (x1 + σ n) + γ z = β x1 + γ' z'`` in law, with ``γ'² = γ² + σ² β²``,

the data prediction is that of the *clean* x1, and sampling ends with it wherever γ does not
vanish.

Source: Chae, Kim, Kim and Lin, "A likelihood approach to nonparametric estimation of a singular
distribution using deep generative models", 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import OneSided
from sicore.states import State, leaves


@dataclass(frozen=True)
class Perturbed(OneSided):
    """``x_t = β x1 + √(γ² + σ² β²) z``: the noise level ends at σ instead of 0.

    The denoiser at t = 1 follows from data, noise, score and v predictions; from a velocity only
    where the path inside still diffuses there (VP, but not straight lines or quarter circles, whose
    velocity at t = 1 is a multiple of the state itself and says nothing).

    Args:
        interpolant: the path to the data without it.
        sigma: σ, in the units of the states; see ``choose_perturbation``.
    """

    interpolant: OneSided
    sigma: float

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise InputError(f"perturbed: expected sigma > 0, got {self.sigma}")
        if self.interpolant.two_sided or not self.interpolant.gaussian:
            name = type(self.interpolant).__name__
            raise InputError(f"perturbed: needs a path from normal noise, not {name}")

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, β, √(γ² + σ²β²)``."""
        alpha, beta, gamma = self.interpolant.coefficients(t)
        return alpha, beta, torch.hypot(gamma, self.sigma * beta)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, β̇, γγ̇ + σ²ββ̇``."""
        _, beta, _ = self.interpolant.coefficients(t)
        alpha_dot, beta_dot, product = self.interpolant.derivatives(t)
        return alpha_dot, beta_dot, product + self.sigma**2 * beta * beta_dot

    def noise_level(self, t: Tensor) -> Tensor:
        """``√(level inside ² + σ²)``, never below σ by rounding."""
        inner = self.interpolant.noise_level(t)
        return torch.hypot(inner, torch.full_like(inner, self.sigma))

    def time_at(self, sigma: Tensor) -> Tensor:
        """Where the path inside has ``√(sigma² − σ²)``.

        Raises:
            InputError: if a level lies below σ, where this path never goes.
        """
        if not bool((sigma >= self.sigma).all()):
            raise InputError(f"perturbed: noise levels end at {self.sigma}, got {sigma.min():g}")
        return self.interpolant.time_at(((sigma - self.sigma) * (sigma + self.sigma)).sqrt())


def choose_perturbation(x: State) -> float:
    r"""A σ from the training data alone: ``½ √(r R)``.

    r is the root mean square distance of a point to the nearest other one, the resolution of the
    data; R that to their mean, their size. On a set whose radius of curvature is R the denoiser
    moves a clean point by about ``σ²/(2R)`` towards the inside, here ``r/8``: the blur is as large
    as it may be, since a network learns less noisy data with more pains, while what it costs stays
    well below what the data resolve. The factor ½ was settled by trial on a circle and a torus, and
    checked on a sphere. Meant for data on sets of few dimensions; where even the nearest neighbours
    are far away (r of the order of R), try values on held-out data instead.

    Args:
        x: all training data ``(N, ...)`` in the units of the states.

    Raises:
        InputError: if no two points differ.
    """
    flat = torch.cat([leaf.flatten(1) for leaf in leaves(x).values()], 1).double()
    nearest = [
        torch.cdist(part, flat).topk(min(2, len(flat)), largest=False).values[:, -1]
        for part in flat.split(1024)
    ]
    resolution = torch.cat(nearest).square().mean().sqrt()
    size = (flat - flat.mean(0)).square().sum(1).mean().sqrt()
    if not resolution > 0:
        raise InputError(f"choose_perturbation: expected points that differ, got {len(flat)}")
    return float((resolution * size).sqrt() / 2)
