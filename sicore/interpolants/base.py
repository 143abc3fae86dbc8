r"""The interpolant ``x_t = α(t) x0 + β(t) x1 + γ(t) z`` from source (t = 0) to data (t = 1).

A path is *one-sided* when its source is the Gaussian z itself (α = 0): diffusion models and flow
matching from noise. It is *two-sided* when x0 is a sample of any source law, with z on top.

Coefficients are float64 functions of a time of shape ``()`` or ``(B,)``. The product ``γ γ̇`` is a
function of its own because it stays finite where γ̇ does not.

Source: Albergo, Boffi and Vanden-Eijnden, "Stochastic interpolants: a unifying framework for
flows and diffusions", 2023, definition 2.1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise, State, StateSpace, combine, expand, scale, tree_map


@dataclass(frozen=True)
class Point:
    """Everything about a path at time t; each entry is float64 and shaped as t."""

    t: Tensor
    alpha: Tensor
    beta: Tensor
    gamma: Tensor
    alpha_dot: Tensor
    beta_dot: Tensor
    gamma_gamma_dot: Tensor

    @property
    def gamma_dot(self) -> Tensor:
        """``γ̇``; infinite where γ has a square-root end point."""
        return self.gamma_gamma_dot / self.gamma


@dataclass(frozen=True)
class InterpolantSample:
    """A draw of the path: ``x_t`` and what it was made of."""

    t: Tensor
    x_t: State
    x0: State | None
    x1: State
    z: State


class Interpolant(ABC):
    """A path; families are frozen dataclasses that fill in the four abstract methods."""

    two_sided: ClassVar[bool]
    noisy: ClassVar[bool] = True

    @abstractmethod
    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``α, β, γ`` at t."""

    @abstractmethod
    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``α̇, β̇, γγ̇`` at t, analytically; the last is finite where γ̇ is not."""

    def at(self, t: Tensor | float) -> Point:
        """All coefficients at t, in float64."""
        time = torch.as_tensor(t, dtype=torch.float64)
        return Point(time, *self.coefficients(time), *self.derivatives(time))

    def sample(self, x0: State | None, x1: State, t: Tensor, z: State) -> InterpolantSample:
        """Draw ``x_t``.

        Args:
            x0: source samples ``(B, ...)``; None on a one-sided path.
            x1: data ``(B, ...)``.
            t: times ``()`` or ``(B,)``.
            z: standard normals, shaped as x1.

        Raises:
            InputError: if x0 is missing on a two-sided path, or given on a one-sided one.
        """
        if self.two_sided == (x0 is None):
            need = "needs samples x0 of the source" if self.two_sided else "takes no x0"
            raise InputError(f"{type(self).__name__}: this path {need}")
        alpha, beta, gamma = self.coefficients(t.double())
        x_t = combine(beta, x1, gamma, z)
        if x0 is not None:
            x_t = tree_map(lambda a, b: a + expand(alpha, b) * b, x_t, x0)
        return InterpolantSample(t, x_t, x0, x1, z)


class OneSided(Interpolant):
    """A path from Gaussian noise: ``x_t = β(t) x1 + γ(t) z``."""

    two_sided: ClassVar[bool] = False

    @abstractmethod
    def time_at(self, sigma: Tensor) -> Tensor:
        """The time at which the noise level ``σ = γ/β`` equals sigma."""

    def noise_level(self, t: Tensor) -> Tensor:
        """``σ(t) = γ/β``, infinite at a pure-noise start."""
        _, beta, gamma = self.coefficients(t.double())
        return gamma / beta

    def prior(
        self, noise: Noise, space: StateSpace, dtype: torch.dtype, t: Tensor | float = 0.0
    ) -> State:
        """Starting states at time t: the Gaussian with the moments of ``x_t``.

        ``N(0, β² + γ²)``, for data that are standardised as ``Domain.encode`` promises.
        """
        point = self.at(t)
        like = space.zeros(len(noise.index), dtype, noise.index.device)
        spread = (point.beta**2 + point.gamma**2).sqrt()
        return scale(spread, noise.named("prior").normal_like(like))
