import json

import numpy as np
import pandas as pd
import pytest

from sicore_timeseries.market.orders import read_orders
from sicore_timeseries.market.session import Session


def test_a_simulated_market_and_its_files(sicore, tmp_path):
    words = ("market", "simulate", "-n", 3000, "--every", 0.5, "-o")
    status, said, errors = sicore(*words, tmp_path / "a")
    assert status == 0, errors
    found = {path.name for path in (tmp_path / "a").iterdir()}
    assert found == {
        "facts.csv", "index.html", "manifest.json", "orders.csv", "price.svg", "trades.csv",
    }  # fmt: skip
    session = Session()
    session.replay(read_orders(tmp_path / "a" / "orders.csv"))
    trades = pd.read_csv(tmp_path / "a" / "trades.csv")
    assert trades["price"].tolist() == [trade.price for _, trade in session.trades]
    assert f"3000 orders in {session.clock:.0f} s of the market, {len(trades)} trades" in said
    assert len(pd.read_csv(tmp_path / "a" / "facts.csv")) == 12
    page = (tmp_path / "a" / "index.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a" / "manifest.json").read_text())["command"] in page
    assert f"{len(trades):,}" in page and "volatility clustering" in page
    points = (tmp_path / "a" / "price.svg").read_text().split('points="')[1].split('"')[0].split()
    assert len(points) == 1500
    sicore(*words, tmp_path / "b")
    for name in ("orders.csv", "facts.csv", "price.svg"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()


def test_too_few_orders_for_facts(sicore, tmp_path):
    words = ("market", "simulate", "--flow", "poisson", "-n", 100, "-o", tmp_path / "a")
    status, _, errors = sicore(*words)
    assert status == 0
    assert "too few returns for the stylised facts: raise -n" in errors
    assert not (tmp_path / "a" / "facts.csv").exists()


def test_learn_from_a_stream_and_draw_from_it(sicore, tmp_path):
    sicore("market", "simulate", "-n", 300, "-o", tmp_path / "a")
    orders = tmp_path / "a" / "orders.csv"
    status, said, errors = sicore("market", "train", orders, "--steps", 100, "-o", tmp_path / "m")
    assert status == 0, errors
    assert "step 100 of 100: kind" in said
    status, _, errors = sicore(
        "market", "simulate", "--model", tmp_path / "m", "-n", 30, "-o", tmp_path / "b"
    )
    assert status == 0, errors
    assert len(read_orders(tmp_path / "b" / "orders.csv")) == 30
    orders.write_text(orders.read_text().replace("limit", "stop", 1))
    status, _, errors = sicore("market", "train", orders, "-o", tmp_path / "n")
    assert status != 0 and "type 'stop': expected limit, market or cancel" in errors


def test_facts_of_a_file(sicore, tmp_path):
    random = np.random.default_rng(0)
    returns = 0.01 * random.standard_t(3, 800)
    table = pd.DataFrame({"Close": 100 * np.exp(returns.cumsum()), "Volume": np.abs(returns)})
    table.to_csv(tmp_path / "prices.csv")
    table[["Close"]].diff().dropna().to_csv(tmp_path / "returns.csv", index=False)
    words = ("market", "facts", tmp_path / "prices.csv", "--column", "Close", "--prices")
    status, said, errors = sicore(*words, "--volume", "Volume")
    assert status == 0, errors
    held = {row.split("  ")[0] for row in map(str.strip, said.splitlines()) if row.endswith("yes")}
    assert {"absence of autocorrelations", "heavy tails"} <= held
    assert any(name.startswith("volume/volatility") for name in held)
    assert " of 12 hold" in said
    assert " of 11 hold" in sicore(*words)[1]
    assert " of 11 hold" in sicore("market", "facts", tmp_path / "returns.csv")[1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "choose one with --column: Close, Volume"),
        (["--column", "close"], "no column of numbers 'close': did you mean 'Close'?"),
        (["--column", "Volume", "--prices"], "line 4: expected a price above 0, got -1.0"),
        (["--column", "Close", "--prices"], "expected at least 500"),
    ],
)
def test_wrong_files(sicore, tmp_path, flags, message):
    path = tmp_path / "prices.csv"
    path.write_text("Day,Close,Volume\nMo,1,5\nTu,2,6\nWe,3,-1\n")
    status, _, errors = sicore("market", "facts", path, *flags)
    assert status != 0
    assert message in errors
