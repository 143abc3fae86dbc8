r"""Latents found by error regression: gradient descent on one sequence, instead of an encoder.

For a model ``p(z) p(x | z)`` with a latent at each moment, and ``q = Π_t N(m_t, s_t²)``, find the m
and s that make the free energy least,

``F = E_q[ −log p(x | z) ] + w Σ_t E_q KL(q(z_t) ‖ p(z_t | z_{<t}))``.

The meta-prior w says how much the latents may do: small, they follow every observation; large, they
stay on the prior's way. For w = 1, F is the negative evidence bound, and other w stand for
observations whose log-density is divided by w. While a sequence is still being observed, only the
last moments, a sliding window, are free: what is older is kept as it was.

Source: Ahmadi and Tani, "A novel predictive-coding-inspired variational RNN model for online
prediction and recognition" (PV-RNN), 2019. There the expectation is one draw at each step of
Adam; here a few pairs z = m ± s ε with the same ε throughout, so that F is an ordinary function and
quasi-Newton steps converge. The pairs make the means exact for linear-Gaussian models, whatever ε.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from sicore.errors import InputError
from sicore.states import Noise


class LatentModel(Protocol):
    """What error regression asks of a model."""

    latent: int

    def prior(self, z: Tensor) -> Normal:
        """``p(z_t | z_{<t})`` at each moment of ``(B, T, d)``; what is later is not looked at."""
        ...

    def surprise(self, x: Tensor, z: Tensor) -> Tensor:
        """``−log p(x | z)`` of each sequence, ``(B,)``, up to a constant; NaN is not observed."""
        ...


class Online(NamedTuple):
    """What was found while a sequence was observed.

    Args:
        law: q at the end, of batch shape ``(B, T, d)``.
        filtered: ``(B, T, d)``, the mean of z_t as it was when x_t was the newest observation.
    """

    law: Normal
    filtered: Tensor


def free_energy(
    model: LatentModel, x: Tensor, mean: Tensor, std: Tensor, w: float, normals: Tensor
) -> Tensor:
    """F of each sequence, ``(B,)``, the expectations being means over pairs.

    Args:
        model: the model.
        x: ``(B, T, C)``.
        mean: m, ``(B, T, d)``.
        std: s, ``(B, T, d)``.
        w: the meta-prior.
        normals: ε of each pair, ``(B, K, T, d)``.
    """
    steps = torch.cat((normals, -normals), 1)
    z, count = (mean.unsqueeze(1) + std.unsqueeze(1) * steps).flatten(0, 1), steps.shape[1]
    means, stds = (part.repeat_interleave(count, 0) for part in (mean, std))
    law = Normal(means, stds, validate_args=False)
    divergence = kl_divergence(law, model.prior(z)).sum((1, 2))
    values = model.surprise(x.repeat_interleave(count, 0), z) + w * divergence
    return values.unflatten(0, (-1, count)).mean(1)


def smooth(
    model: LatentModel,
    x: Tensor,
    noise: Noise,
    w: float = 1.0,
    pairs: int = 4,
    iterations: int = 200,
    start: Normal | None = None,
) -> Normal:
    """The law q of whole sequences, of batch shape ``(B, T, d)``.

    For a linear-Gaussian model and w = 1 its means are those of the Kalman smoother.

    Args:
        model: the model; its own weights get no gradient.
        x: ``(B, T, C)``, NaN where nothing was observed: times to come, too.
        noise: the streams of the sequences.
        w: the meta-prior, above 0.
        pairs: how many.
        iterations: of the quasi-Newton method (L-BFGS), at most.
        start: where m and s start; 0 and 1 by default.

    Raises:
        InputError: for a meta-prior that is not above 0.
    """
    if w <= 0:
        raise InputError(f"w: the meta-prior is above 0, got {w}")
    mean, log_std = _start(model, x, start)
    normals = _normals(model, x, noise, pairs)
    return _descend(model, x, mean, log_std, 0, w, normals, iterations)


def slide(
    model: LatentModel,
    x: Tensor,
    noise: Noise,
    window: int,
    w: float = 1.0,
    pairs: int = 4,
    iterations: int = 50,
) -> Online:
    """The law q of sequences observed moment by moment, with a sliding window of free latents.

    At each moment t a new latent starts on the prior's way, and those of the last ``window``
    moments move. With a long window ``filtered`` is the Kalman filter of a linear-Gaussian model,
    and ``law`` its smoother.

    Args:
        model: the model; its own weights get no gradient.
        x: ``(B, T, C)``, NaN where nothing was observed.
        noise: the streams of the sequences.
        window: how many latents are free at a time, at least 1.
        w: the meta-prior, above 0.
        pairs: how many.
        iterations: at each moment, at most.

    Raises:
        InputError: for a meta-prior or a window that is too small.
    """
    if w <= 0 or window < 1:
        raise InputError(f"error regression: expected w > 0 and window >= 1, got {w} and {window}")
    mean, log_std = _start(model, x, None)
    normals = _normals(model, x, noise, pairs)
    filtered = []
    for t in range(x.shape[1]):
        with torch.no_grad():
            ahead = model.prior(mean[:, : t + 1])
        mean[:, t], log_std[:, t] = ahead.mean[:, t], ahead.stddev[:, t].log()
        now = slice(t + 1)
        law = _descend(
            model,
            x[:, now],
            mean[:, now],
            log_std[:, now],
            max(0, t + 1 - window),
            w,
            normals[:, :, now],
            iterations,
        )
        mean[:, now], log_std[:, now] = law.mean, law.stddev.log()
        filtered.append(law.mean[:, t])
    return Online(Normal(mean, log_std.exp()), torch.stack(filtered, 1))


def _start(model: LatentModel, x: Tensor, start: Normal | None) -> tuple[Tensor, Tensor]:
    if start is not None:
        return start.mean.detach().clone(), start.stddev.detach().log()
    zeros = x.new_zeros(*x.shape[:2], model.latent)
    return zeros, zeros.clone()


def _normals(model: LatentModel, x: Tensor, noise: Noise, pairs: int) -> Tensor:
    """ε, ``(B, K, T, d)``; those of a moment are the same whatever comes after it."""
    return noise.normal((x.shape[1], pairs, model.latent), x.dtype).transpose(1, 2)


def _descend(
    model: LatentModel,
    x: Tensor,
    mean: Tensor,
    log_std: Tensor,
    free: int,
    w: float,
    normals: Tensor,
    iterations: int,
) -> Normal:
    """Move the latents from moment ``free`` on to the least free energy; the others stay."""
    moving = [part[:, free:].detach().clone().requires_grad_() for part in (mean, log_std)]
    kept = [part[:, :free].detach() for part in (mean, log_std)]
    optimizer = torch.optim.LBFGS(
        moving,
        max_iter=iterations,
        history_size=20,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def whole() -> list[Tensor]:
        return [torch.cat(pair, 1) for pair in zip(kept, moving, strict=True)]

    def closure() -> Tensor:
        m, log_s = whole()
        energy = free_energy(model, x, m, log_s.exp(), w, normals).sum()
        for part, gradient in zip(moving, torch.autograd.grad(energy, moving), strict=True):
            part.grad = gradient
        return energy.detach()

    optimizer.step(closure)
    m, log_s = (part.detach() for part in whole())
    return Normal(m, log_s.exp())
