"""What all data sets of series have in common: windows, what is hidden of them, scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.data.base_scaling import Scaling
from sicore_timeseries.data.continuation import fit_continuation
from sicore_timeseries.data.filling import filled_windows
from sicore_timeseries.data.reference import Reference, usual_step
from sicore_timeseries.data.scaling import MinMax, fit_scaling, of_windows
from sicore_timeseries.data.states import bridged, states
from sicore_timeseries.data.table import Table
from sicore_timeseries.data.tasks import Tasks
from sicore_timeseries.data.thinning import thinned
from sicore_timeseries.data.windows import SHARES, Windows

MASKS = 16  # of each window, where they are random
SOME = 20_000  # windows that steps are measured on
FEW = 4096  # windows that scalings of windows and of relative values are fitted to


class WindowData:
    """Windows of one split as items, and what may be seen of them as conditions.

    Item k is window ``k mod W``, of W, with mask number ``k // W``: so every batch can be repeated.
    Items are the values that the task hides, float32 ``(B, T, C)`` with NaN where they are observed
    or the data have none. Conditions are ``observed``, the others with NaN where they are hidden;
    ``times`` ``(B, T)`` in units of the window; and, if moments are dates, ``calendar``
    ``(B, T, K)``. Paired windows are whole, and have ``x0``, the state that a two-sided path starts
    from.

    Args:
        windows: of one split.
        columns: the names of the channels.
        task: the share of each task, see `Tasks`; only ``generate`` if not given.
        horizon: the rows that a forecast hides; half of the window if not given.
        masks: how many masks a window has; 16 if not given, or 1 where all would be the same.
        scaling: the name of one of `SCALINGS`, or several names, applied in turn.
        relative: whether items and what is observed are differences from what is observed, see
            `sicore_timeseries.data.reference`; not for windows of which nothing is.
        local: whether relative values are in units of the step in their window, see there.
        lags: how many steps what lies beyond the last known value is continued by, at most as many
            as a forecast sees; it is relative to a flat line if 0.
        hurst: how relative values grow with their distance from known ones, see there: 0 if not at
            all, 0.5 as those of a random walk.
        paired: whether x0 is given: what is observed, and what it says of the rest (`bridged`); not
            for relative windows.
        fill: draw the values that are missing, so that windows are whole, see `filled_windows`:
            the name of the scaling after which they are most nearly normal.
        calendar: whether features of the calendar are given, where moments are dates.
        seed: of masks and draws.

    Raises:
        UnknownName, InputError: as `Tasks` and `fit_scaling` do; for relative windows of which
            nothing may be observed.
    """

    def __init__(
        self,
        windows: Windows,
        columns: Sequence[str],
        *,
        task: Mapping[str, float] | None = None,
        horizon: int | None = None,
        masks: int | None = None,
        scaling: str | tuple[str, ...] = "standard",
        relative: bool = False,
        local: bool = False,
        lags: int = 0,
        hurst: float = 0.0,
        paired: bool = False,
        fill: str | None = None,
        calendar: bool = True,
        seed: int = 0,
    ) -> None:
        windows = windows if calendar else windows.without_calendar()
        windows = windows if fill is None else filled_windows(windows, fill, seed)
        self.windows, self.columns, self.seed = windows, tuple(columns), seed
        length = windows.length
        ahead = length // 2 if horizon is None else horizon
        shares = dict(task or {"generate": 1.0})
        patterns = windows.lacking(SOME) if shares.get("gaps") else None
        self.tasks = Tasks(shares, ahead, length, patterns)
        self.masks = masks or (MASKS if self.tasks.random else 1)
        if self.masks < 1:
            raise InputError(f"masks: expected 1 or more, got {masks}")
        if relative and self.tasks.shares.get("generate"):
            raise InputError(
                "relative windows need a last known value: leave the task 'generate' out, or set "
                "relative to false"
            )
        if relative and paired:
            raise InputError(
                "paired windows start at absolute values: set relative to false, or paired"
            )
        self.relative, self.paired = relative, paired
        some = self._some()
        self.learned = self._learned(some, lags, hurst, local) if relative else {}
        whole = of_windows(scaling)
        if whole and relative:
            raise InputError("relative windows have parts only: choose a scaling of rows")
        self.hidden_only = not (paired or whole)
        fitted = self._hidden().numpy() if relative else windows.used()
        few = windows.take(self._some(FEW))[0].double().numpy() if whole else None
        self.scaling: Scaling = fit_scaling(scaling, fitted, few)

    def __len__(self) -> int:
        """The number of windows, times the masks of each."""
        return len(self.windows) * self.masks

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """What is hidden ``(B, T, C)``, and the conditions."""
        values, given = self.windows.take(indices % len(self.windows))
        hidden = self.tasks.hidden(Noise(self.seed, indices.long()), values.shape[-1])
        observed = values.masked_fill(hidden, torch.nan)
        if self.paired:
            start = states(bridged(observed, given["times"]), self.scaling)
            return values, {"observed": observed, **given, "x0": start}
        seen = Reference.absolute(observed)
        if self.relative:
            steps = given["times"] * (self.windows.length - 1)
            seen = Reference.of(observed, steps, **self.learned)
        made = seen.hidden(values, hidden) if self.hidden_only else values
        return made, {"observed": seen.observed, **given}

    def given(self, n: int) -> dict[str, Tensor]:
        """Moments and calendar of n windows, evenly over the data: what to generate others with."""
        return self.windows.take(torch.arange(n) * len(self.windows) // n)[1]

    @property
    def whole(self) -> WindowData:
        """The same windows as they are, to be generated."""
        return WindowData(self.windows, self.columns)

    def _learned(self, some: Tensor, lags: int, hurst: float, local: bool) -> dict[str, Tensor]:
        """What relative values are relative to: arguments of `Reference.of`."""
        windows = self.windows
        seen = max(min(lags, windows.length - self.tasks.horizon - 1), 0)
        weights, pull = fit_continuation(windows.values[windows.rows(some)], seen)
        median = torch.from_numpy(np.nanmedian(windows.used(), 0))
        learned = {"weights": weights, "pull": pull, "median": median}
        if local:
            learned["usual"] = usual_step(windows.take(some)[0])
        return learned | ({"hurst": torch.tensor(hurst)} if hurst else {})

    def _hidden(self) -> Tensor:
        """Items of windows that are spread over the data, ``(n, C)``.

        Of columns that are never hidden those values that are observed.
        """
        chosen = torch.linspace(0, len(self) - 1, min(len(self), FEW)).long()
        items, given = self.batch(chosen)
        shown = items.isnan().all(1, keepdim=True).all(0, keepdim=True)
        return torch.where(shown, given["observed"], items).flatten(0, 1)

    def _some(self, most: int = SOME) -> Tensor:
        """The numbers of windows that are spread over the data."""
        return torch.linspace(0, len(self.windows) - 1, min(len(self.windows), most)).long()

    def domain_config(self) -> dict[str, Any]:
        """What the ``domain:`` section learns from these windows: their size and their scaling."""
        return {
            "length": self.windows.length,
            "channels": list(self.columns),
            "scaling": self.scaling.config,
            "calendar": self.windows.calendar.shape[1],
            "hidden_only": self.hidden_only,
            "framing": "relative" if self.relative else "absolute",
            "units": {name: value.tolist() for name, value in self.learned.items()},
        }

    def min_max(self) -> MinMax:
        """The scaling of TimeGAN's protocol: of all rows that windows are cut from."""
        return MinMax.fit(self.windows.values)


def cut(
    table: Table,
    split: str,
    window: int,
    stride: int,
    *,
    shares: tuple[float, float, float] = SHARES,
    gap: float,
    dropped: float = 0.0,
    compact: bool = False,
    seed: int = 0,
) -> Windows:
    """The windows of a table, some of whose rows may be dropped at random.

    Args:
        table: the rows.
        split: a block in time, see `Windows.of`.
        window: T.
        stride: rows between the starts of windows.
        shares: of the rows in the splits.
        gap: see `Windows.of`.
        dropped: the share of rows that are dropped, by a draw over the whole table.
        compact: take windows of T rows that are left, with their moments; by default dropped rows
            stay in their places as missing ones, as in the protocol of GT-GAN and KoVAE.
        seed: of the draw.

    Raises:
        InputError: for shares outside [0, 1), or as `Windows.of` does.
    """
    if not 0 <= dropped < 1:
        raise InputError(f"dropped: expected a share from 0 up to, not including, 1, got {dropped}")
    if dropped and compact:
        left = thinned(table, dropped, seed)
        return Windows.of(left, window, stride, split, shares=shares, gap=float("inf"))
    windows = Windows.of(table, window, stride, split, shares=shares, gap=gap)
    if not dropped:
        return windows
    rng = np.random.default_rng(seed)
    return windows.without(rng.permutation(len(windows.values)) < dropped * len(windows.values))
