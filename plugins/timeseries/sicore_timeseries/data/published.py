"""Published series: files that are fetched once, verified, and read."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sicore.downloads import Archive, obtain
from sicore.errors import InputError
from sicore.files import write_atomically
from sicore_timeseries.data.places import cache_folder, find_file
from sicore_timeseries.data.table import Table
from sicore_timeseries.data.window_data import WindowData, cut
from sicore_timeseries.data.windows import GAP, SHARES


@dataclass(frozen=True)
class File:
    """A published file, and the names under which a user may have it.

    Args:
        archive: as it is fetched.
        others: more names, such as that of a compressed copy.
    """

    archive: Archive
    others: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (self.archive.file, *self.others)


class Published(WindowData):
    """Windows of a published file in the data folder: ``$SICORE_DATA/timeseries``.

    Args:
        split: ``train``, ``validation`` or ``test``, blocks in time; or ``all``.
        window: T, the rows of a window.
        stride: rows between the starts of windows.
        task: see `WindowData`, as are horizon, masks, scaling, fill and calendar.
        dropped: the share of rows that are dropped at random, see `cut`.
        compact: windows of rows that are left, see `cut`.
        seed: of masks, draws and dropped rows.

    Raises:
        InputError: when the file is not on this machine, says how to get it; or as `WindowData`
            and `Windows.of` do.
    """

    title: ClassVar[str]
    licence: ClassVar[str]
    source: ClassVar[str]
    name: ClassVar[str]
    file: ClassVar[File]
    shares: ClassVar[tuple[float, float, float]] = SHARES

    def __init__(
        self,
        split: str = "train",
        window: int = 24,
        stride: int = 1,
        horizon: int | None = None,
        task: dict[str, float] | None = None,
        masks: int | None = None,
        scaling: str | tuple[str, ...] = "standard",
        fill: str | None = None,
        calendar: bool = True,
        dropped: float = 0.0,
        compact: bool = False,
        seed: int = 0,
    ) -> None:
        self.split = split
        self.table = self.read(found(self.name, self.file))
        windows = cut(
            self.table,
            split,
            window,
            stride,
            shares=self.shares,
            gap=GAP,
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
            fill=fill,
            calendar=calendar,
            seed=seed,
        )

    @classmethod
    def read(cls, path: Path) -> Table:
        """The table of the file."""
        raise NotImplementedError

    @classmethod
    def available(cls) -> bool:
        """Whether the file is in the data folder."""
        return find_file(cls.file.names) is not None

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch and verify the file.

        Args:
            folder: where to; by default the data folder.
            source: ``url``, or a folder that has it.

        Raises:
            InputError: when it cannot be had or is not the published one.
        """
        place = (folder or cache_folder()).expanduser()
        target = place / cls.file.archive.file
        if not target.is_file():
            path = obtain(cls.file.archive, source, place)
            if path != target:
                write_atomically(target, lambda part: shutil.copyfile(path, part))
        return target


def found(name: str, file: File) -> Path:
    """The file in the data folder.

    Raises:
        InputError: when it is not there; says how to get it.
    """
    path = find_file(file.names)
    if path is None:
        raise InputError(
            f"timeseries/{name} is not in {cache_folder()}; get it with 'sicore data fetch "
            f"timeseries/{name}', or put {file.archive.file} there"
        )
    return path
