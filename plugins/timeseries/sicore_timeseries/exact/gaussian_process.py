"""Gaussian processes: their law at any moments is known, and so is every conditional of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.exact.gaussian_law import GaussianLaw
from sicore_timeseries.kernels import Kernel


@dataclass(frozen=True)
class GaussianProcess:
    """Mean m and ``Cov[x_c(s), x_d(t)] = B_cd k(|s − t|)``.

    Args:
        kernel: k.
        mixing: B, symmetric and positive semi-definite, float64 ``(C, C)``; one channel if not
            given.
        mean: m, the same at all moments and in all channels.

    Raises:
        InputError: for a B that is not square.
    """

    kernel: Kernel
    mixing: Tensor | None = None
    mean: float = 0.0

    def __post_init__(self) -> None:
        b = self.mixing
        if b is not None and (b.ndim != 2 or b.shape[0] != b.shape[1]):
            raise InputError(f"Gaussian process: expected B of shape (C, C), got {tuple(b.shape)}")

    def law(self, times: Tensor) -> GaussianLaw:
        """The law at some moments ``(T,)``."""
        at = times.double()
        between = self.kernel((at.unsqueeze(1) - at).abs())
        mixing = torch.ones(1, 1).to(at) if self.mixing is None else self.mixing.to(at)
        mean = at.new_full((len(at), len(mixing)), self.mean)
        return GaussianLaw(mean, torch.kron(between, mixing))

    def sample(self, noise: Noise, times: Tensor) -> Tensor:
        """Windows ``(n, T, C)`` at moments ``(T,)``, or each at its own, ``(n, T)``; float64."""
        if times.ndim == 1:
            return self.law(times).sample(noise)
        one_by_one = [noise.take(slice(k, k + 1)) for k in range(len(times))]
        drawn = [self.law(t).sample(s) for t, s in zip(times, one_by_one, strict=True)]
        return torch.cat(drawn)
