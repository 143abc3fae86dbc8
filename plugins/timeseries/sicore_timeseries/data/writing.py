"""Windows as tables that people open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch import Tensor

from sicore.errors import InputError
from sicore.files import write_text

DIGITS = 7


def write_windows(path: Path, windows: Tensor, channels: Sequence[str]) -> None:
    """A CSV with a row for each moment of each window: sample, moment, the channels.

    Args:
        path: of the file.
        windows: ``(B, T, C)``.
        channels: the names of the C columns.

    Raises:
        InputError: for another number of names.
    """
    count, moments, columns = windows.shape
    if columns != len(channels):
        raise InputError(f"expected names of {columns} channels, got {list(channels)}")
    index = pd.MultiIndex.from_product([range(count), range(moments)], names=["sample", "moment"])
    frame = pd.DataFrame(windows.reshape(-1, columns).cpu().numpy(), index, list(channels))
    write_text(path, frame.to_csv(float_format=f"%.{DIGITS}g"))
