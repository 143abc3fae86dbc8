r"""The Koopman VAE: a sequential VAE whose latents are pressed towards linear dynamics.

Each moment of a window has a latent z_t of d numbers. With x the entries that are there,

* posterior: ``q(z_1…z_T | x) = Π_t N(z_t; m_t, s_t²)``, m and s read from an encoder's states;
* prior: ``p(z_1…z_T) = Π_t N(z_t; μ(h_t), σ(h_t)²)``,  ``h_t = GRU(z_{t−1}, h_{t−1})``;
* decoder: ``x̂ = W GRU(z)`` in both directions;
* operator: ``C = argmin ‖Z_{<T} C − Z_{>1}‖`` over the samples z of the batch.

The loss of a window is

``Σ (x − x̂)² + w_kl Σ_t KL(q(z_t | x) ‖ p(z_t | z_{<t})) + w_pred err(C) + w_eig mean (|λ| − 1)²``

with z a sample of q, the first sum over entries that are there, and the last mean over some of the
largest eigenvalues of C. Without the last two terms it is, times ``1/w_kl``, the negative evidence
bound of Gaussian observations of variance ``w_kl / 2``: the weight has the units of the windows
squared, and the sharpness of what is generated hangs on it.

What differs from the authors' code, besides `koopman.dynamics_error`:

* The prior sees the z that q drew. There it runs along samples of its own, which know nothing of x;
  that is a looser bound, and trains slowly.
* The decoder has no sigmoid, so windows need not lie in [0, 1]; the paper's weights are meant for
  windows that do.
* The states of the encoder are normalised for each moment (not over the batch).

As there, windows are drawn from the prior, and C acts in training only; `KoopmanVAE.linear_latents`
draws by C instead.

Source: Naiman, Erichson, Ren, Mahoney and Azencot, "Generative modeling of regular and irregular
time series data via Koopman VAEs", 2024.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.generators.base import Generator, descend
from sicore_timeseries.generators.encoders import ENCODERS
from sicore_timeseries.generators.koopman import (
    dynamics_error,
    linear_operator,
    residual_factor,
    rollout,
    unit_penalty,
)


class Terms(NamedTuple):
    """The parts of the loss, without their weights.

    Args:
        reconstruction: of each window, ``(B,)``.
        divergence: of each window, ``(B,)``, in nats.
        dynamics: err(C) of the batch, a scalar.
        eigenvalues: the penalty of the batch, a scalar.
    """

    reconstruction: Tensor
    divergence: Tensor
    dynamics: Tensor
    eigenvalues: Tensor


class KoopmanVAE(Generator):
    """A Koopman VAE of windows ``(B, T, C)`` at regular times, of which any entries may be missing.

    Irregular data are put on a regular grid first, with NaN where nothing was seen.

    Args:
        channels: C.
        latent: d, numbers of each latent.
        hidden: numbers of each recurrent state.
        layers: of the encoder and of the decoder.
        encoder: a name of ``ENCODERS``: "recurrent" for windows without gaps, "gaps" for any,
            "cde" for any by a neural controlled differential equation, as in the paper: slower.
        w_kl: weight of the divergence, in the units of the windows squared.
        w_pred: weight of err(C).
        w_eig: weight of the eigenvalues' penalty.
        unit_eigenvalues: how many of the largest are drawn to the unit circle.
        horizon: H of err(C), in steps.

    Raises:
        InputError: for an encoder that is not known, a divergence without weight, or more
            eigenvalues than dimensions.
    """

    def __init__(
        self,
        channels: int,
        latent: int = 16,
        hidden: int = 20,
        layers: int = 1,
        encoder: str = "gaps",
        w_kl: float = 0.1,
        w_pred: float = 0.1,
        w_eig: float = 0.0,
        unit_eigenvalues: int = 0,
        horizon: int = 1,
    ) -> None:
        super().__init__()
        if encoder not in ENCODERS:
            raise InputError(f"encoder: expected one of {', '.join(ENCODERS)}, got '{encoder}'")
        if w_kl <= 0:
            raise InputError(f"w_kl: the weight of the divergence is above 0, got {w_kl}")
        if not 0 <= unit_eigenvalues <= latent:
            raise InputError(
                f"unit_eigenvalues: expected 0 to {latent}, the dimensions of the latents, "
                f"got {unit_eigenvalues}"
            )
        self.channels, self.latent, self.hidden, self.layers = channels, latent, hidden, layers
        self.encoder = encoder
        self.w_kl, self.w_pred, self.w_eig = w_kl, w_pred, w_eig
        self.unit_eigenvalues, self.horizon = unit_eigenvalues, horizon
        self.encode = ENCODERS[encoder](channels, hidden, layers)
        self.normalise = nn.LayerNorm(self.encode.width)
        self.read = nn.Linear(self.encode.width, 2 * latent)
        self.prior_cells = nn.GRU(latent, hidden, batch_first=True)
        self.prior_read = nn.Linear(hidden, 2 * latent)
        self.decode_cells = nn.GRU(latent, hidden, layers, batch_first=True, bidirectional=True)
        self.decode_read = nn.Linear(2 * hidden, channels)

    def posterior(self, windows: Tensor, times: Tensor) -> Normal:
        """``q(z | x)``, of batch shape ``(B, T, d)``."""
        stamps = times.expand(windows.shape[:2]).contiguous()
        return _normal(self.read(self.normalise(self.encode(windows, stamps))))

    def prior(self, z: Tensor) -> Normal:
        """``p(z_t | z_{<t})`` for each moment of latents ``(B, T, d)``."""
        before = torch.cat((torch.zeros_like(z[:, :1]), z[:, :-1]), 1)
        return _normal(self.prior_read(self.prior_cells(before)[0]))

    def imagine(self, normals: Tensor) -> Tensor:
        """Latents of the prior ``(B, T, d)``, from standard normals of that shape."""
        z, h, made = torch.zeros_like(normals[:, :1]), None, []
        for step in normals.split(1, 1):
            out, h = self.prior_cells(z, h)
            law = _normal(self.prior_read(out))
            z = law.mean + law.stddev * step
            made.append(z)
        return torch.cat(made, 1)

    def decode(self, z: Tensor) -> Tensor:
        """Windows ``(B, T, C)`` of latents ``(B, T, d)``."""
        out: Tensor = self.decode_read(self.decode_cells(z)[0])
        return out

    def terms(self, windows: Tensor, times: Tensor, noise: Noise) -> Terms:
        """The parts of the loss for windows ``(B, T, C)``; see `losses`."""
        if self.encoder == "recurrent" and bool(windows.isnan().any()):
            raise InputError("windows: entries are missing; use the encoder 'gaps'")
        _check_regular(times)
        law = self.posterior(windows, times)
        z = law.mean + law.stddev * noise.normal(law.mean.shape[1:], law.mean.dtype)
        c = linear_operator(z)
        return Terms(
            self._errors(windows, z),
            kl_divergence(law, self.prior(z)).sum((1, 2)),
            dynamics_error(z, c, self.horizon),
            unit_penalty(c, self.unit_eigenvalues) if self.unit_eigenvalues else z.new_zeros(()),
        )

    def losses(self, windows: Tensor, times: Tensor, noise: Noise) -> Tensor:
        """The loss of each window; the terms of C, which all share, are added to each."""
        return self._weighted(self.terms(windows, times, noise))

    def _weighted(self, terms: Terms) -> Tensor:
        own = terms.reconstruction + self.w_kl * terms.divergence
        return own + self.w_pred * terms.dynamics + self.w_eig * terms.eigenvalues

    def update(
        self, optimizer: torch.optim.Optimizer, windows: Tensor, times: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """A step down the mean loss; its figures are the loss and its parts."""
        terms = self.terms(windows, times, noise)
        loss = self._weighted(terms).mean()
        descend(loss, optimizer, self.parameters())
        parts = {name: part.detach().mean() for name, part in terms._asdict().items()}
        return {"loss": loss.detach(), **parts}

    def generate(self, times: Tensor, noise: Noise) -> Tensor:
        """Windows ``(B, T, C)`` of the prior's latents."""
        _check_regular(times)
        return self.decode(self.imagine(noise.normal((times.shape[-1], self.latent))))

    def surprise(self, x: Tensor, z: Tensor) -> Tensor:
        """``−log p(x | z)`` of windows with NaN where missing, ``(B,)``, up to a constant.

        Observations have the variance ``w_kl / 2``: then the loss is free energy times w_kl.
        """
        return self._errors(x, z) / self.w_kl

    def _errors(self, x: Tensor, z: Tensor) -> Tensor:
        errors = torch.where(x.isnan(), 0.0, self.decode(z) - x.nan_to_num())
        return errors.square().sum((1, 2))

    @torch.no_grad()
    def latents(self, windows: Tensor, times: Tensor) -> Tensor:
        """Posterior means ``(B, T, d)``: what `koopman.linear_operator` is asked about."""
        return self.posterior(windows, times).mean

    @torch.no_grad()
    def linear_latents(self, steps: int, noise: Noise, fitted: int = 1024) -> Tensor:
        """Latents ``(B, T, d)`` by linear dynamics, ``z_{t+1} = z_t C + ξ_t L``, ξ standard normal.

        The first is the prior's. C is fitted to latents of the prior, and ``Lᵀ L`` is the
        covariance of what it leaves over. How far their windows are from those of `generate` says
        how linear the prior is.

        Args:
            steps: T.
            noise: the streams of the windows.
            fitted: how many sequences of the prior C and L are fitted to.
        """
        others = Noise.of(noise.seed, fitted, device=noise.index.device).named("operator")
        z = self.imagine(others.normal((steps, self.latent)))
        c = linear_operator(z)
        normals = noise.normal((steps, self.latent))
        first = self.imagine(normals[:, :1])[:, 0]
        return rollout(c, first, steps, normals[:, 1:] @ residual_factor(z, c))


def _normal(numbers: Tensor) -> Normal:
    """A normal law for each moment, from means and logarithms of standard deviations."""
    mean, log_std = numbers.chunk(2, -1)
    return Normal(mean, log_std.exp(), validate_args=False)


def _check_regular(times: Tensor) -> None:
    gaps = times.diff(dim=-1)
    if float(gaps.max() - gaps.min()) > 1e-3 * float(gaps.mean()):
        raise InputError(
            "times: a Koopman VAE knows regular times only; put the windows on a regular grid, "
            "with NaN where nothing was seen"
        )
