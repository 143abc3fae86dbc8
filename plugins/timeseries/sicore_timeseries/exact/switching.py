r"""An Ornstein–Uhlenbeck process whose mode switches: the law of modes given values is exact.

Between moments j and j + 1, Δ apart, the mode is m_j, a Markov chain, and the value moves by

``x_{j+1} | x_j, m ~ N(μ_m + (x_j − μ_m) e^{−θ_m Δ}, σ_m² (1 − e^{−2 θ_m Δ})/(2 θ_m))``.

Given all values, modes are a hidden Markov chain (forward–backward). Given values up to the
present, the future is a mixture of one Gaussian for each sequence of modes.

Source: Rabiner, "A tutorial on hidden Markov models", Proceedings of the IEEE 77 (1989).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise

MOST = 4096  # sequences of modes


class Mixture(NamedTuple):
    """Gaussians over H values to come: J sequences of modes, for each of B pasts."""

    modes: Tensor
    """The sequences, int64 ``(J, H)``."""
    weights: Tensor
    """``(B, J)``."""
    means: Tensor
    """``(B, J, H)``."""
    covariances: Tensor
    """``(J, H, H)``; they do not depend on the past."""


@dataclass(frozen=True)
class SwitchingOrnsteinUhlenbeck:
    """K modes; all float64.

    Args:
        rates: θ > 0, ``(K,)``.
        means: μ, ``(K,)``.
        diffusions: σ > 0, ``(K,)``.
        transition: the law of the next mode in each row, ``(K, K)``; the identity keeps the mode.
        initial: the law of the first mode, ``(K,)``.
        start: mean and standard deviation of the first value, which tells nothing of the mode.

    Raises:
        InputError: for shapes that do not fit, rows that are no laws, or rates and diffusions that
            are not above 0.
    """

    rates: Tensor
    means: Tensor
    diffusions: Tensor
    transition: Tensor
    initial: Tensor
    start: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        k = len(self.rates)
        parts = (self.rates, self.means, self.diffusions, self.initial)
        if any(part.shape != (k,) for part in parts) or self.transition.shape != (k, k):
            raise InputError("switching: expected K rates, means, diffusions, laws of K modes")
        laws = torch.cat((self.transition, self.initial.unsqueeze(0)))
        if bool((laws < 0).any()) or not torch.allclose(laws.sum(1), torch.ones(k + 1).to(laws)):
            raise InputError("switching: expected laws of modes that are >= 0 and add up to 1")
        if min(float(self.rates.min()), float(self.diffusions.min()), self.start[1]) <= 0:
            raise InputError("switching: expected rates, diffusions and a deviation above 0")

    def sample(self, noise: Noise, times: Tensor) -> tuple[Tensor, Tensor]:
        """Values ``(n, T, 1)`` at increasing moments ``(T,)``, and modes ``(n, T − 1)``."""
        steps = times.double().diff()
        streams = noise.named("switching")
        u = streams.named("modes").uniform((len(steps),))
        z = streams.named("values").normal((len(times),), torch.float64)
        x = self.start[0] + self.start[1] * z[:, 0]
        law = self.initial.expand(len(x), -1)
        values, modes = [x], []
        for j, step in enumerate(steps):
            edges = law.cumsum(-1)[:, :-1].contiguous()
            mode = torch.searchsorted(edges, u[:, j : j + 1].contiguous()).squeeze(1)
            decay, std = (part[mode] for part in self._step(step))
            x = self.means[mode] + (x - self.means[mode]) * decay + std * z[:, j + 1]
            law = self.transition[mode]
            values.append(x)
            modes.append(mode)
        return torch.stack(values, 1).unsqueeze(-1), torch.stack(modes, 1)

    def mode_posterior(self, x: Tensor, times: Tensor) -> Tensor:
        """The law of each mode given all values ``(B, T, 1)``: ``(B, T − 1, K)``."""
        forward, evidence = self._forward(x, times)
        backward = torch.zeros_like(forward[:, 0])
        laws = [forward[:, -1]]
        for j in range(forward.shape[1] - 2, -1, -1):
            ahead = (evidence[:, j + 1] + backward).unsqueeze(1) + self.transition.log()
            backward = torch.logsumexp(ahead, -1)
            laws.append(forward[:, j] + backward)
        return torch.softmax(torch.stack(laws[::-1], 1), -1)

    def log_likelihood(self, x: Tensor, times: Tensor) -> Tensor:
        """Of values ``(B, T, 1)``, in nats, ``(B,)``."""
        mean, std = self.start
        first = _log_normal(x[:, 0, 0], torch.tensor(mean).to(x), torch.tensor(std).to(x))
        forward, _ = self._forward(x, times)
        return first + torch.logsumexp(forward[:, -1], -1)

    def forecast(self, x: Tensor, times: Tensor, future: Tensor) -> Mixture:
        """The law of the values at H moments to come, given all up to the present.

        Args:
            x: ``(B, T, 1)``, T >= 1.
            times: theirs ``(T,)``.
            future: ``(H,)``, increasing, after them.

        Raises:
            InputError: more than 4096 sequences of modes are possible.
        """
        law = self.initial.expand(len(x), -1)
        if len(times) > 1:
            law = torch.softmax(self._forward(x, times)[0][:, -1], -1) @ self.transition
        k = len(self.rates)
        modes, weights = torch.arange(k).unsqueeze(1), law
        for _ in range(len(future) - 1):
            weights = (weights.unsqueeze(-1) * self.transition[modes[:, -1]]).flatten(1)
            modes = torch.cat(
                (modes.repeat_interleave(k, 0), torch.arange(k).repeat(len(modes))[:, None]), 1
            )
            possible = (weights > 0).any(0)
            modes, weights = modes[possible], weights[:, possible]
            if len(modes) > MOST:
                raise InputError(f"switching: more than {MOST} sequences; choose a shorter horizon")
        steps = torch.cat((times[-1:], future)).double().diff()
        means, covariances = self._along(x[:, -1, 0], modes, steps)
        return Mixture(modes, weights, means, covariances)

    def _along(self, x: Tensor, modes: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Means ``(B, J, H)`` and covariances ``(J, H, H)`` along sequences of modes."""
        mean = x.unsqueeze(1).expand(-1, len(modes))
        covariance = x.new_zeros(len(modes), len(steps), len(steps))
        means = []
        for h, step in enumerate(steps):
            mode = modes[:, h]
            decay, std = (part[mode] for part in self._step(step))
            mean = self.means[mode] + (mean - self.means[mode]) * decay
            means.append(mean)
            if h:
                covariance[:, h, :h] = decay.unsqueeze(1) * covariance[:, h - 1, :h]
                covariance[:, :h, h] = covariance[:, h, :h]
                covariance[:, h, h] = decay**2 * covariance[:, h - 1, h - 1]
            covariance[:, h, h] += std**2
        return torch.stack(means, 2), covariance

    def _step(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """Decay and standard deviation over a step, ``(K,)``."""
        decay = (-self.rates * step).exp()
        variance = self.diffusions**2 * -torch.expm1(-2 * self.rates * step) / (2 * self.rates)
        return decay, variance.sqrt()

    def _forward(self, x: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of ``p(values, m_j)`` up to the end of step j, and of each step's evidence."""
        values, evidence = x[..., 0], []
        for j, step in enumerate(times.double().diff()):
            decay, std = self._step(step)
            mean = self.means + (values[:, j, None] - self.means) * decay
            evidence.append(_log_normal(values[:, j + 1, None], mean, std))
        found = [self.initial.log() + evidence[0]]
        for own in evidence[1:]:
            found.append(torch.logsumexp(found[-1].unsqueeze(-1) + self.transition.log(), 1) + own)
        return torch.stack(found, 1), torch.stack(evidence, 1)


def _log_normal(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return -0.5 * ((x - mean) / std) ** 2 - std.log() - 0.5 * math.log(2 * math.pi)
