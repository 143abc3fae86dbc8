"""What is shown and written of a simulated market: price, depth, trades, facts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from sicore.errors import InputError, did_you_mean
from sicore.report import Figure, Page, Section, Table
from sicore_apps.charts import ticks
from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.facts import LEAST, Fact, stylised_facts
from sicore_timeseries.market.session import Session

SIZE = (720, 260)  # pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 34
INK, PAPER, BLUE, RED, GREY = "#1d2430", "#ffffff", "#2f5fd0", "#d0452f", "#788087"
POINTS, LEVELS = 1500, 20


def price_points(session: Session) -> tuple[np.ndarray, np.ndarray]:
    """Seconds and mid prices in ticks, at most 1500 evenly spread over the clock."""
    times = np.linspace(0, session.clock, min(POINTS, len(session.quotes)))
    return times, session.mids(times)


class _Axes:
    """Where numbers are drawn."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x, self.y = x, (y if y[1] > y[0] else (y[0] - 0.5, y[1] + 0.5))

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            LEFT + across * (SIZE[0] - LEFT - RIGHT),
            TOP + (1 - up) * (SIZE[1] - TOP - BOTTOM),
        )


def price_svg(session: Session) -> str:
    """The price over time as an SVG file."""
    times, mids = price_points(session)
    axes = _Axes((0.0, session.clock), (float(mids.min()), float(mids.max())))
    points = " ".join(
        "{:.1f},{:.1f}".format(*axes.at(t, m)) for t, m in zip(times, mids, strict=True)
    )
    marks = []
    for x in ticks(*axes.x, 8):
        at, _ = axes.at(x, axes.y[0])
        marks.append(f'<text x="{at:.1f}" y="{SIZE[1] - 14}" text-anchor="middle">{x:g}</text>')
    for y in ticks(*axes.y, 5):
        _, at = axes.at(0, y)
        marks.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>')
        marks.append(f'<path d="M{LEFT} {at:.1f}H{SIZE[0] - RIGHT}" stroke="#dfe2e8"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE[0]} {SIZE[1]}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
        f"<title>Mid price in ticks over seconds</title>{''.join(marks)}"
        f'<polyline points="{points}" fill="none" stroke="{BLUE}" stroke-width="1.2"/></svg>\n'
    )


def price_png(session: Session) -> bytes:
    """The same as a PNG file."""
    times, mids = price_points(session)
    axes = _Axes((0.0, session.clock), (float(mids.min()), float(mids.max())))
    sheet, pen = _sheet(axes, "seconds")
    pen.line([axes.at(t, m) for t, m in zip(times, mids, strict=True)], fill=BLUE, width=2)
    return _png(sheet)


def depth_png(session: Session) -> bytes:
    """The lots that wait at each price: bids blue, asks red, the best 20 levels of each side."""
    levels = {side: session.engine.depth(side, LEVELS) for side in (BUY, SELL)}
    every = [level for side in levels.values() for level in side] or [(session.best(BUY), 1)]
    prices, lots = zip(*every, strict=True)
    axes = _Axes((min(prices) - 1.0, max(prices) + 1.0), (0.0, float(max(lots))))
    sheet, pen = _sheet(axes, "ticks")
    for side, colour in ((BUY, BLUE), (SELL, RED)):
        for price, size in levels[side]:
            (left, top), (right, bottom) = axes.at(price - 0.4, size), axes.at(price + 0.4, 0)
            pen.rectangle([left, top, right, bottom], fill=colour)
    return _png(sheet)


def facts_of(session: Session, every: float) -> pd.DataFrame | None:
    """The stylised facts of the returns over so many seconds; None if there are too few."""
    times = np.arange(0, session.clock, every)
    if len(times) <= LEAST:
        return None
    returns = np.diff(np.log(session.mids(times)))
    when, lots = [t for t, _ in session.trades], [trade.size for _, trade in session.trades]
    volumes = np.histogram(when, times, weights=lots)[0]
    return facts_table(stylised_facts(returns, volumes))


def facts_table(facts: Sequence[Fact]) -> pd.DataFrame:
    """A row for each fact."""
    rows = [
        (f.name, f.what, round(f.figure, 4), f.expected,
         "" if f.chance is None else round(f.chance, 4), "yes" if f.holds else "no")
        for f in facts
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["fact", "what", "figure", "expected", "chance", "holds"])


def trades_table(session: Session) -> pd.DataFrame:
    """A row for each trade."""
    rows = [
        (time, t.price, t.size, "buy" if t.side == BUY else "sell", t.maker, t.taker)
        for time, t in session.trades
    ]
    return pd.DataFrame(rows, columns=["seconds", "price", "size", "side", "maker", "taker"])


def market_page(session: Session, facts: pd.DataFrame | None, every: float, line: str) -> Page:
    """The page of a run."""
    quotes = np.array(session.quotes)
    told = [
        ("orders", f"{len(session.orders):,}"),
        ("trades", f"{len(session.trades):,}"),
        ("lots traded", f"{sum(trade.size for _, trade in session.trades):,}"),
        ("seconds", f"{session.clock:,.0f}"),
        ("spread, mean", f"{(quotes[:, 2] - quotes[:, 1]).mean():.2f} ticks"),
    ]
    sections = [
        Section(
            "The market",
            command=line,
            figures=[
                Figure(price_png(session), "Middle of bid and ask, in ticks, over seconds.",
                       smooth=True),
                Figure(depth_png(session), "The book at the end: lots that wait at each price, "
                       "bids blue, asks red.", smooth=True),
            ],
            tables=[Table(("figure", "value"), told)],
        )
    ]  # fmt: skip
    if facts is not None:
        text = (
            f"Of the returns over {every:g} s. Chance is what the figure passes in 5 % of "
            "comparisons with shuffled, sign-flipped or Gaussian series."
        )
        table = Table(tuple(facts.columns), facts.to_numpy().tolist())
        sections.append(Section("Stylised facts", text, tables=[table]))
    return Page("A market, order by order", "A simulation: no real market was fitted.", sections)


def returns_of(
    file: Path, column: str | None, prices: bool, volume: str | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns, and volumes if they are asked for, of a CSV or Parquet file.

    Raises:
        InputError: for a file or a column that cannot be read, with what there is instead.
    """
    try:
        table = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({' '.join(str(error).split())})") from None
    values = _column(file, table, column)
    volumes = None if volume is None else _column(file, table, volume)
    if not prices:
        return values, volumes
    if not (values > 0).all():
        line = int(np.argmin(values > 0)) + 2
        raise InputError(f"{file}, line {line}: expected a price above 0, got {values[line - 2]}")
    return np.diff(np.log(values)), None if volumes is None else volumes[1:]


def _column(file: Path, table: pd.DataFrame, name: str | None) -> np.ndarray:
    known = [str(key) for key in table.select_dtypes("number").columns]
    if name is None and len(known) == 1:
        name = known[0]
    if name is None:
        raise InputError(f"{file}: choose one with --column: {', '.join(known) or 'no numbers'}")
    if name not in known:
        raise InputError(
            f"{file}: no column of numbers '{name}'{did_you_mean(name, known)}; "
            f"there are {', '.join(known) or 'none'}"
        )
    return table[name].to_numpy(float)


def _sheet(axes: _Axes, below: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("RGB", SIZE, PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for x in ticks(*axes.x, 8):
        at, _ = axes.at(x, axes.y[0])
        pen.text((at, SIZE[1] - BOTTOM + 4), f"{x:g}", INK, font, anchor="mt")
    for y in ticks(*axes.y, 5):
        _, at = axes.at(axes.x[0], y)
        pen.line((LEFT, at, SIZE[0] - RIGHT, at), fill="#dfe2e8")
        pen.text((LEFT - 6, at), f"{y:g}", INK, font, anchor="rm")
    pen.text((SIZE[0] - RIGHT, SIZE[1] - 2), below, GREY, font, anchor="rb")
    return sheet, pen


def _png(sheet: Image.Image) -> bytes:
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
