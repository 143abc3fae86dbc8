"""The columns of values: which ones they are, and their cells as numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from sicore.errors import InputError
from sicore_timeseries.data.moments import at

DECIMAL_COMMA = r"[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?"
UNNAMED = "Unnamed: 0"  # what pandas calls an index that was written without a name


def choose_columns(
    frame: pd.DataFrame, wanted: Sequence[str], taken: Collection[str | None], name: str
) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Values float64 ``(n, C)``, the names of their columns, and notes.

    Args:
        frame: the cells.
        wanted: the columns; by default all that hold numbers. Texts and columns without values are
            then left out with a note.
        taken: columns that are something else.
        name: of the frame in messages.

    Raises:
        InputError: a wanted column holds no numbers, none is left, a cell in a column of numbers
            is none, or is infinite.
    """
    chosen, notes = {}, []
    for column in wanted or [c for c in frame.columns if c not in taken]:
        numbers = to_numbers(frame[column], f"{name}, column '{column}'")
        if numbers is None or np.isnan(numbers).all():
            reason = "text" if numbers is None else "no values"
            if wanted:
                raise InputError(f"{name}, column '{column}': has {reason}, expected numbers")
            notes.append(f"column '{column}' has {reason}, and was left out")
        elif column == UNNAMED and np.array_equal(np.diff(numbers), np.ones(len(numbers) - 1)):
            notes.append("the first column, without a name, counts the rows, and was left out")
        else:
            chosen[str(column)] = numbers
    if not chosen:
        reasons = "; ".join(notes) or "there is none beside the time"
        raise InputError(f"{name}: has no column of numbers: {reasons}")
    still = [column for column, x in chosen.items() if np.nanmin(x) == np.nanmax(x)]
    notes += [f"column '{column}' never changes" for column in still]
    return np.stack(list(chosen.values()), 1), tuple(chosen), notes


def to_numbers(column: pd.Series, where: str) -> np.ndarray | None:
    """The cells as float64 ``(n,)`` with NaN where they are empty; None for a column of text.

    A column is of numbers when more than half of its cells are; then all others must be empty.
    Numbers with a decimal comma are understood when all cells have that form.

    Args:
        column: with the number of each line as its index.
        where: names file and column in messages.

    Raises:
        InputError: a cell among numbers is none, or is infinite; the message names its line.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return None
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
    else:
        text = column.astype("string").str.strip().replace("", pd.NA)
        there = text.dropna()
        if len(there) and there.str.fullmatch(DECIMAL_COMMA).all():
            text = text.str.replace(",", ".")
        parsed = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong = np.isnan(parsed) & text.notna().to_numpy()
        if 2 * wrong.sum() >= len(there) > 0:
            return None
        if wrong.any():
            line = column.index[wrong][0]
            raise InputError(
                f"{where}: {at(column.index, line)} is '{text[line]}', expected a number; leave "
                "the cell empty if the value is missing"
            )
        numbers = parsed
    infinite = column.index[np.isinf(numbers)]
    if len(infinite):
        raise InputError(
            f"{where}: {at(column.index, infinite[0])} is infinite; leave the cell empty if the "
            "value is missing"
        )
    return numbers
