"""A Fréchet distance on fixed random convolutions: context-FID's question without a network.

Published context-FIDs use a TS2Vec that is trained anew for each data set, and cannot be compared
with these figures. Here the features are the same for everybody.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import conv1d

from sicore.errors import InputError
from sicore.evaluation import frechet_distance
from sicore_timeseries.metrics.inputs import Values, standardised

KERNELS = 128
LENGTHS = (3, 5, 9)
SEED = 0
PART = 1024


def convolution_features(windows: Tensor, *, kernels: int = KERNELS) -> Tensor:
    """Two numbers of each random kernel, float64 ``(n, 2 K)``.

    A kernel has a random length (3, 5 or 9 rows), dilation (a power of 2 that fits the window) and
    about half of the columns; its weights are normal, its offset uniform in (−1, 1). The numbers
    are the largest output and the share of outputs above 0. All draws have one fixed seed: windows
    of one shape always have the same features.

    Args:
        windows: standardised, ``(n, T, C)``.
        kernels: K.

    Raises:
        InputError: for windows of fewer than three rows, or K below 1.

    Source: Dempster et al., "ROCKET", 2020; unlike theirs, weights are not centred, so that the
    level of a window counts, too.
    """
    _, length, columns = windows.shape
    shapes = list(_shapes(length))
    if not shapes or kernels < 1:
        raise InputError(
            "convolution features: expected windows of three rows or more and one kernel or more, "
            f"got {length} and {kernels}"
        )
    generator = torch.Generator().manual_seed(SEED)
    found = []
    for number, (size, dilation) in enumerate(shapes):
        count = len(range(number, kernels, len(shapes)))
        weights = torch.randn(count, columns, size, generator=generator, dtype=torch.float64)
        used = torch.rand(count, columns, 1, generator=generator) < 0.5
        used[torch.arange(count), torch.randint(columns, (count,), generator=generator)] = True
        scale = (used.sum(1, keepdim=True) * size).double().sqrt()
        offset = 2 * torch.rand(count, generator=generator, dtype=torch.float64) - 1
        if count:
            kernel = (weights * used / scale).to(windows.device)
            found.append(_responses(windows.double(), kernel, offset.to(windows.device), dilation))
    return torch.cat(found, 1)


def convolution_frechet(
    samples: Values, real: Values, *, kernels: int = KERNELS, unit: Values | None = None
) -> float:
    """Fréchet distance of `convolution_features`; not comparable with published context-FIDs.

    Args:
        samples: ``(n, T, C)``; n well above 2 K, or the distance measures its own bias. Lay the
            same figure of as many training windows beside it.
        real: ``(m, T, C)``.
        kernels: K.
        unit: of the columns, see `standardised`.

    Raises:
        InputError: as `pair_of` and `convolution_features` do.

    Source: Jeha et al., "PSA-GAN", 2022, for the distance on features of windows; Dempster et al.
    2020 for the features.
    """
    a, b = standardised(samples, real, unit)
    return frechet_distance(
        convolution_features(a, kernels=kernels), convolution_features(b, kernels=kernels)
    )


def _shapes(length: int) -> Iterator[tuple[int, int]]:
    """Lengths and dilations of kernels that fit into a window."""
    for size in LENGTHS:
        if size <= length:
            for power in range(int(math.log2((length - 1) / (size - 1))) + 1):
                yield size, 2**power


def _responses(windows: Tensor, kernel: Tensor, offset: Tensor, dilation: int) -> Tensor:
    parts = []
    for part in windows.transpose(1, 2).split(PART):
        out = conv1d(part, kernel, offset, dilation=dilation)
        parts.append(torch.cat((out.amax(-1), (out > 0).double().mean(-1)), 1))
    return torch.cat(parts)
