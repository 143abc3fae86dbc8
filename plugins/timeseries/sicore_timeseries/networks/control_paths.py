r"""Paths through irregular, partly observed values: what drives a controlled differential equation.

A path X, time being one of its K channels, runs through its knots ``(t_i, x_i)``. In
an interval, with ``h = t_{i+1} − t_i``, ``u = (t − t_i)/h`` and the slope ``Δ_i`` of the chord,

* linear: ``Ẋ = Δ_i``;
* Hermite, with backward differences: the cubic that begins with the slope ``Δ_{i−1}`` and ends with
  ``Δ_i`` (the first one is straight), ``Ẋ = Δ_i + (Δ_{i−1} − Δ_i)(1 − u)(1 − 3u)``, hence
  ``X = x_i + h (Δ_i u + (Δ_{i−1} − Δ_i) u (1 − u)²)``.

Both are causal from knot to knot: X up to ``t_i`` depends on the knots up to ``t_i`` alone.

Source: Morrill, Kidger, Yang and Lyons, "On the choice of interpolation scheme for neural CDEs",
2022, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ControlPath:
    """A path by its knots.

    Args:
        times: of the knots, ``(B, T)``, rising.
        values: at the knots, ``(B, T, K)``, without NaN.
        smooth: Hermite instead of linear.
    """

    times: Tensor
    values: Tensor
    smooth: bool = False

    def derivative(self, t: float) -> Tensor:
        """``Ẋ_t``, ``(B, K)``; at a knot that of the interval to its right."""
        slopes, i, u = self._where(t)
        slope = _at(slopes, i)
        if not self.smooth:
            return slope
        before = _at(slopes, (i - 1).clamp(min=0))
        return slope + (before - slope) * (1 - u) * (1 - 3 * u)

    def value(self, t: float) -> Tensor:
        """``X_t``, ``(B, K)``; outside of the knots the first or last interval goes on."""
        slopes, i, u = self._where(t)
        lasts = self.times.diff().gather(1, i)
        slope = _at(slopes, i)
        value = _at(self.values, i) + lasts * u * slope
        if not self.smooth:
            return value
        before = _at(slopes, (i - 1).clamp(min=0))
        return value + lasts * (before - slope) * u * (1 - u).square()

    def _where(self, t: float) -> tuple[Tensor, Tensor, Tensor]:
        """All slopes, the interval of each path ``(B, 1)``, and how far into it t is, in [0, 1]."""
        steps = self.times.diff()
        slopes = self.values.diff(dim=1) / steps.unsqueeze(-1)
        here = self.times.new_full((len(self.times), 1), t)
        i = (torch.searchsorted(self.times, here, right=True) - 1).clamp(0, steps.shape[1] - 1)
        return slopes, i, (here - self.times.gather(1, i)) / steps.gather(1, i)


def forward_filled(values: Tensor) -> Tensor:
    """Each missing entry is the last one before it, and 0 if there is none, ``(B, T, C)``."""
    there = ~values.isnan()
    index = torch.arange(1, values.shape[1] + 1, device=values.device)[None, :, None]
    last = (index * there).cummax(1).values
    padded = torch.nn.functional.pad(values.nan_to_num(), (0, 0, 1, 0))
    return padded.gather(1, last)


def intensity(values: Tensor) -> Tensor:
    """How many entries of each channel were observed so far, over T, ``(B, T, C)``.

    Source: Kidger, Morrill, Foster and Lyons, "Neural controlled differential equations for
    irregular time series", 2020, section 3.3.
    """
    return (~values.isnan()).cumsum(1).to(values.dtype) / values.shape[1]


def _at(rows: Tensor, i: Tensor) -> Tensor:
    return rows.gather(1, i.unsqueeze(-1).expand(-1, -1, rows.shape[-1])).squeeze(1)
