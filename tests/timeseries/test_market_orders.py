"""Streams of orders: files, sessions, replays."""

import numpy as np
import pandas as pd
import pytest

from sicore.errors import InputError
from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.features import BOOK, book_features, depth, last_orders, stream_array
from sicore_timeseries.market.flows import simulate
from sicore_timeseries.market.orders import Order, read_orders, write_orders
from sicore_timeseries.market.reactive import HawkesFlow
from sicore_timeseries.market.session import Opening, Session

SMALL = Opening(bid=100, spread=2, levels=3, orders=2, size=4)


def book(session):
    return [(o.order, o.side, o.price, o.size) for o in session.engine.resting()]


@pytest.fixture(scope="module")
def session():
    made = Session()
    simulate(HawkesFlow(seed=3), [made], n=400)
    return made


@pytest.mark.parametrize("name", ["orders.csv", "orders.parquet"])
def test_files_bring_back_the_stream_and_the_market(session, tmp_path, name):
    write_orders(session.orders, tmp_path / name)
    again = read_orders(tmp_path / name)
    assert again == session.orders
    replayed = Session()
    replayed.replay(again)
    assert book(replayed) == book(session)
    assert replayed.trades == session.trades and replayed.quotes == session.quotes


LINES = ["0.5,limit,buy,2,3,", "0.5,market,sell,0,1,", "1.0,cancel,buy,1,3,4"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0.5,stop,buy,2,3,", "type 'stop': expected limit, market or cancel"),
        ("0.5,limit,by,2,3,", "side 'by': expected buy or sell"),
        ("-1,limit,buy,2,3,", "interval '-1': expected seconds >= 0"),
        ("x,limit,buy,2,3,", "interval 'x': expected seconds >= 0"),
        ("0.5,limit,buy,1.5,3,", "offset '1.5': expected a whole number of ticks"),
        ("0.5,market,buy,1,3,", "offset '1': expected 0 for a market order"),
        ("0.5,cancel,buy,0,3,1", "offset '0': expected 1 or more for an order that waits"),
        ("0.5,limit,buy,1,0,", "size '0': expected a whole number of lots >= 1"),
        ("0.5,cancel,buy,1,3,", "order '': expected a number for cancel only"),
        ("0.5,limit,buy,1,3,7", "order '7': expected a number for cancel only"),
    ],
)
def test_the_first_wrong_line_is_named(tmp_path, line, message):
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(["interval,type,side,offset,size,order", *LINES, line, line]))
    with pytest.raises(InputError) as error:
        read_orders(path)
    assert str(error.value) == f"{path}, line 5: {message}"


def test_wrong_files(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("interval,type,side,offset,size\n1,limit,buy,1,1\n")
    with pytest.raises(InputError, match="the column 'order' is missing; expected interval"):
        read_orders(path)
    with pytest.raises(InputError, match="cannot be read as a table of orders"):
        read_orders(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"expected a file that ends in \.csv or \.parquet"):
        write_orders([], tmp_path / "orders.txt")
    pd.DataFrame([[1.0, "limit", "buy", 1, 0, None]], columns=["interval", "type", "side", "offset",
        "size", "order"]).to_parquet(tmp_path / "orders.parquet")  # fmt: skip
    with pytest.raises(InputError, match=r"row 1: size '0'"):
        read_orders(tmp_path / "orders.parquet")


def test_offsets_are_ticks_from_the_best_price_of_the_other_side():
    session = Session(SMALL)  # bids 100, 99, 98; asks 102, 103, 104
    session.submit(Order(1.0, 0, 1, 5))
    assert session.engine.best(BUY) == 101
    session.submit(Order(1.0, 1, 4, 5))
    assert session.engine.queue(SELL, 105)[-1].size == 5
    receipt = session.submit(Order(0.5, 1, 0, 7))
    assert [(t.price, t.size) for t in receipt.trades] == [(101, 5)] and receipt.resting == 2
    assert session.quotes[-1] == (2.5, 100, 101)
    waiting = session.number(BUY, 2)
    assert (waiting.price, session.offset(waiting)) == (99, 2)
    order = session.withdrawal(0.5, waiting)
    assert order == Order(0.5, 4, 2, 4, waiting.order)
    session.submit(order)
    assert [o.order for o in session.engine.queue(BUY, 99)] == [5]


def test_the_nearest_price_and_a_share_of_its_queue():
    session = Session(SMALL)
    assert session.nearest(SELL, 2, 0.0) == session.engine.queue(SELL, 102)[0]
    assert session.nearest(SELL, 3, 0.6) == session.engine.queue(SELL, 103)[1]
    assert session.nearest(SELL, 40, 0.0) == session.engine.queue(SELL, 104)[0]
    session.submit(Order(1.0, 2, 0, 1000))
    assert session.nearest(SELL, 2, 0.0) is None


def test_an_empty_side_keeps_its_price_uncrossed():
    session = Session(SMALL)
    session.submit(Order(1.0, 2, 0, 1000))
    assert session.quotes[-1][1:] == (100, 102)
    session.submit(Order(1.0, 0, -3, 1))
    assert session.quotes[-1][1:] == (105, 106)
    session.submit(Order(1.0, 3, 0, 1000))
    assert session.quotes[-1][1] < session.quotes[-1][2]


def test_a_replay_names_the_order_that_does_not_fit():
    with pytest.raises(InputError, match="order 2 of the stream: cancel: order 99 does not wait"):
        Session(SMALL).replay([Order(1.0, 0, 1, 1), Order(1.0, 4, 1, 1, 99)])
    with pytest.raises(InputError, match="order 1 of the stream: interval"):
        Session(SMALL).replay([Order(-1.0, 0, 1, 1)])


def test_features():
    session = Session(SMALL)
    session.submit(Order(1.0, 0, 1, 5))  # a bid at 101
    levels = depth(session, 4)
    assert levels[0].tolist() == [[1, 5], [2, 8], [3, 8], [4, 8]]
    assert levels[1].tolist() == [[1, 8], [2, 8], [3, 8], [0, 0]]
    features = book_features(session)
    assert features.shape == (BOOK,)
    assert np.allclose(np.expm1(features[-3:]), [1, 7, 6])
    stream = stream_array([Order(1.0, 0, 1, 5), Order(2.0, 3, 0, 6)])
    before = last_orders(stream, np.array([0, 2]), 3)
    assert before[0, :, 1].tolist() == [-1, -1, -1]
    assert before[1].tolist() == [[0, -1, 0, 0], [1, 0, 1, 5], [2, 3, 0, 6]]


def test_mids_at_given_times():
    session = Session(SMALL)
    session.submit(Order(1.0, 0, 1, 5))
    session.submit(Order(1.0, 3, 0, 5))
    assert session.mids().tolist() == [101, 101.5, 101]
    assert session.mids(np.array([0, 0.9, 1.0, 1.5, 2.0, 9.0])).tolist() == [
        101, 101, 101.5, 101.5, 101, 101,
    ]  # fmt: skip
