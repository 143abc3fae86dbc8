"""The matching engine under random streams: what must hold whatever comes."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sicore.errors import InputError
from sicore_timeseries.market.engine import BUY, SELL, MatchingEngine

AGENTS = st.sampled_from("abc")
SIDES = st.sampled_from([BUY, SELL])
SIZES = st.integers(1, 9)
LIMITS = st.tuples(st.just("limit"), AGENTS, SIDES, st.integers(1, 12), SIZES)
MARKETS = st.tuples(st.just("market"), AGENTS, SIDES, SIZES)
CANCELS = st.tuples(st.just("cancel"), st.integers(0, 200))
STREAMS = st.lists(st.one_of(LIMITS, LIMITS, MARKETS, CANCELS), max_size=60)


def play(engine, event):
    """One event; a cancellation takes the waiting order number k modulo how many wait."""
    what, *arguments = event
    if what != "cancel":
        return getattr(engine, what)(*arguments)
    waiting = list(engine.waiting)
    return engine.cancel(waiting[arguments[0] % len(waiting)]) if waiting else None


def book(engine):
    return [(o.order, o.agent, o.side, o.price, o.size) for o in engine.resting()]


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_what_holds_after_every_event(stream):
    engine = MatchingEngine()
    for event in stream:
        before = {o.order: o.size for o in engine.resting()}
        receipt = play(engine, event)
        after = {o.order: o.size for o in engine.resting()}
        bid, ask = engine.best(BUY), engine.best(SELL)
        assert bid is None or ask is None or bid < ask
        assert sum(a.cash for a in engine.accounts.values()) == 0
        assert sum(a.shares for a in engine.accounts.values()) == 0
        for side in (BUY, SELL):
            orders = [o for o in engine.resting() if o.side == side]
            assert engine.sides[side].count == len(orders)
            levels = engine.depth(side, 100)
            assert levels == sorted(levels, reverse=side == BUY)
            assert dict(levels) == {
                price: sum(o.size for o in engine.queue(side, price)) for price, _ in levels
            }
            assert sum(volume for _, volume in levels) == sum(o.size for o in orders)
        if event[0] == "cancel" or receipt is None:
            gone = set(before) - set(after)
            assert receipt is None or [before[k] for k in gone] == [receipt]
            assert all(after[k] == before[k] for k in after)
        else:
            traded = sum(t.size for t in receipt.trades)
            sent = event[-1]
            lost = sum(before.values()) - sum(after.get(k, 0) for k in before)
            assert lost == traded and traded <= sent
            assert after.get(receipt.order, 0) == receipt.resting
            assert receipt.resting == (sent - traded if event[0] == "limit" else 0)


class Naive:
    """The rules again, without any index: scan all that wait."""

    def __init__(self):
        self.orders, self.number = deque(), 0

    def send(self, agent, side, reach, size, waits):
        number, self.number, trades = self.number, self.number + 1, []
        while size:
            others = [o for o in self.orders if o[2] == -side and side * o[3] <= reach]
            if not others:
                break
            best = min(others, key=lambda o: (side * o[3], o[0]))
            lots = min(size, best[4])
            trades.append((best[3], lots, best[0], number))
            best[4] -= lots
            size -= lots
            if not best[4]:
                self.orders.remove(best)
        if size and waits:
            self.orders.append([number, agent, side, side * reach, size])
        return trades


@settings(max_examples=150, deadline=None)
@given(STREAMS)
def test_priority_of_price_then_time(stream):
    engine, naive = MatchingEngine(), Naive()
    for event in stream:
        what, *arguments = event
        waiting = list(engine.waiting)
        receipt = play(engine, event)
        if what == "cancel":
            order = waiting[arguments[0] % len(waiting)] if waiting else -1
            naive.orders = deque(o for o in naive.orders if o[0] != order)
            continue
        agent, side, size = arguments[0], arguments[1], arguments[-1]
        reach = side * arguments[2] if what == "limit" else 10**9
        expected = naive.send(agent, side, reach, size, what == "limit")
        assert [(t.price, t.size, t.maker, t.taker) for t in receipt.trades] == expected
    assert sorted(book(engine)) == sorted(tuple(o) for o in naive.orders)


@settings(max_examples=50, deadline=None)
@given(STREAMS)
def test_the_same_stream_makes_the_same_book(stream):
    engines = MatchingEngine(), MatchingEngine()
    receipts = [[play(engine, event) for event in stream] for engine in engines]
    assert receipts[0] == receipts[1]
    assert book(engines[0]) == book(engines[1])
    assert engines[0].accounts == engines[1].accounts


def test_a_worked_example():
    engine = MatchingEngine()
    engine.limit("a", SELL, 101, 5)
    engine.limit("b", SELL, 101, 5)
    engine.limit("c", SELL, 103, 5)
    receipt = engine.limit("d", BUY, 102, 12)
    assert [(t.price, t.size, t.seller) for t in receipt.trades] == [(101, 5, "a"), (101, 5, "b")]
    assert receipt.resting == 2
    assert (engine.best(BUY), engine.best(SELL)) == (102, 103)
    receipt = engine.market("e", BUY, 9)
    assert [(t.price, t.size, t.buyer) for t in receipt.trades] == [(103, 5, "e")]
    assert (engine.best(SELL), receipt.resting) == (None, 0)
    assert engine.accounts["d"].cash == -1010 and engine.accounts["e"].shares == 5
    assert engine.cancel(3) == 2
    assert not list(engine.resting())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: e.limit("a", BUY, 0, 1), "price: expected a whole number of ticks >= 1, got 0"),
        (lambda e: e.limit("a", BUY, 1.5, 1), "price: .* got 1.5"),
        (lambda e: e.market("a", BUY, 0), "size: expected a whole number of lots >= 1, got 0"),
        (lambda e: e.market("a", 2, 1), "side: .* got 2"),
        (lambda e: e.cancel(7), "cancel: order 7 does not wait in the book"),
    ],
)
def test_wrong_orders(call, message):
    engine = MatchingEngine()
    with pytest.raises(InputError, match=message):
        call(engine)
    assert engine.submitted == 0 and not list(engine.resting())
