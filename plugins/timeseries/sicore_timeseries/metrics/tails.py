"""Are the rare, large values right?"""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.metrics.inputs import Values, standardised

LEVELS = (0.001, 0.01, 0.05, 0.5, 0.95, 0.99, 0.999)
SHARE = 0.05


def kurtosis(values: Tensor) -> Tensor:
    """``E (x − μ)⁴ / (E (x − μ)²)²`` of each column over all rows, ``(C,)``; 3 of a normal law.

    Args:
        values: ``(n, T, C)``, such as ``windows.diff(dim=1)``. A column that never changes has none
            (NaN).
    """
    x = values.double().flatten(0, 1)
    x = x - x.mean(0)
    return x.pow(4).mean(0) / x.square().mean(0).square()


def quantile_error(
    samples: Values,
    real: Values,
    *,
    differences: bool = False,
    levels: tuple[float, ...] = LEVELS,
    unit: Values | None = None,
) -> float:
    """Mean of ``|q̂_c(p) − q_c(p)|`` over levels p and columns, far tails included.

    Args:
        samples: ``(n, T, C)``.
        real: ``(m, T, C)``; quantiles are in units of each column's standard deviation.
        differences: of rows that follow each other, in place of the values, in units of their own
            standard deviation.
        levels: p.
        unit: see `standardised`.

    Raises:
        InputError: as `pair_of` does.
    """
    given = [torch.as_tensor(x) for x in (samples, real, real if unit is None else unit)]
    a, b = standardised(*((x.double().diff(dim=1) if differences else x) for x in given))
    p = torch.tensor(levels, dtype=torch.float64, device=a.device)
    gap = _quantiles(a, p) - _quantiles(b, p)
    return float(gap.abs().mean())


def hill_exponent(values: Values, share: float = SHARE) -> float:
    """The exponent α of a tail ``P(|X| > x) ~ x^{−α}``: small for heavy tails.

    ``1/α = mean of log(x_(i)/x_(k+1))`` over the k largest absolute values.

    Args:
        values: any shape, all of one law, such as the differences of one column.
        share: k as a share of them.

    Raises:
        InputError: when k is below 1, or the values beyond are 0.

    Source: Hill 1975.
    """
    x = torch.as_tensor(values).double().abs().flatten().sort(descending=True).values
    k = int(share * len(x))
    if k < 1 or k >= len(x) or not float(x[k]) > 0:
        raise InputError(
            f"tail: expected values of which a share of {share} is at least one and not 0, got "
            f"{len(x)} values"
        )
    return float(1 / (x[:k] / x[k]).log().mean())


def _quantiles(x: Tensor, levels: Tensor) -> Tensor:
    """``(levels, C)``; torch's quantile takes no more than 2²⁴ values, so from sorted ones."""
    rows = x.flatten(0, 1).sort(0).values
    place = levels * (len(rows) - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=len(rows) - 1)
    return torch.lerp(rows[low], rows[high], (place - low).unsqueeze(1))
