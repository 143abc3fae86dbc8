r"""What a window is seen from: its last known value, a line between known values, a usual step.

A network that is given absolute values knows those of the training years only; how values go on
from known ones is alike in all years. With v a value that is hidden and o one that is observed, a
network sees and makes

    o' = (o − ℓ)/s,    v' = (v − p)/(s d^H),

where ℓ is the last value of the channel that is known, or the channel's median if none is or if the
channel keeps near it (κ > 0, see `sicore_timeseries.data.continuation`); p(t) is linear between
known values, flat before them, and beyond them flat (so p = ℓ in a forecast) or as is said there;
and s is 1, or how far the channel moves in a step of this window:

    s² = (Σ Δ² + k u²)/(n + k),

over the n steps Δ between neighbouring rows that are both known. u is the usual step of the
training windows; k = 10 steps of this size are counted along, so that a window without known steps
has s = u and one in which nothing moves has a small s, not 0. It is the posterior mean of a
variance with an inverse-gamma prior, up to its constant.

d(t) is how far known values are: (t − a)(b − t)/(b − a) between two at a and b, and the distance of
the last or first one beyond them. A random walk of step s lies s √d from the line, so H = ½ for it;
0 takes no notice of d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from sicore_timeseries.data.continuation import continued
from sicore_timeseries.data.states import bridged

COUNTED = 10.0  # k: how many usual steps are counted along


@dataclass(frozen=True)
class Reference:
    """What known values are relative to, and what hidden ones are.

    Args:
        raw: what was observed ``(B, T, C)``, NaN where values are hidden.
        level: ℓ, ``(B, 1, C)``.
        path: p, ``(B, T, C)``.
        step: s, ``(B, 1, C)``.
        unit: s d^H, ``(B, T, C)``.
    """

    raw: Tensor
    level: Tensor
    path: Tensor
    step: Tensor
    unit: Tensor

    @classmethod
    def absolute(cls, observed: Tensor) -> Self:
        """With ``ℓ = p = 0`` and ``s = 1``."""
        nothing = torch.zeros_like(observed)
        one = torch.ones_like(observed)
        return cls(observed, nothing[:, :1], nothing, one[:, :1], one)

    @classmethod
    def of(
        cls,
        observed: Tensor,
        times: Tensor,
        usual: Tensor | None = None,
        weights: Tensor | None = None,
        median: Tensor | None = None,
        hurst: Tensor | float = 0.0,
        pull: Tensor | None = None,
    ) -> Self:
        """Of what was observed.

        Args:
            observed: ``(B, T, C)``, NaN where values are hidden.
            times: ``(B, T)``, increasing, in usual steps.
            usual: u, ``(C,)``; s is 1 if not given.
            weights: φ of the continuation, ``(C, p)``; flat if not given.
            median: of each channel, ``(C,)``; 0 if not given.
            hurst: H.
            pull: κ of the continuation, ``(C,)``; 0 if not given.
        """
        step = torch.ones_like(observed[:, :1])
        if usual is not None:
            step = local_step(observed, usual.to(observed))
        level, path = last_known(observed), bridged(observed, times).nan_to_num(0.0)
        centre = torch.zeros_like(level) if median is None else median.to(level).expand_as(level)
        back = torch.zeros_like(centre) if pull is None else pull.to(level).expand_as(level)
        nothing = observed.isnan().all(1, keepdim=True)
        level = torch.where(nothing | (back > 0), centre, level)
        path = torch.where(nothing, centre, path)
        if weights is not None:
            path = continued(path, last_row(observed), weights, back[:, 0], centre[:, 0])
        unit = step * distance(observed, times) ** hurst
        return cls(observed, level, path, step, unit)

    @property
    def observed(self) -> Tensor:
        """What a network is given, ``(B, T, C)``, NaN where values are hidden."""
        return (self.raw - self.level) / self.step

    def hidden(self, values: Tensor, where: Tensor) -> Tensor:
        """What a network has to make of values ``(B, T, C)``; NaN but where they are hidden."""
        return ((values - self.path) / self.unit).masked_fill(~where, torch.nan)

    def completed(self, made: Tensor) -> Tensor:
        """Values from what a network made ``(B, T, C)``; the observed ones where there are some."""
        return torch.where(self.raw.isnan(), self.path + self.unit * made, self.raw)


def last_known(observed: Tensor) -> Tensor:
    """The last value that is known of each channel, ``(B, 1, C)``.

    Args:
        observed: ``(B, T, C)``, NaN where values are not known; 0 comes out for a channel of which
            nothing is.
    """
    return observed.gather(1, last_row(observed)).nan_to_num(0.0)


def last_row(observed: Tensor) -> Tensor:
    """The row of the last value that is known of each channel, ``(B, 1, C)``; 0 if none is."""
    moments = torch.arange(1, observed.shape[1] + 1, device=observed.device).unsqueeze(-1)
    return (moments * ~observed.isnan()).argmax(1, keepdim=True)


def distance(observed: Tensor, times: Tensor) -> Tensor:
    """How far known values are, d ``(B, T, C)``; 1 where they are known.

    Args:
        observed: ``(B, T, C)``, NaN where values are not known; that of the whole window comes out
            for a channel of which nothing is.
        times: ``(B, T)``, increasing.
    """
    left, right = _neighbours(observed)
    at = times.unsqueeze(-1).expand_as(observed)
    before, after = at - at.gather(1, left), at.gather(1, right) - at
    between = torch.where(right > left, before * after / (before + after), before.abs())
    known = ~observed.isnan()
    whole = (times[:, -1:] - times[:, :1]).unsqueeze(-1)
    between = torch.where(known.any(1, keepdim=True), between, whole)
    return torch.where(known, 1.0, between)


def _neighbours(observed: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of the known values on both sides, twice the same where there is only one."""
    length = observed.shape[1]
    rows = torch.arange(length, device=observed.device).unsqueeze(-1)
    known = ~observed.isnan()
    before = torch.where(known, rows, -1).cummax(1).values
    after = torch.where(known, rows, length).flip(1).cummin(1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(max=length - 1)  # a row, also if none is
    return left, torch.where(after == length, left, after)


def local_step(observed: Tensor, usual: Tensor) -> Tensor:
    """The unit s of each channel, ``(B, 1, C)``.

    Args:
        observed: ``(B, T, C)``, NaN where values are not known.
        usual: u, ``(C,)``.
    """
    squares = observed.diff(dim=1).square()
    count = (~squares.isnan()).sum(1, keepdim=True)
    return ((squares.nansum(1, keepdim=True) + COUNTED * usual**2) / (count + COUNTED)).sqrt()


def usual_step(values: Tensor) -> Tensor:
    """The root mean square step u of each channel, ``(C,)``, float64; 1 if it never moves.

    Args:
        values: windows ``(W, T, C)``, NaN where missing.
    """
    steps = values.double().diff(dim=1).square().flatten(0, 1).nanmean(0).nan_to_num(0.0).sqrt()
    return torch.where(steps > 0, steps, 1.0)
