"""Paths of several series as one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd


def paths_table(
    parts: Iterable[tuple[str, pd.Index, np.ndarray]], columns: Sequence[str]
) -> pd.DataFrame:
    """A row for each path and moment: series, path (from 1), time, the columns.

    Args:
        parts: of each series its name, moments and paths ``(S, n, C)``.
        columns: the names of the C columns.
    """
    frames = []
    for name, index, paths in parts:
        count, rows, _ = paths.shape
        frame = pd.DataFrame(paths.reshape(count * rows, -1), columns=list(columns))
        frame.insert(0, "time", list(index) * count)
        frame.insert(0, "path", np.repeat(np.arange(1, count + 1), rows))
        frame.insert(0, "series", name)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
