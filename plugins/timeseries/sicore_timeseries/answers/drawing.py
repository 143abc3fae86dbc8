"""Paths of a user's series, drawn from a model: the rows that are not known are filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.hub.bulk import sample_bulk
from sicore_timeseries.answers.plans import Plan, Window
from sicore_timeseries.data.calendar import calendar, cycles
from sicore_timeseries.data.table import Series
from sicore_timeseries.data.windows import moments_of
from sicore_timeseries.domain import TimeSeries
from sicore_timeseries.framing import Stretch

if TYPE_CHECKING:
    from sicore.hub import Model


class Rows(NamedTuple):
    """A series as tensors.

    Args:
        values: ``(n, C)``, float64, NaN where not known.
        moments: in usual steps, ``(n,)``, float64.
        calendar: ``(n, K)``.
        season: in rows.
    """

    values: Tensor
    moments: Tensor
    calendar: Tensor
    season: int

    def last(self, n: int) -> Rows:
        """At most the last n rows."""
        return Rows(self.values[-n:], self.moments[-n:], self.calendar[-n:], self.season)


def rows_of(series: Series, season: int) -> Rows:
    """A series with its moments and its calendar."""
    names = cycles(series.clock.step, series.dates)
    return Rows(
        torch.from_numpy(np.asarray(series.values, np.float64)),
        torch.from_numpy(moments_of(series)),
        torch.from_numpy(calendar(series.index, names)).double(),
        season,
    )


def domain_of(model: Model, columns: int) -> TimeSeries:
    """The domain of a model that can be asked about so many columns.

    Raises:
        InputError: it is no model of time series, or of other columns.
    """
    domain = model.domain
    if not isinstance(domain, TimeSeries):
        raise InputError(f"expected a model of time series, got one of '{domain.name}'")
    if not domain.framing.single and len(domain.channels) != columns:
        raise InputError(
            f"the model knows {len(domain.channels)} columns ({', '.join(domain.channels)}), the "
            f"table has {columns}; name them with --column, or train a model on this table"
        )
    return domain


def fill(
    model: Model,
    rows: Rows,
    plan: Plan,
    *,
    samples: int,
    seed: int = 0,
    batch_size: int = 256,
    advance: Callable[[int], None] | None = None,
    **options: Any,
) -> np.ndarray:
    """Paths of all rows: the known values, and draws for the others.

    Args:
        model: of time series.
        rows: of one series.
        plan: which windows are drawn.
        samples: S.
        seed: of the paths; path number s depends on the seed, on s, and on S.
        batch_size: windows for each network call.
        advance: is called with the number of windows that were drawn.
        options: passed on to ``sample_bulk``.

    Returns:
        Float64 ``(S, n, C)``; NaN where no window of the plan has filled a row.
    """
    domain = domain_of(model, rows.values.shape[1])
    paths = rows.values.expand(samples, -1, -1).clone()
    for turn, windows in enumerate(plan.rounds):
        stretches = [_stretch(paths, rows, window, plan.length, domain) for window in windows]
        framed = domain.framing.frame(_together(stretches))
        given = framed.condition
        x0 = None
        if model.interpolant.two_sided:
            x0 = domain.start(given["observed"], given.get("times"))
        drawn = sample_bulk(
            model,
            len(given["observed"]),
            condition=given,
            x0=x0,
            batch_size=batch_size,
            seed=seed + turn,
            **options,
        )
        values = framed.values(drawn.decoded.double().cpu())
        for window, filled in zip(windows, values.split(samples), strict=True):
            _keep(paths, window, filled)
        if advance is not None:
            advance(len(windows))
    return paths.numpy()


def _keep(paths: Tensor, window: Window, filled: Tensor) -> None:
    part = paths[:, window.start : window.stop]
    new = filled[:, window.start - window.first : window.stop - window.first]
    part.copy_(torch.where(part.isnan(), new, part))


def _stretch(paths: Tensor, rows: Rows, window: Window, length: int, domain: TimeSeries) -> Stretch:
    """The rows that matter for a window, unknown ones where the series has none."""
    before, after = domain.framing.reach(rows.season)
    at = torch.arange(window.first - before, window.first + length + after)
    inside = (at >= 0) & (at < paths.shape[1])
    near = at.clamp(0, paths.shape[1] - 1)
    moments = rows.moments[near] + (at - near)
    features = rows.calendar[near].masked_fill(~inside.unsqueeze(-1), torch.nan)
    count = len(paths)
    return Stretch(
        paths[:, near].masked_fill(~inside[:, None], torch.nan),
        before,
        length,
        moments.expand(count, -1),
        features.expand(count, -1, -1),
        rows.season,
    )


def _together(stretches: list[Stretch]) -> Stretch:
    one = stretches[0]
    return Stretch(
        torch.cat([each.known for each in stretches]),
        one.first,
        one.length,
        torch.cat([each.moments for each in stretches]),
        torch.cat([each.calendar for each in stretches]),
        one.season,
    )
