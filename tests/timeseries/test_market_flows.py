"""Flows of orders against their closed forms."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2, kstest, poisson

from sicore.errors import InputError
from sicore_timeseries.market.engine import BUY, SELL
from sicore_timeseries.market.flows import Programme, simulate
from sicore_timeseries.market.hawkes import Hawkes
from sicore_timeseries.market.orders import Order
from sicore_timeseries.market.poisson import PoissonFlow, ZeroIntelligence
from sicore_timeseries.market.reactive import HawkesFlow, Reactive, explained
from sicore_timeseries.market.session import Opening, Session

TWO = Hawkes(np.array([0.5, 0.2]), np.array([[0.3, 0.4], [0.2, 0.1]]), 2.0)
LIKELY = 1e-3  # the chance of a false alarm, of each test


def test_zero_intelligence_keeps_its_rates():
    """By time rescaling: rate times interval is Exp(1); kinds have their shares of the rate."""
    model, session, rows = ZeroIntelligence(), Session(), []
    flow = PoissonFlow(model, seed=1)
    for _ in range(4000):
        rows.append(model.rates(session))
        simulate(flow, [session], n=1)
    rates = np.array(rows)
    waits = np.array([order.interval for order in session.orders])
    assert kstest(waits * rates.sum(1), "expon").pvalue > LIKELY
    kinds = np.eye(6)[[order.kind for order in session.orders]]
    share = rates / rates.sum(1, keepdims=True)
    z = (kinds - share).sum(0) / np.sqrt((share * (1 - share)).sum(0))
    assert np.abs(z).max() < 4


def test_far_from_the_price_queues_are_those_of_infinitely_many_servers():
    """Without market orders a tick's queue is Poisson with mean α/δ; looks are 4.5/δ apart."""
    model = ZeroIntelligence(alpha=0.6, mu=0.0, delta=0.3, ticks=15)
    sessions, flow = [Session() for _ in range(4)], PoissonFlow(model, seed=2, count=4)
    counts = []
    for time in range(30, 330, 15):
        simulate(flow, sessions, until=float(time))
        for s in sessions:
            ask, bid = s.best(SELL), s.best(BUY)
            counts += [len(s.engine.queue(BUY, ask - k)) for k in range(8, 13)]
            counts += [len(s.engine.queue(SELL, bid + k)) for k in range(8, 13)]
    observed = np.array(counts)
    n = len(observed)
    assert abs(observed.mean() - 2.0) < 4 * np.sqrt(2.0 / n)
    bins = np.array([(observed == k).sum() for k in range(5)] + [(observed >= 5).sum()])
    shares = np.append(poisson.pmf(np.arange(5), 2.0), poisson.sf(4, 2.0))
    assert chi2.sf(((bins - n * shares) ** 2 / (n * shares)).sum(), 5) > LIKELY


def test_hawkes_rates_and_time_rescaling():
    horizon = 1500.0
    times, kinds = TWO.simulate(horizon, np.random.default_rng(0))
    counts = np.bincount(kinds, minlength=2)
    inverse = np.linalg.inv(np.eye(2) - TWO.branching)
    variance = np.diag(inverse @ np.diag(TWO.rates()) @ inverse.T) * horizon  # Bacry et al., eq. 17
    assert np.all(np.abs(counts - TWO.rates() * horizon) < 4 * np.sqrt(variance))
    for kind in (0, 1):
        mine = times[kinds == kind]
        whole = TWO.compensator(times, kinds, mine)[:, kind]
        assert kstest(np.diff(whole, prepend=0.0), "expon").pvalue > LIKELY
    plain = counts[0] / horizon * np.diff(times[kinds == 0])
    assert kstest(plain, "expon").pvalue < 1e-6  # the test sees that it is no Poisson process


def test_hawkes_likelihood_against_numerical_integration():
    times, kinds = TWO.simulate(12.0, np.random.default_rng(4))
    assert len(times) > 5

    def rate(t, i):
        past = times < t
        return TWO.mu[i] + sum(
            TWO.branching[i, k] * 2 * np.exp(-2 * (t - s))
            for s, k in zip(times[past], kinds[past], strict=True)
        )

    ends = [0.0, *times, 12.0]
    whole = sum(quad(rate, a, b, args=(i,))[0] for a, b in pairwise(ends) for i in (0, 1))
    logs = sum(np.log(rate(t, k)) for t, k in zip(times, kinds, strict=True))
    assert TWO.log_likelihood(times, kinds, 12.0) == pytest.approx(logs - whole, rel=1e-9)


def test_hawkes_likelihood_is_highest_near_the_truth():
    horizon = 1500.0
    times, kinds = TWO.simulate(horizon, np.random.default_rng(5))
    best = TWO.log_likelihood(times, kinds, horizon)
    for other in (
        Hawkes(TWO.mu * 1.3, TWO.branching, 2.0),
        Hawkes(TWO.mu, TWO.branching.T, 2.0),
        Hawkes(TWO.mu, TWO.branching, 4.0),
        Hawkes(TWO.rates(), np.zeros((2, 2)), 2.0),
    ):
        assert other.log_likelihood(times, kinds, horizon) < best


@pytest.mark.parametrize("imbalance", [0.0, 1.5])
def test_the_reactive_flow_keeps_its_law(imbalance):
    model, session = Reactive(imbalance=imbalance), Session()
    simulate(HawkesFlow(model, seed=6), [session], n=4000)
    seen = explained(model, session.orders)
    assert kstest(seen.integrals.sum(1), "expon").pvalue > LIKELY
    share = seen.rates / seen.rates.sum(1, keepdims=True)
    kinds = np.eye(6)[[order.kind for order in session.orders]]
    z = (kinds - share).sum(0) / np.sqrt((share * (1 - share)).sum(0))
    assert np.abs(z).max() < 4
    other = explained(Reactive(imbalance=1.5 - imbalance), session.orders)
    chosen = np.array([order.kind for order in session.orders])

    def likelihood(of):
        return np.log(of.rates[np.arange(4000), chosen]).sum() - of.integrals.sum()

    assert likelihood(seen) > likelihood(other) + 20


def test_what_the_book_makes_of_the_rates():
    """More lots on the bid call buyers; a side is left in proportion to the orders that wait."""
    session = Session(Opening(levels=5, orders=2, size=3))
    session.submit(Order(1.0, 0, 1, 6))  # at the best bid: 12 lots against 6
    gains = Reactive(imbalance=1.5, usual=20).gains(session)
    tilt = np.exp(1.5 * (12 - 6) / (12 + 6))
    assert gains == pytest.approx([1, 1, tilt, 1 / tilt, 11 / 20, 10 / 20])


def test_a_session_is_the_same_whatever_runs_beside_it():
    for make in (PoissonFlow, HawkesFlow):
        alone, beside = [Session()], [Session() for _ in range(3)]
        simulate(make(seed=7, count=1), alone, n=100)
        simulate(make(seed=7, count=3), beside, n=100)
        assert alone[0].orders == beside[0].orders
        assert beside[1].orders != beside[0].orders


def test_a_programme_trades_its_lots_in_time():
    programme = Programme(SELL, 10, 4, 2.0, 6.0)
    assert programme.orders() == [(2.0, 2), (3.0, 3), (4.0, 2), (5.0, 3)]
    session = Session()
    simulate(HawkesFlow(), [session], until=8.0, programme=programme)
    mine = [(t, trade) for t, trade in session.trades if trade.seller == "programme"]
    assert sorted({round(t, 9) for t, _ in mine}) == [2.0, 3.0, 4.0, 5.0]
    assert session.engine.accounts["programme"].shares == -10
    assert session.engine.accounts["programme"].cash > 0
    assert session.clock > 8.0


def test_a_big_buyer_moves_the_price():
    ends = []
    for size in (0, 60, 300):
        sessions = [Session() for _ in range(12)]
        programme = Programme(BUY, size, 20, 1.0, 21.0)
        simulate(HawkesFlow(seed=8, count=12), sessions, until=21.0, programme=programme)
        ends.append(np.mean([s.mids(np.array([21.0]))[0] for s in sessions]))
    assert ends[0] < ends[1] < ends[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hawkes(np.ones(2), np.full((2, 2), 0.5), 1.0), "spectral radius below 1, got 1"),
        (lambda: Hawkes(np.ones(2), np.zeros((3, 3)), 1.0), r"branching of shape \(2, 2\)"),
        (lambda: Hawkes(-np.ones(2), np.zeros((2, 2)), 1.0), "expected mu >= 0"),
        (lambda: ZeroIntelligence(delta=0.0), "expected rates > 0"),
        (lambda: Programme(BUY, 1, 1, 2.0, 1.0), "start < end"),
        (lambda: simulate(PoissonFlow(), [Session()]), "expected either n"),
    ],
)
def test_wrong_input(make, message):
    with pytest.raises(InputError, match=message):
        make()
