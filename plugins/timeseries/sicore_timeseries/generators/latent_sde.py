r"""A latent SDE: a VAE whose latent is a diffusion, from a prior to a posterior by its drift alone.

``prior:      z_0 ~ N(m, s²),        dz = h(t, z) dt + σ(t, z) ∘ dW``
``posterior:  z_0 ~ N(m(x), s(x)²),  dz = (h + σ u)(t, z, x) dt + σ(t, z) ∘ dW``
``x_t = f(z_t) + ε``,  ``ε ~ N(0, ς²)``, with ς learned for each channel

Both have the same diffusion, so the divergence of their laws is Girsanov's,
``KL = KL(z_0) + E ∫ ½ |u|² dt``, which is solved along with the path as one more coordinate. The
loss is the negative evidence lower bound, in nats; entries that are missing have no term in it.

Source: Li, Wong, Chen and Duvenaud, "Scalable gradients for stochastic differential equations",
2020, sections 5 and 9.9. There the drift of the posterior is the network, and u its difference to
that of the prior over σ; here u is the network, which is the same law.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.generators.base import Generator, descend
from sicore_timeseries.generators.encoders import ENCODERS
from sicore_timeseries.generators.reversible_heun import solve
from sicore_timeseries.generators.vector_fields import Grid, perceptron


class Bound(NamedTuple):
    """The parts of the negative evidence lower bound, in nats.

    Args:
        reconstruction: ``−log p(x | z)`` of each window, ``(B,)``.
        start: the divergence of the first latent, ``(B,)``.
        path: that of the path, ``(B,)``.
    """

    reconstruction: Tensor
    start: Tensor
    path: Tensor


class LatentSDE(Generator):
    """A latent SDE of windows ``(B, T, C)`` at any rising times, of which any may be missing.

    Args:
        channels: C.
        latent: numbers of the latent state.
        hidden: numbers of each direction of the encoder.
        width: units of the layers of drift, u, diffusion and decoder.
        encoder: a name of ``ENCODERS``; "gaps" for irregular windows with missing values.
        noise: the deviation of ε that training begins with, in the units of the windows. In a step
            of the solver, ``σ √Δt`` of a path is beyond the reach of u, so that ε of rough windows
            stays above that: more substeps, less ε.
        w_kl: the weight of the divergence; 1 is the bound.
        substeps: steps of the solver from a moment to the next.
        gradient: "direct", or "reversible" for memory that does not grow with the steps.

    Raises:
        InputError: for an encoder or a gradient that is not known, or a deviation of 0.
    """

    def __init__(
        self,
        channels: int,
        latent: int = 4,
        hidden: int = 32,
        width: int = 64,
        encoder: str = "gaps",
        noise: float = 0.5,
        w_kl: float = 1.0,
        substeps: int = 2,
        gradient: str = "direct",
    ) -> None:
        super().__init__()
        if encoder not in ENCODERS:
            raise InputError(f"encoder: expected one of {', '.join(ENCODERS)}, got '{encoder}'")
        if gradient not in ("direct", "reversible"):
            raise InputError(f"gradient: expected direct or reversible, got '{gradient}'")
        if noise <= 0 or substeps < 1:
            raise InputError(
                f"latent SDE: expected noise above 0 and a substep or more, got {noise}, {substeps}"
            )
        self.channels, self.latent, self.hidden, self.width = channels, latent, hidden, width
        self.encoder, self.noise, self.w_kl = encoder, noise, w_kl
        self.substeps, self.gradient = substeps, gradient
        self.encode = ENCODERS[encoder](channels, hidden, 1)
        context = self.encode.width
        self.first = nn.Linear(context, 2 * latent)
        self.prior_first = nn.Parameter(torch.zeros(2 * latent))
        self.drift = perceptron(1 + latent, width, latent)
        self.steering = perceptron(1 + latent + context, width, latent)
        self.diffusion = perceptron(1 + latent, width, latent, nn.Sigmoid())
        self.log_scale = nn.Parameter(torch.full((latent,), math.log(3.0)))
        self.decode = perceptron(latent, width, channels)
        self.log_noise = nn.Parameter(torch.full((channels,), math.log(noise)))

    def coefficients(self, t: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Drift h and diffusion σ, both ``(B, d)``, of states ``(B, d)`` at times ``(B,)``."""
        at = torch.cat((t.unsqueeze(-1), z), -1)
        return self.drift(at), self.log_scale.exp() * self.diffusion(at)

    def posterior_path(
        self, windows: Tensor, times: Tensor, noise: Noise
    ) -> tuple[Normal, Tensor, Tensor]:
        """The law of z_0, latents at the moments ``(B, T, d)``, and ``∫ ½ |u|² dt``, ``(B,)``."""
        grid = Grid.of(times, len(windows), self.substeps)
        encoded = self.encode(windows, times.expand(windows.shape[:2]).contiguous())
        context, moments = grid.values(encoded), grid.times
        first = _normal(self.first(encoded[:, 0]))
        normals = noise.named("start").normal((self.latent,), windows.dtype)
        z = first.mean + first.stddev * normals

        def field(n: int, state: Tensor) -> Tensor:
            t, z = moments[:, n], state[:, :-1]
            h, sigma = self.coefficients(t, z)
            u = self.steering(torch.cat((t.unsqueeze(-1), z, context[:, n]), -1))
            to_time = torch.cat((h + sigma * u, u.square().sum(-1, keepdim=True) / 2), -1)
            return _beside(to_time, sigma)

        state = torch.cat((z, torch.zeros_like(z[:, :1])), -1)
        parts = (self.drift, self.steering, self.diffusion)
        weights = [self.log_scale, *(w for part in parts for w in part.parameters())]
        depends = None if self.gradient == "direct" else [context, *weights]
        path = solve(field, state, grid.driving(noise, self.latent), grid.keep, depends)
        return first, path[..., :-1], path[:, -1, -1]

    def bound(self, windows: Tensor, times: Tensor, noise: Noise) -> Bound:
        """The parts of the negative bound of windows ``(B, T, C)``, by one path each."""
        first, z, path = self.posterior_path(windows, times, noise)
        there = ~windows.isnan()
        scaled = torch.where(there, self.decode(z) - windows.nan_to_num(), 0.0)
        scaled = scaled / self.log_noise.exp()
        constant = self.log_noise + math.log(2 * math.pi) / 2
        surprise = (scaled.square() / 2 + constant * there).sum((1, 2))
        return Bound(surprise, kl_divergence(first, _normal(self.prior_first)).sum(1), path)

    def losses(self, windows: Tensor, times: Tensor, noise: Noise) -> Tensor:
        """The negative bound of each window, in nats; its divergence has the weight ``w_kl``."""
        return self._weighted(self.bound(windows, times, noise))

    def _weighted(self, bound: Bound) -> Tensor:
        return bound.reconstruction + self.w_kl * (bound.start + bound.path)

    def update(
        self, optimizer: torch.optim.Optimizer, windows: Tensor, times: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """A step down the mean loss; its figures are the loss and its parts."""
        bound = self.bound(windows, times, noise)
        loss = self._weighted(bound).mean()
        descend(loss, optimizer, self.parameters(), clip_norm=100.0)
        parts = {name: part.detach().mean() for name, part in bound._asdict().items()}
        return {"loss": loss.detach(), **parts}

    def prior_path(self, times: Tensor, noise: Noise) -> Tensor:
        """Latents of the prior at the moments, ``(B, T, d)``."""
        count = len(noise.index)
        grid = Grid.of(times, count, self.substeps)
        first = _normal(self.prior_first)
        normals = noise.named("start").normal((self.latent,), times.dtype)

        def field(n: int, z: Tensor) -> Tensor:
            h, sigma = self.coefficients(grid.times[:, n], z)
            return torch.cat((h.unsqueeze(-1), sigma.diag_embed()), -1)

        z = first.mean + first.stddev * normals
        return solve(field, z, grid.driving(noise, self.latent), grid.keep)

    def generate(self, times: Tensor, noise: Noise) -> Tensor:
        """Windows ``(B, T, C)`` of the prior's latents, with the noise of the observations."""
        x: Tensor = self.decode(self.prior_path(times, noise))
        return x + self.log_noise.exp() * noise.named("observation").normal(x.shape[1:], x.dtype)


def _beside(to_time: Tensor, sigma: Tensor) -> Tensor:
    """``[a | diag σ; 0]``: a column for time, a diagonal for noise, a last row without noise."""
    noisy = nn.functional.pad(sigma.diag_embed(), (0, 0, 0, 1))
    return torch.cat((to_time.unsqueeze(-1), noisy), -1)


def _normal(numbers: Tensor) -> Normal:
    mean, log_std = numbers.chunk(2, -1)
    return Normal(mean, log_std.exp(), validate_args=False)
