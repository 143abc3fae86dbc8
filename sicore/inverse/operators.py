"""Measurement operators ``y = A x``: linear maps with adjoint, pseudoinverse and ``@``."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from sicore.errors import InputError
from sicore.inverse.conjugate_gradient import conjugate_gradient


class Operator(ABC):
    """A linear map on batches of tensors; axis 0 is the batch.

    A subclass gives ``__call__`` and ``adjoint``; ``solve`` and ``pseudoinverse`` have defaults
    that it may replace by closed forms.
    """

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """``A x``."""

    @abstractmethod
    def adjoint(self, y: Tensor) -> Tensor:
        """``Aᵀ y``."""

    def solve(self, y: Tensor, signal: Tensor | float, noise: Tensor | float) -> Tensor:
        """``(signal · A Aᵀ + noise · I)⁻¹ y``; by conjugate gradients, sample by sample.

        Args:
            y: ``(B, ...)``.
            signal: variance in front of A Aᵀ, ``()``.
            noise: variance of the measurement, ``()``.
        """
        return conjugate_gradient(lambda v: signal * self(self.adjoint(v)) + noise * v, y)

    def pseudoinverse(self, y: Tensor) -> Tensor:
        """``A⁺ y = Aᵀ (A Aᵀ)⁻¹ y``: the smallest x that explains y."""
        return self.adjoint(self.solve(y, 1.0, 0.0))

    def __matmul__(self, inner: Operator) -> Operator:
        """``(A @ B) x = A (B x)``."""
        return Composition(self, inner)


@dataclass(frozen=True, eq=False)
class Composition(Operator):
    """``x ↦ outer(inner(x))``."""

    outer: Operator
    inner: Operator

    def __call__(self, x: Tensor) -> Tensor:
        """``A B x``."""
        return self.outer(self.inner(x))

    def adjoint(self, y: Tensor) -> Tensor:
        """``Bᵀ Aᵀ y``."""
        return self.inner.adjoint(self.outer.adjoint(y))


class LinearFunction(Operator):
    """Any linear torch function as an operator; its adjoint is the vector–Jacobian product.

    Args:
        function: linear in x; maps ``(B, *shape)`` to ``(B, ...)``.
        shape: of one input.
    """

    def __init__(self, function: object, shape: tuple[int, ...]) -> None:
        if not callable(function):
            raise InputError(f"LinearFunction: expected a function, got {type(function).__name__}")
        self.function, self.shape = function, shape

    def __call__(self, x: Tensor) -> Tensor:
        """The function."""
        result: Tensor = self.function(x)
        return result

    def adjoint(self, y: Tensor) -> Tensor:
        """The vector–Jacobian product at zero."""
        origin = torch.zeros(len(y), *self.shape, dtype=y.dtype, device=y.device)
        pull = torch.func.vjp(self.function, origin)[1]
        result: Tensor = pull(y)[0]
        return result


@dataclass(frozen=True, eq=False)
class Inpaint(Operator):
    """``y = M x``: some entries are observed, the others read zero.

    Args:
        mask: bool, True where observed; broadcasts against one sample, e.g. ``(H, W)``.
    """

    mask: Tensor
    runtime: ClassVar[tuple[str, ...]] = ("mask",)

    def __post_init__(self) -> None:
        if self.mask.dtype != torch.bool or not bool(self.mask.any()):
            raise InputError("inpaint: expected a boolean mask with at least one observed entry")

    def __call__(self, x: Tensor) -> Tensor:
        """Zero what is not observed."""
        return torch.where(self.mask.to(x.device), x, 0)

    def adjoint(self, y: Tensor) -> Tensor:
        """M is its own adjoint."""
        return self(y)

    def solve(self, y: Tensor, signal: Tensor | float, noise: Tensor | float) -> Tensor:
        """``M y / (signal + noise)``; entries that are not observed carry nothing."""
        return self(y) / (signal + noise)


@dataclass(frozen=True, eq=False)
class Downsample(Operator):
    """Mean over squares of ``factor × factor`` positions of the last two axes.

    ``A Aᵀ = I / factor²``.
    """

    factor: int

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise InputError(f"superres: expected factor >= 1, got {self.factor}")

    def __call__(self, x: Tensor) -> Tensor:
        """``(..., H, W) -> (..., H/factor, W/factor)``."""
        if x.shape[-1] % self.factor or x.shape[-2] % self.factor:
            size = f"{x.shape[-2]}×{x.shape[-1]}"
            raise InputError(f"superres: {size} is not a multiple of the factor {self.factor}")
        return F.avg_pool2d(x, self.factor)

    def adjoint(self, y: Tensor) -> Tensor:
        """Spread each value over its square, divided by ``factor²``."""
        wide = y.repeat_interleave(self.factor, -1).repeat_interleave(self.factor, -2)
        return wide / self.factor**2

    def solve(self, y: Tensor, signal: Tensor | float, noise: Tensor | float) -> Tensor:
        """``y / (signal/factor² + noise)``."""
        return y / (signal / self.factor**2 + noise)


@dataclass(frozen=True, eq=False)
class Greyscale(Operator):
    """The mean over the channels, axis 1: what is left of a picture without its colours.

    ``A Aᵀ = I / channels``. Restoring from it colours a picture.

    Args:
        channels: how many the state has.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, appendix I.3, whose
    orthonormal decoupling of the channels is a change of coordinates for the same measurement.
    """

    channels: int = 3

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"greyscale: expected channels >= 1, got {self.channels}")

    def __call__(self, x: Tensor) -> Tensor:
        """``(B, channels, ...) -> (B, 1, ...)``."""
        if x.ndim < 2 or x.shape[1] != self.channels:
            got = tuple(x.shape)
            raise InputError(f"greyscale: expected {self.channels} channels in axis 1, got {got}")
        return x.mean(1, keepdim=True)

    def adjoint(self, y: Tensor) -> Tensor:
        """The value in every channel, over their number."""
        return y.expand(-1, self.channels, *y.shape[2:]) / self.channels

    def solve(self, y: Tensor, signal: Tensor | float, noise: Tensor | float) -> Tensor:
        """``y / (signal/channels + noise)``."""
        return y / (signal / self.channels + noise)


@dataclass(frozen=True, eq=False)
class Blur(Operator):
    """Gaussian blur over the last two axes, mirrored at the border.

    Mirroring makes the map diagonal in the cosine basis, hence self-adjoint and solvable in
    closed form; it is applied through the FFT of the mirrored picture.

    Args:
        sigma: standard deviation in pixels.
    """

    sigma: float

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise InputError(f"blur: expected sigma > 0 pixels, got {self.sigma}")

    def __call__(self, x: Tensor) -> Tensor:
        """Blur."""
        return _filter(x, self._transfer(x))

    def adjoint(self, y: Tensor) -> Tensor:
        """The blur is self-adjoint."""
        return self(y)

    def solve(self, y: Tensor, signal: Tensor | float, noise: Tensor | float) -> Tensor:
        """``1 / (signal h² + noise)`` on each frequency of transfer h."""
        return _filter(y, 1 / (signal * self._transfer(y) ** 2 + noise))

    def _transfer(self, x: Tensor) -> Tensor:
        rows = self._response(x.shape[-2], x)
        columns = self._response(x.shape[-1], x)
        return rows.unsqueeze(-1) * columns[: x.shape[-1] + 1]

    def _response(self, n: int, like: Tensor) -> Tensor:
        """Response of the sampled kernel at the 2n frequencies of a mirrored axis; float64."""
        radius = math.ceil(4 * self.sigma)
        offsets = torch.arange(-radius, radius + 1, dtype=torch.float64, device=like.device)
        kernel = torch.exp(-0.5 * (offsets / self.sigma) ** 2)
        frequency = torch.arange(2 * n, dtype=torch.float64, device=like.device) * (math.pi / n)
        return torch.cos(torch.outer(frequency, offsets)) @ (kernel / kernel.sum())


def _filter(x: Tensor, transfer: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    mirrored = torch.cat((x, x.flip(-1)), -1)
    mirrored = torch.cat((mirrored, mirrored.flip(-2)), -2)
    spectrum = torch.fft.rfft2(mirrored) * transfer.to(x.dtype)
    return torch.fft.irfft2(spectrum, s=mirrored.shape[-2:])[..., :height, :width]
