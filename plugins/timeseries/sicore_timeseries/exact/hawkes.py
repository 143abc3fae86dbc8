r"""Hawkes' process of events that excite further ones.

``λ(t) = μ + Σ_{t_i < t} α e^{−β (t − t_i)}``

Sources: Hawkes, "Spectra of some self-exciting and mutually exciting point processes", Biometrika
58 (1971); Ogata, "On Lewis' simulation method for point processes", IEEE Transactions on
Information Theory 27 (1981); Brown et al., "The time-rescaling theorem", Neural Computation 14
(2002).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise


@dataclass(frozen=True)
class Hawkes:
    """Events from time 0 on, before which there are none.

    Args:
        base: μ > 0.
        jump: α >= 0.
        decay: β > α.

    Raises:
        InputError: for other numbers.
    """

    base: float = 1.0
    jump: float = 0.5
    decay: float = 1.0

    def __post_init__(self) -> None:
        if not (self.base > 0 and 0 <= self.jump < self.decay):
            raise InputError(
                f"Hawkes: expected base > 0 and decay > jump >= 0, got base {self.base}, "
                f"jump {self.jump}, decay {self.decay}"
            )

    @property
    def rate(self) -> float:
        """Events per unit of time at rest, ``μ/(1 − α/β)``."""
        return self.base / (1 - self.jump / self.decay)

    def expected_count(self, horizon: float) -> float:
        """The mean number of events up to a time, which begins without a past.

        ``r T − (r − μ)(1 − e^{−(β − α) T})/(β − α)`` with r the rate at rest.
        """
        slow = self.decay - self.jump
        return self.rate * horizon + (self.rate - self.base) * math.expm1(-slow * horizon) / slow

    def sample(self, noise: Noise, horizon: float) -> list[Tensor]:
        """The times of the events before ``horizon``, float64, for each stream of the noise.

        By thinning (Ogata): intensities only fall until the next event, so the present one bounds
        what is to come; a candidate is an event with the share of the bound that is left there.
        """
        streams = noise.named("hawkes")
        time = torch.zeros(len(noise.index), dtype=torch.float64, device=noise.index.device)
        excitation, times, kept, draw = torch.zeros_like(time), [], [], 0
        while bool((time < horizon).any()):
            wait, share = streams.at(draw).uniform((2,)).unbind(1)
            bound = self.base + excitation
            step = -wait.log() / bound
            time, excitation = time + step, excitation * (-self.decay * step).exp()
            event = (share * bound < self.base + excitation) & (time < horizon)
            excitation = excitation + self.jump * event
            times.append(time)
            kept.append(event)
            draw += 1
        whole, chosen = torch.stack(times, 1), torch.stack(kept, 1)
        return [own[which] for own, which in zip(whole, chosen, strict=True)]

    def intensity(self, events: Tensor) -> Tensor:
        """λ just before each of the events ``(N,)``."""
        return self.base + self.jump * self._memory(events)

    def log_likelihood(self, events: Tensor, horizon: float) -> Tensor:
        """``Σ log λ(t_i) − ∫_0^T λ``, in nats, of increasing events ``(N,)`` before T."""
        left = -torch.expm1(-self.decay * (horizon - events))
        total = self.base * horizon + self.jump / self.decay * left.sum()
        return self.intensity(events).log().sum() - total

    def rescaled(self, events: Tensor) -> Tensor:
        """``∫ λ`` between each event and the one before it (or 0): independent Exp(1), ``(N,)``."""
        start = torch.cat((events.new_zeros(1), events[:-1]))
        gap = events - start
        after = self._memory(events).roll(1) + 1  # just after the event before
        after[:1] = 0
        return self.base * gap - self.jump / self.decay * after * torch.expm1(-self.decay * gap)

    def _memory(self, events: Tensor) -> Tensor:
        """``Σ_{j < i} e^{−β (t_i − t_j)}``, by the recursion over i."""
        found, memory = [], events.new_zeros(())
        faded = (-self.decay * events.diff(prepend=events[:1])).exp()
        for number, decay in enumerate(faded):
            memory = decay * (memory + 1) if number else memory
            found.append(memory)
        return torch.stack(found) if found else events
