"""A two-sided path with free coefficients, to be learned: straight lines plus sines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sicore.interpolants.gammas import BrownianGamma, Gamma
from sicore.interpolants.two_sided import TwoSided


@dataclass(frozen=True)
class Fourier(TwoSided):
    """``α = 1 − t + Σ a_k sin(πkt), β = t + Σ b_k sin(πkt)``, k from 1.

    The sines vanish at both ends, so every choice of numbers is a path from source to data, and
    with enough of them any smooth path is of this form. ``sicore.objectives.learn_path`` finds the
    numbers of the path of least kinetic energy.

    Args:
        a: the coefficients of the source; none for straight lines.
        b: those of the data; not necessarily as many.
        gamma: the latent noise.

    Source: Albergo, Boffi and Vanden-Eijnden 2023, section 3.4, where α and β are free.
    """

    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    gamma: Gamma = field(default_factory=BrownianGamma)

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``1 − t + Σ a_k sin(πkt), t + Σ b_k sin(πkt), γ``."""
        return 1 - t + _sines(self.a, t), t + _sines(self.b, t), self.gamma.value(t)

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``−1 + Σ a_k πk cos(πkt), 1 + Σ b_k πk cos(πkt), γγ̇``."""
        return _slopes(self.a, t) - 1, _slopes(self.b, t) + 1, self.gamma.product(t)


def _sines(numbers: tuple[float, ...], t: Tensor) -> Tensor:
    """``Σ c_k sin(πkt)``, from the nearer end, so that it is exactly 0 at both."""
    c, k = _vector(numbers, t)
    late = (t > 0.5).unsqueeze(-1)
    near = torch.where(late, 1 - t.unsqueeze(-1), t.unsqueeze(-1))
    sign = torch.where(late & (k % 2 == 0), -1.0, 1.0)
    return (sign * torch.sin(math.pi * k * near)) @ c


def _slopes(numbers: tuple[float, ...], t: Tensor) -> Tensor:
    """``Σ c_k πk cos(πkt)``."""
    c, k = _vector(numbers, t)
    return torch.cos(math.pi * k * t.unsqueeze(-1)) @ (math.pi * k * c)


def _vector(numbers: tuple[float, ...], t: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients and k as tensors; a tensor that is being learned keeps its graph."""
    c = torch.as_tensor(numbers, dtype=t.dtype, device=t.device)
    return c, torch.arange(1, len(c) + 1, dtype=t.dtype, device=t.device)
