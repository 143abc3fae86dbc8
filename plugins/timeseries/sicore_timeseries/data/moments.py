"""The time column: which one it is, and its cells as moments."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from sicore.errors import InputError

NAMES = ("time", "date", "timestamp", "datetime", "t")
"""What a column of numbers is called that is taken for the time."""
ZONE = r"[T ]\d{1,2}(?::?\d{2})?.*?(?:[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)\s*$"
FULL_DATE = r"^\s*[12]\d{3}[01]\d[0-3]\d\s*$"  # 20240131
PROBE = 50  # cells that say whether a column has dates


def find_time(frame: pd.DataFrame) -> str | None:
    """The first column that has dates, or else the first of numbers that is called like a time."""
    for name in frame.columns:
        if _has_dates(frame[name]):
            return str(name)
    named = [name for name in frame.columns if name.lower() in NAMES]
    return next((str(name) for name in named if _mostly_numbers(frame[name])), None)


def to_moments(column: pd.Series, where: str) -> tuple[pd.Index, list[str]]:
    """The cells of a time column: dates, or numbers.

    Dates without a time zone stay so. Dates that all have the same zone keep it, and those of
    several zones become UTC.

    Args:
        column: with the number of each line as its index.
        where: names file and column in messages.

    Returns:
        A ``DatetimeIndex``, or an index of float64, in the order of the rows; and notes.

    Raises:
        InputError: cells are empty, are neither numbers nor dates, or only some have a time zone;
            the message names the first such line.
    """
    empty = column.isna()
    if empty.any():
        raise InputError(
            f"{where}: {at(column.index, column.index[empty][0])} has no time; fill it in, or "
            "leave the row out"
        )
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.DatetimeIndex(column), []
    if pd.api.types.is_timedelta64_dtype(column):
        return pd.Index(column.dt.total_seconds().to_numpy(np.float64)), []
    text = column.astype(str).str.strip()
    if text.str.match(FULL_DATE).all():
        return _parsed(text, where, "%Y%m%d"), []
    if _mostly_numbers(text):
        numbers = pd.to_numeric(text, errors="coerce")
        wrong = ~np.isfinite(numbers.to_numpy(np.float64))
        if wrong.any():
            line = column.index[wrong][0]
            raise InputError(
                f"{where}: {at(column.index, line)} is '{text[line]}', expected a number as in "
                "other lines"
            )
        return pd.Index(numbers.to_numpy(np.float64)), []
    return _dates(text, where)


def seconds(index: pd.Index) -> np.ndarray:
    """Moments as float64: seconds since 1970 (dates), or the numbers themselves."""
    if isinstance(index, pd.DatetimeIndex):
        plain = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
        return ((plain - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(np.float64)
    return index.to_numpy(np.float64)


def _dates(text: pd.Series, where: str) -> tuple[pd.DatetimeIndex, list[str]]:
    zoned = text.str.contains(ZONE, regex=True)
    if zoned.any() and not zoned.all():
        here, there = text.index[zoned][0], text.index[~zoned][0]
        raise InputError(
            f"{where}: {at(text.index, here)} has a time zone ('{text[here]}'), "
            f"{at(text.index, there)} has none ('{text[there]}'); give all of them one, or none"
        )
    if not zoned.any():
        return _without_zone(text, where)
    moments = _parsed(text, where, None, utc=True)
    offsets = text.str.extract(r"([+-]\d{2}:?\d{2})\s*$", expand=False).fillna("+00:00")
    offsets = offsets.str.replace(":", "")
    if offsets.nunique() > 1:
        return moments, [f"times of {offsets.nunique()} time zones were made UTC"]
    return moments.tz_convert(pd.Timestamp(f"2000-01-01T00:00{offsets.iloc[0]}").tz), []


def _without_zone(text: pd.Series, where: str) -> tuple[pd.DatetimeIndex, list[str]]:
    """ISO dates; or those of one format, with the month first or, if that fails, the day."""
    iso = _tried(text, format="ISO8601")
    if iso is not None:
        return iso, []
    year_first = text.str.match(r"\d{4}").any()
    month_first = _tried(text)
    day_first = None if year_first else _tried(text, dayfirst=True)
    if month_first is None and day_first is not None:
        return day_first, []
    if month_first is None:
        return _parsed(text, where, None), []
    if day_first is None or day_first.equals(month_first):
        return month_first, []
    if text.str.contains(".", regex=False).all():  # 31.1.2024 has the day first everywhere
        return day_first, []
    rising = day_first.is_monotonic_increasing and not month_first.is_monotonic_increasing
    order = "day/month" if rising else "month/day"
    note = f"dates such as '{text.iloc[0]}' were read as {order}; write 2024-01-31 if that is wrong"
    return (day_first if rising else month_first), [note]


def _parsed(text: pd.Series, where: str, form: str | None, utc: bool = False) -> pd.DatetimeIndex:
    """All cells as dates, or an error that names the first that is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a format that pandas cannot guess
        parsed = pd.to_datetime(text, format=form or "mixed", errors="coerce", utc=utc)
    wrong = text.index[parsed.isna()]
    if len(wrong):
        raise InputError(
            f"{where}: {at(text.index, wrong[0])} is '{text[wrong[0]]}', expected a date such as "
            "2024-01-31 or 2024-01-31 18:30, or a number"
        )
    mixed = form is None and not utc and _tried(text, format="ISO8601") is None
    if mixed:
        raise InputError(
            f"{where}: the dates have several forms ('{text.iloc[0]}' and others); write all of "
            "them as 2024-01-31 18:30"
        )
    return pd.DatetimeIndex(parsed)


def _tried(text: pd.Series, **options: object) -> pd.DatetimeIndex | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return pd.DatetimeIndex(pd.to_datetime(text, **options))
        except (ValueError, TypeError):
            return None


def _has_dates(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    cells = column.dropna().astype(str).head(PROBE).str.strip()
    if pd.api.types.is_numeric_dtype(column):
        named = str(column.name).lower() in NAMES
        return bool(named and len(cells) and cells.str.match(FULL_DATE).all())
    digits = cells.str.contains(r"\d{4}|\d[-/.]\d+[-/.]\d", regex=True)
    if not len(cells) or not digits.all():
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        parsed = pd.to_datetime(cells, format="mixed", errors="coerce", utc=True)
    return bool(parsed.notna().mean() > 0.5 and pd.to_numeric(cells, errors="coerce").isna().any())


def _mostly_numbers(column: pd.Series) -> bool:
    return bool(pd.to_numeric(column, errors="coerce").notna().mean() > 0.5)


def at(index: pd.Index, number: object) -> str:
    """What messages call a row of a file, such as ``line 7``."""
    return f"{index.name or 'row'} {number}"
