"""A stream of orders: what one order says, and streams as CSV or Parquet files.

An order says its distance from the best price of the other side, not its price: so the law of
orders does not depend on where the price is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore_timeseries.market.engine import BUY, SELL

TYPES = LIMIT, MARKET, CANCEL = "limit", "market", "cancel"
KINDS = tuple(f"{kind} {side}" for kind in TYPES for side in ("buy", "sell"))
COLUMNS = ("interval", "type", "side", "offset", "size", "order")


class Order(NamedTuple):
    """One event of the stream.

    Attributes:
        interval: seconds since the event before.
        kind: a place in ``KINDS``, 0 to 5: limit, market, cancel, each of buying and selling.
        offset: ticks by which the price lies on its own side of the best price of the other one:
            for a buy order ``ask − price``, for a sell order ``price − bid``. At 0 or below a limit
            order trades at once; a market order has 0.
        size: lots; of a cancellation those that are taken out of the book.
        order: of a cancellation the number of the waiting order, −1 of all others. Orders are
            numbered from 0 as they come, those that opened the book first; cancellations have no
            number.
    """

    interval: float
    kind: int
    offset: int
    size: int
    order: int = -1

    @property
    def side(self) -> int:
        """+1 for buy orders and their cancellation, −1 for sell orders."""
        return SELL if self.kind % 2 else BUY

    @property
    def type(self) -> str:
        """``limit``, ``market`` or ``cancel``."""
        return TYPES[self.kind // 2]


def write_orders(orders: Iterable[Order], path: Path) -> None:
    """Write a stream with the columns interval, type, side, offset, size and order.

    Args:
        orders: the stream.
        path: ends in ``.csv``, ``.parquet`` or ``.pq``.

    Raises:
        InputError: for another ending, or a file that cannot be written.
    """
    rows = [
        (o.interval, *KINDS[o.kind].split(), o.offset, o.size, None if o.order < 0 else o.order)
        for o in orders
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"order": "Int64"})
    parquet = _is_parquet(path)
    write = table.to_parquet if parquet else table.to_csv
    write_atomically(path, lambda partial: write(partial, index=False))


def read_orders(path: Path) -> list[Order]:
    """Read a stream that `write_orders` wrote, or that has the same columns.

    Raises:
        InputError: for a file that cannot be read, a missing column, or the first line that is no
            order, with its number and what was expected.
    """
    table = _read(path)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(
            f"{path}: the column '{missing[0]}' is missing; expected {', '.join(COLUMNS)}, "
            f"got {', '.join(map(str, table.columns))}"
        )
    types, sides = table["type"].astype(str), table["side"].astype(str)
    kinds = (types + " " + sides).map({name: k for k, name in enumerate(KINDS)})
    numbers = {
        name: pd.to_numeric(table[name], errors="coerce").to_numpy(float, na_value=np.nan)
        for name in ("interval", "offset", "size", "order")
    }
    _check_lines(path, table, kinds.notna().to_numpy(), numbers)
    order = np.where(np.isnan(numbers["order"]), -1, numbers["order"])
    columns = (numbers["interval"], kinds, numbers["offset"], numbers["size"], order)
    return [
        Order(float(interval), int(kind), int(offset), int(size), int(of))
        for interval, kind, offset, size, of in zip(*columns, strict=True)
    ]


def _check_lines(
    path: Path, table: pd.DataFrame, known: np.ndarray, numbers: dict[str, np.ndarray]
) -> None:
    types, sides = table["type"].astype(str), table["side"].astype(str)
    market, cancel = (types == MARKET).to_numpy(), (types == CANCEL).to_numpy()
    interval, offset, size, order = (numbers[k] for k in ("interval", "offset", "size", "order"))
    empty = (table["order"].isna() | (table["order"].astype(str) == "")).to_numpy()
    rules: Sequence[tuple[str, np.ndarray, str]] = (
        ("type", types.isin(TYPES).to_numpy(), "limit, market or cancel"),
        ("side", sides.isin(["buy", "sell"]).to_numpy() & known, "buy or sell"),
        ("interval", np.isfinite(interval) & (interval >= 0), "seconds >= 0"),
        ("offset", _whole(offset), "a whole number of ticks"),
        ("offset", ~market | (offset == 0), "0 for a market order"),
        ("offset", ~cancel | (offset >= 1), "1 or more for an order that waits"),
        ("size", _whole(size) & (size >= 1), "a whole number of lots >= 1"),
        (
            "order",
            np.where(cancel, _whole(order) & (order >= 0), empty),
            "a number for cancel only",
        ),
    )
    bad = [
        (int(np.argmin(right)), name, wanted) for name, right, wanted in rules if not right.all()
    ]
    if bad:
        row, name, wanted = min(bad, key=lambda found: found[0])
        line = f"row {row + 1}" if _is_parquet(path) else f"line {row + 2}"
        raise InputError(f"{path}, {line}: {name} '{table[name].iloc[row]}': expected {wanted}")


def _whole(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.isfinite(values) & (values == np.round(values))


def _is_parquet(path: Path) -> bool:
    if path.suffix not in (".csv", ".parquet", ".pq"):
        raise InputError(f"{path}: expected a file that ends in .csv or .parquet")
    return path.suffix != ".csv"


def _read(path: Path) -> pd.DataFrame:
    parquet = _is_parquet(path)
    reader: Callable[[], pd.DataFrame] = (
        (lambda: pd.read_parquet(path))
        if parquet
        else (lambda: pd.read_csv(path, dtype=str, keep_default_na=False))
    )
    try:
        return reader()
    except (OSError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as a table of orders ({reason})") from None
