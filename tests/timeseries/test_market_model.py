"""The generative model of orders: what it promises untrained, and what it learns."""

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.features import BOOK
from sicore_timeseries.market.flows import simulate
from sicore_timeseries.market.generating import LearnedFlow, load_network, save_network
from sicore_timeseries.market.hawkes import Hawkes
from sicore_timeseries.market.learning import OrderData, learn
from sicore_timeseries.market.network import OrderNetwork, from_numbers, to_numbers
from sicore_timeseries.market.orders import Order
from sicore_timeseries.market.reactive import HawkesFlow, Reactive
from sicore_timeseries.market.session import Opening, Session


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return OrderNetwork(width=32, memory=8).eval().requires_grad_(False)


def test_whole_numbers_come_back():
    rows = torch.tensor([[0.5, 0, 1, 1], [2.0, 1, 7, 3], [1e-4, 2, 0, 40], [9.0, 4, 60, 2]])
    for within in (0.001, 0.5, 0.999):
        numbers = to_numbers(rows, torch.full((4, 2), within))
        interval, size, offset = from_numbers(numbers)
        assert torch.allclose(interval, rows[:, 0])
        assert size.tolist() == [1, 3, 40, 2]
        assert offset[[0, 1, 3]].tolist() == [1, 7, 60]


def test_numbers_that_an_order_has_not_take_no_part(network):
    """Their velocity is 0, so they stay 0 on the path."""
    context = torch.randn(6, 32)
    kind = torch.arange(6)
    condition = network.condition(context, kind)
    velocity = network(torch.randn(6, 3), torch.rand(6), condition)
    there = [[1, 1, 1]] * 2 + [[1, 1, 0]] * 2 + [[1, 0, 1]] * 2
    assert ((velocity != 0).int() == torch.tensor(there)).all()
    flow = LearnedFlow(network, count=6)
    numbers = flow.numbers(context, kind, Noise.of(0, 6))
    assert ((numbers != network.mean[kind]).int() == torch.tensor(there)).all()


def test_the_context_sees_book_age_and_no_padding(network):
    book, history = torch.rand(1, BOOK), torch.rand(1, 8, 4) + 0.5
    history[..., 1] = torch.arange(8) % 6
    history[:, :3, 1] = -1
    context = network.context(book, history)
    padding = history.clone()
    padding[:, :3, 2:] += 5
    assert torch.equal(network.context(book, padding), context)
    older, other = history.clone(), book.clone()
    older[:, -1, 0] += 3
    other[:, 7] += 1
    assert not torch.allclose(network.context(book, older), context)
    assert not torch.allclose(network.context(other, history), context)


def test_a_session_is_the_same_whatever_runs_beside_it(network):
    alone, beside = [Session()], [Session() for _ in range(3)]
    simulate(LearnedFlow(network, 5, 1, steps=2), alone, n=40)
    simulate(LearnedFlow(network, 5, 3, steps=2), beside, n=40)
    assert [o[1:] for o in alone[0].orders] == [o[1:] for o in beside[0].orders]
    assert beside[1].orders != beside[0].orders
    assert len({order.interval for order in alone[0].orders}) == 40  # noise is new at every order


def test_the_engine_sees_the_orders_and_conserves(network):
    session = Session()
    simulate(LearnedFlow(network, 2, steps=2), [session], n=150)
    again = Session()
    again.replay(session.orders)
    assert again.quotes == session.quotes
    assert session.engine.best(BUY) is None or session.quotes[-1][1] < session.quotes[-1][2]
    assert sum(account.shares for account in session.engine.accounts.values()) == 0


def test_nothing_is_cancelled_where_nothing_waits(network):
    eager = OrderNetwork(width=32, memory=8).eval().requires_grad_(False)
    eager.kind.bias.copy_(torch.tensor([-30.0, -30, -3, -3, 0, 0]))
    session = Session(Opening(levels=1, orders=2))
    simulate(LearnedFlow(eager, 3, steps=2), [session], n=12)
    kinds = [order.kind for order in session.orders]
    assert kinds.count(4) <= 2 and kinds.count(5) <= 2
    assert session.engine.best(SELL) is None


def test_folders(network, tmp_path):
    save_network(network, tmp_path)
    again = load_network(tmp_path)
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)
    (tmp_path / "orders.json").write_text('{"width": 64, "memory": 8}')
    with pytest.raises(InputError, match="holds no network for orders"):
        load_network(tmp_path)


@pytest.fixture(scope="module")
def learned():
    """Independent orders of known laws, but for one rule: market orders follow the imbalance."""
    process = Hawkes(np.array([1.0, 1.0, 0.5, 0.5, 0.7, 0.7]), np.zeros((6, 6)), 1.0)
    law = Reactive(process, imbalance=2.0, modest=0.0)
    sessions = [Session() for _ in range(4)]
    simulate(HawkesFlow(law, seed=1, count=4), sessions, n=1500)
    data = OrderData.of([session.orders for session in sessions])
    return data, learn(data, steps=250, batch=256, width=48, memory=4)


def test_it_learns_whom_the_book_calls(learned):
    """Of market orders, the share of buys rises with the imbalance as in the data."""
    data, network = learned
    _, books, before = data.contexts(4)
    logits = network.logits(network.context(books, before))
    buying = logits[:, 2:4].softmax(1)[:, 0].numpy()
    bids, asks = (np.expm1(books[:, k].numpy()) for k in (1, 21))
    tilt = (bids - asks) / (bids + asks)
    exact = 1 / (1 + np.exp(-2 * 2.0 * tilt))
    assert np.abs(buying - exact).mean() < 0.1
    assert np.abs(0.5 - exact).mean() > 0.2


def test_it_learns_sizes_and_intervals(learned):
    """Medians of both, and the mean log size, of orders drawn in the contexts of the data."""
    data, network = learned
    orders, books, before = (part[::4] for part in data.contexts(4))
    kind = torch.zeros(len(orders), dtype=torch.long)
    flow = LearnedFlow(network, count=len(orders))
    drawn = flow.numbers(network.context(books, before), kind, Noise.of(0, len(orders)))
    interval, size, offset = from_numbers(drawn)
    mine = data.contexts(4)[0]
    mine = mine[mine[:, 1] == 0]
    assert interval.median().item() == pytest.approx(mine[:, 0].median().item(), rel=0.15)
    assert size.double().log().mean().item() == pytest.approx(
        mine[:, 3].double().log().mean().item(), abs=0.1
    )
    assert offset.double().log().mean().item() == pytest.approx(
        mine[:, 2].double().log().mean().item(), abs=0.15
    )


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ([Order(1.0, 0, 1, 1)], "expected at least 2 orders, got 1"),
        ([Order(1.0, 0, 1, 1), Order(0.0, 0, 1, 1)], "order 2: expected an interval above 0 s"),
        ([Order(1.0, 0, 0, 1), Order(1.0, 0, 1, 1)], "order 1: a limit order that trades at once"),
        ([Order(1.0, 0, 1, 1), Order(1.0, 4, 1, 1, 999)], "order 999 does not wait"),
    ],
)
def test_streams_that_teach_nothing(orders, message):
    with pytest.raises(InputError, match=message):
        OrderData.of([orders])
