"""The user's own series: a CSV or Parquet file."""

from __future__ import annotations

import warnings

from sicore.errors import InputError
from sicore_timeseries.data.table import read_table
from sicore_timeseries.data.window_data import WindowData, cut
from sicore_timeseries.data.windows import GAP, SHARES


class SeriesFile(WindowData):
    """Windows of a table with a time column and columns of values; see `read_table`.

    Rows that a regular series lacks are added as missing ones. What was changed or left out while
    reading is told in a warning, and kept in ``table.notes``.

    Args:
        file: the file.
        split: ``train``, ``validation`` or ``test``, blocks in time; or ``all``.
        window: T, the rows of a window: what a forecast sees, and its horizon.
        horizon: the rows that a forecast hides; half of the window if not given.
        stride: rows between the starts of windows.
        task: the share of each task, see `Tasks`.
        masks: how many masks a window has, see `WindowData`.
        scaling: see `SCALINGS`.
        relative: see `WindowData`, as are local, lags, hurst, paired, fill and calendar.
        time: the time column; found if not given.
        columns: those of values; by default all that hold numbers.
        key: the column that names the series, for several in one file.
        regular: take no time column: rows are equally far apart.
        average: rows of the same time become their mean.
        shares: of the rows in the three splits.
        gap: the step, in usual ones, from which on an irregular series has a gap.
        dropped: the share of rows that are dropped at random, see `cut`.
        compact: windows of rows that are left, see `cut`.
        seed: of masks and dropped rows.

    Raises:
        InputError: when no file is named, or as `read_table`, `Windows.of` and `WindowData` do.
    """

    title = "Your own series"
    licence = "yours"
    source = "data.file=PATH"

    def __init__(
        self,
        file: str = "",
        split: str = "train",
        window: int = 24,
        horizon: int | None = None,
        stride: int = 1,
        task: dict[str, float] | None = None,
        masks: int | None = None,
        scaling: str | tuple[str, ...] = "standard",
        relative: bool = False,
        local: bool = False,
        lags: int = 0,
        hurst: float = 0.0,
        paired: bool = False,
        fill: str | None = None,
        calendar: bool = True,
        time: str | None = None,
        columns: tuple[str, ...] = (),
        key: str | None = None,
        regular: bool = False,
        average: bool = False,
        shares: tuple[float, float, float] = SHARES,
        gap: float = GAP,
        dropped: float = 0.0,
        compact: bool = False,
        seed: int = 0,
    ) -> None:
        if not file:
            raise InputError("the data set timeseries/file needs your table: data.file=PATH")
        self.split = split
        read = read_table(
            file, time=time, columns=columns, key=key, regular=regular, average=average
        )
        self.table = read.on_grid()
        if self.table.notes:
            warnings.warn(f"{file}: {'; '.join(self.table.notes)}", stacklevel=2)
        windows = cut(
            self.table,
            split,
            window,
            stride,
            shares=shares,
            gap=gap,
            dropped=dropped,
            compact=compact,
            seed=seed,
        )
        super().__init__(
            windows,
            self.table.columns,
            task=task,
            horizon=horizon,
            masks=masks,
            scaling=scaling,
            relative=relative,
            local=local,
            lags=lags,
            hurst=hurst,
            paired=paired,
            fill=fill,
            calendar=calendar,
            seed=seed,
        )

    @classmethod
    def available(cls) -> bool:
        """Not before the user names a file."""
        return False
