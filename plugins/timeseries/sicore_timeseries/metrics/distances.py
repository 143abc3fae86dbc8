"""Distances of two laws of windows that are computed from the numbers as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.evaluation import energy_distance, frechet_between, moments, wasserstein_1d
from sicore_timeseries.metrics.inputs import Values, standardised


def marginal_wasserstein(samples: Values, real: Values, *, unit: Values | None = None) -> float:
    """Mean over moments and columns of the Wasserstein distance W₁ of the values there.

    In units of each column's standard deviation.

    Args:
        samples: ``(n, T, C)``.
        real: ``(m, T, C)``.
        unit: see `standardised`.

    Raises:
        InputError: as `pair_of` does.
    """
    a, b = (windows.flatten(1) for windows in standardised(samples, real, unit))
    return float(wasserstein_1d(a, b, order=1).mean())


def window_energy_distance(samples: Values, real: Values, *, unit: Values | None = None) -> float:
    """Energy distance of whole windows, in units of each column's standard deviation; unbiased.

    See `sicore.evaluation.energy_distance`; arguments as of `marginal_wasserstein`.
    """
    return energy_distance(*standardised(samples, real, unit))


def bures_wasserstein(samples: Values, real: Values) -> float:
    """W₂ of the Gaussians with the means and covariances of flattened windows, in their own units.

    Biased upwards for few windows: lay that of as many real windows beside it.

    Args:
        samples: ``(n, T, C)``, or flattened ``(n, D)``.
        real: the same of the other law.
    """
    a, b = (moments(torch.as_tensor(x).flatten(1)) for x in (samples, real))
    return frechet_between(*a, *b) ** 0.5


def bures_wasserstein_to(samples: Values, mean: Tensor, covariance: Tensor) -> float:
    """The same to a Gaussian law that is known.

    Args:
        samples: ``(n, T, C)``, or flattened ``(n, D)``.
        mean: ``(D,)``.
        covariance: ``(D, D)``.
    """
    return frechet_between(*moments(torch.as_tensor(samples).flatten(1)), mean, covariance) ** 0.5
