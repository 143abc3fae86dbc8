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
from sicore_timeseries.data.filling import filled_windows
from sicore_timeseries.data.level import last_known
from sicore_timeseries.data.scaling import MinMax, fit_scaling
from sicore_timeseries.data.states import bridged, states
from sicore_timeseries.data.table import Table
from sicore_timeseries.data.tasks import Tasks
from sicore_timeseries.data.thinning import thinned
from sicore_timeseries.data.windows import SHARES, Windows

MASKS = 16  # of each window, where they are random
SOME = 4096  # windows that scalings of windows and of relative values are fitted to


class WindowData:
    """Windows of one split as items, and what may be seen of them as conditions.

    Item k is window ``k mod W``, of W, with mask number ``k // W``: so every batch can be repeated.
    Items are raw values, float32 ``(B, T, C)`` with NaN where the data have none. Conditions are
    ``observed``, the same with NaN also where the task hides them; ``times`` ``(B, T)`` in units
    of the window; and, if moments are dates, ``calendar`` ``(B, T, K)``. Paired windows also have
    ``x0``, the state that a two-sided path starts from.

    Args:
        windows: of one split.
        columns: the names of the channels.
        task: the share of each task, see `Tasks`; only ``generate`` if not given.
        horizon: the rows that a forecast hides; half of the window if not given.
        masks: how many masks a window has; 16 if not given, or 1 where all would be the same.
        scaling: the name of one of `SCALINGS`, or several names, applied in turn.
        relative: whether items and what is observed of them are differences from the last value
            that is observed, see `last_known`; not for windows of which nothing is.
        paired: whether x0 is given: what is observed, and what it says of the rest (`bridged`).
        fill: draw the values that are missing, so that windows are whole, see `filled_windows`:
            the name of the scaling after which they are most nearly normal.
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
        paired: bool = False,
        fill: str | None = None,
        seed: int = 0,
    ) -> None:
        windows = windows if fill is None else filled_windows(windows, fill, seed)
        self.windows, self.columns, self.seed = windows, tuple(columns), seed
        length = windows.length
        ahead = length // 2 if horizon is None else horizon
        self.tasks = Tasks(dict(task or {"generate": 1.0}), ahead, length)
        self.masks = masks or (MASKS if self.tasks.random else 1)
        if self.masks < 1:
            raise InputError(f"masks: expected 1 or more, got {masks}")
        if relative and self.tasks.shares.get("generate"):
            raise InputError(
                "relative windows need a last known value: leave the task 'generate' out, or set "
                "relative to false"
            )
        self.relative, self.paired = relative, paired
        some = self._some()
        rows = some.reshape(-1, some.shape[-1]) if relative else windows.used()
        self.scaling: Scaling = fit_scaling(scaling, rows, some)

    def __len__(self) -> int:
        """The number of windows, times the masks of each."""
        return len(self.windows) * self.masks

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Raw values ``(B, T, C)`` and the conditions."""
        values, given = self._windows(indices)
        if self.paired:
            start = bridged(given["observed"], given["times"])
            given["x0"] = states(start, self.scaling)
        return values, given

    def _windows(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        values, given = self.windows.take(indices % len(self.windows))
        hidden = self.tasks.hidden(Noise(self.seed, indices.long()), values.shape[-1])
        observed = values.masked_fill(hidden, torch.nan)
        level = last_known(observed) if self.relative else 0.0
        return values - level, {"observed": observed - level, **given}

    def _some(self) -> np.ndarray:
        """Windows that are spread over the data, float64 ``(W, T, C)``."""
        chosen = torch.linspace(0, len(self) - 1, min(len(self), SOME)).long()
        return self._windows(chosen)[0].double().numpy()

    def domain_config(self) -> dict[str, Any]:
        """What the ``domain:`` section learns from these windows: their size and their scaling."""
        return {
            "length": self.windows.length,
            "channels": list(self.columns),
            "scaling": self.scaling.config,
            "calendar": self.windows.calendar.shape[1],
            "framing": "relative" if self.relative else "absolute",
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
