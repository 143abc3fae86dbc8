r"""The interpolant ``x_t = α(t) x0 + β(t) x1 + γ(t) z`` from source (t = 0) to data (t = 1).

A path is *one-sided* when its source is the Gaussian z itself (α = 0): diffusion models and flow
matching from noise. It is *two-sided* when x0 is a sample of any source law, with z on top.

Coefficients are float64 functions of a time of shape ``()`` or ``(B,)``; a product of paths has a
row of them for each leaf, ``(L, 1)`` or ``(L, B)``. The product ``γ γ̇`` is a function of its own
because it stays finite where γ̇ does not.

Source: Albergo, Boffi and Vanden-Eijnden, "Stochastic interpolants: a unifying framework for
flows and diffusions", 2023, definition 2.1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise, State, StateSpace, combine, scale

Time: TypeAlias = float | Tensor
"""A time in [0, 1]: one for all samples, as a number or ``()``, or one for each, ``(B,)``."""


@dataclass(frozen=True)
class Point:
    """Everything about a path at time t; entries are float64, shaped as t, or a row per leaf."""

    t: Tensor
    alpha: Tensor
    beta: Tensor
    gamma: Tensor
    alpha_dot: Tensor
    beta_dot: Tensor
    gamma_gamma_dot: Tensor

    @property
    def gamma_dot(self) -> Tensor:
        """``γ̇``; infinite where γ has a square-root end point, 0 on a path without noise."""
        none = (self.gamma == 0) & (self.gamma_gamma_dot == 0)
        return torch.where(none, 0.0, self.gamma_gamma_dot / self.gamma)


@dataclass(frozen=True)
class InterpolantSample:
    """A draw of the path: ``x_t`` and what it was made of."""

    t: Tensor
    x_t: State
    x0: State | None
    x1: State
    z: State


class Interpolant(ABC):
    """A path; families are frozen dataclasses that fill in the abstract methods.

    Attributes:
        two_sided: whether it starts from samples x0 rather than from its noise alone.
        gaussian: whether z is normal. If not, ``−E[z|x_t]/γ`` takes the place of the score in
            every conversion, and there is no SDE and no score.
        categorical: whether states are one-hot at every time, so that steps are drawn, not added.
    """

    two_sided: ClassVar[bool]
    gaussian: ClassVar[bool] = True
    categorical: ClassVar[bool] = False

    @abstractmethod
    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``α, β, γ`` at t."""

    @abstractmethod
    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``α̇, β̇, γγ̇`` at t, analytically; the last is finite where γ̇ is not."""

    def at(self, t: Time) -> Point:
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
            x_t = combine(1.0, x_t, alpha, x0)
        return InterpolantSample(t, x_t, x0, x1, z)

    def latent(self, noise: Noise, like: State) -> State:
        """Draw z, of the structure, shape, dtype and device of ``like``: standard normals."""
        return noise.normal_like(like)

    def prior(
        self,
        noise: Noise,
        space: StateSpace,
        dtype: torch.dtype,
        t: Time = 0.0,
        x0: State | None = None,
    ) -> State:
        """Starting states at time t.

        From noise: of variance ``β² + γ²``, which is that of ``x_t`` for data that are
        standardised as ``Domain.encode`` promises. From samples: ``(α + β) x0 + γ z``, which is
        ``x_t`` where β = 0, and puts x0 in the place of the unknown x1 where it is not.

        Args:
            noise: the streams of the samples.
            space: what states are.
            dtype: of the states.
            t: where the sampler starts, ``()``.
            x0: samples of the source on a two-sided path, ``(B, ...)``.

        Raises:
            InputError: if x0 is missing on a two-sided path, or given on a one-sided one.
        """
        if self.two_sided == (x0 is None):
            need = "needs source states x0" if self.two_sided else "starts from noise: give no x0"
            raise InputError(f"{type(self).__name__}: sampling on this path {need}")
        p = self.at(t)
        z = self.latent(
            noise.named("prior"), space.zeros(len(noise.index), dtype, noise.index.device)
        )
        if x0 is None:
            return scale((p.beta**2 + p.gamma**2).sqrt(), z)
        return combine(p.alpha + p.beta, x0, p.gamma, z)


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
