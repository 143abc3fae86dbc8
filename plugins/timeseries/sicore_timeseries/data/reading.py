"""Files of tables: CSV and Parquet to a data frame whose rows know their line."""

from __future__ import annotations

import csv
import gzip
import warnings
from itertools import islice
from pathlib import Path

import pandas as pd

from sicore.errors import InputError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
PARQUET = (".parquet", ".pq")


def read_frame(path: Path, delimiter: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """The cells of a file.

    The index of the frame is the number of each line in the file (Parquet: of each row, from 1),
    and is called ``line`` or ``row``; so messages can name them.

    Args:
        path: CSV, also with the ending ``.gz``, or Parquet. The first line of a CSV has the names
            of the columns; one that is all numbers and dates is data.
        delimiter: of a CSV; by default the one of ``,``, ``;``, tab and ``|`` that divides the
            first line into the most cells.

    Returns:
        The frame, and notes on how the file was understood.

    Raises:
        InputError: the file is missing, empty, no table, or divided by something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    frame, notes = (
        (_read_parquet(path), []) if path.suffix in PARQUET else _read_csv(path, delimiter)
    )
    if frame.empty:
        raise InputError(f"{path}: has no rows below the names of its columns")
    return frame, notes


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise InputError(
            f"{path}: Parquet needs pyarrow; pip install 'sicore-timeseries[parquet]', or give CSV"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no Parquet file that can be read ({error})") from None
    if isinstance(frame.index, pd.DatetimeIndex):
        frame.index.name = frame.index.name or "time"
    named = [name for name in frame.index.names if name is not None]
    if named:  # another index holds the numbers of rows, perhaps in another order
        frame = frame.drop(columns=named, errors="ignore").reset_index()
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame


def _read_csv(path: Path, delimiter: str | None) -> tuple[pd.DataFrame, list[str]]:
    above, first, second = _first_lines(path)
    chosen, notes = delimiter or _likeliest(first), []
    _check_delimiter(path, chosen, first, second, delimiter is not None)
    if delimiter is None and chosen != ",":
        notes.append(f"cells are divided by {DELIMITERS[chosen]}")
    names = _cells(first, chosen)
    headless = all(_is_datum(name) for name in names)
    if headless:
        notes.append(f"the first line is data: the columns are called x1 to x{len(names)}")
    frame = _parsed(path, chosen, above, names if headless else None)
    frame.columns = [str(name).strip() for name in frame.columns]
    start = above + (1 if headless else 2)
    frame.index = pd.RangeIndex(start, start + len(frame), name="line")
    return frame.dropna(how="all"), notes


def _parsed(path: Path, delimiter: str, above: int, cells: list[str] | None) -> pd.DataFrame:
    """The cells below ``above`` lines; ``cells`` are those of a first line that is data."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                path,
                sep=delimiter,
                skiprows=above,
                header=None if cells else 0,
                names=[f"x{i}" for i in range(1, len(cells) + 1)] if cells else None,
                skip_blank_lines=False,
                skipinitialspace=True,
                low_memory=False,
                index_col=False,
                encoding="utf-8-sig",
            )
        except UnicodeDecodeError:
            raise InputError(f"{path}: is not text in UTF-8; save it as CSV in UTF-8") from None
        except pd.errors.ParserWarning:
            raise InputError(f"{path}: lines have more cells than the first one") from None
        except (ValueError, OSError, csv.Error) as error:
            reason = str(error).strip().splitlines()[0].removeprefix("Error tokenizing data. ")
            raise InputError(f"{path}: is no table that can be read ({reason})") from None


def _first_lines(path: Path) -> tuple[int, str, str]:
    """How many blank lines there are above, the first line that is not, and the one below it."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            lines = [line.rstrip("\r\n") for line in islice(file, 100)]
    except (UnicodeDecodeError, OSError):
        raise InputError(f"{path}: is not text in UTF-8; save it as CSV in UTF-8") from None
    above = next((i for i, line in enumerate(lines) if line.strip()), None)
    if above is None:
        raise InputError(f"{path}: the file is empty")
    return above, lines[above], lines[above + 1] if above + 1 < len(lines) else ""


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _likeliest(line: str) -> str:
    return max(DELIMITERS, key=lambda delimiter: len(_cells(line, delimiter)))


def _check_delimiter(path: Path, chosen: str, first: str, second: str, asked: bool) -> None:
    if len(_cells(first, chosen)) > 1:
        return
    other = _likeliest(first)
    if asked and len(_cells(first, other)) > 1:
        raise InputError(
            f"{path}: the first line is not divided by '{chosen}', but by {DELIMITERS[other]}; "
            "leave the delimiter out"
        )
    words = second.split()
    if len(words) > 1 and sum(_is_number(word) for word in words) > 1:
        raise InputError(
            f"{path}: cells seem to be divided by blanks; expected {', '.join(DELIMITERS.values())}"
            ", or another delimiter that is given"
        )


def _is_datum(cell: str) -> bool:
    return _is_number(cell) or _is_date(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_date(cell: str) -> bool:
    if not any(letter.isdigit() for letter in cell) or not set(cell) & set("-/:."):
        return False
    try:
        pd.Timestamp(cell)
    except ValueError:
        return False
    return True
