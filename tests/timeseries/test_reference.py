"""Values relative to what was observed: level, line, continuation and step."""

import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.data.continuation import continued, fit_continuation
from sicore_timeseries.data.reference import (
    COUNTED,
    Reference,
    distance,
    last_known,
    local_step,
    usual_step,
)
from sicore_timeseries.data.series_file import SeriesFile
from sicore_timeseries.data.states import bridged
from sicore_timeseries.domain import TimeSeries
from sicore_timeseries.framing import Stretch

NAN = float("nan")


def holed(n=5, rows=20, channels=3, seed=0):
    """Values and what is observed of them, float64, and irregular moments."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n, rows, channels, generator=generator).double().cumsum(1)
    hidden = torch.rand(n, rows, channels, generator=generator) < 0.5
    times = torch.rand(n, rows, generator=generator).double().sort(1).values
    return values, values.masked_fill(hidden, NAN), times


def test_the_last_known_value_of_each_channel():
    observed = torch.tensor([[[1.0, 5.0, NAN], [2.0, NAN, NAN], [NAN, NAN, NAN]]])
    assert last_known(observed).tolist() == [[[2.0, 5.0, 0.0]]]


def test_lines_are_those_of_numpy():
    _, observed, times = holed()
    made = bridged(observed, times)
    for window in range(5):
        for channel in range(3):
            column = observed[window, :, channel]
            known = ~column.isnan()
            at = times[window]
            line = np.interp(at, at[known], column[known])
            np.testing.assert_allclose(made[window, :, channel], line, atol=1e-12)
    assert bool(bridged(observed * NAN, times).isnan().all())


def test_steps_are_those_of_the_window_and_of_the_usual():
    _, observed, _ = holed()
    usual = torch.tensor([1.0, 2.0, 3.0]).double()
    made = local_step(observed, usual)
    steps = np.diff(observed[2, :, 1])
    known = steps[np.isfinite(steps)]
    expected = (known @ known + COUNTED * 4) / (len(known) + COUNTED)
    assert float(made[2, 0, 1]) == pytest.approx(expected**0.5)
    assert torch.allclose(local_step(observed * NAN, usual), usual.expand(5, 1, 3))
    still = local_step(torch.zeros(1, 91, 3).double(), usual)
    assert torch.allclose(still, usual * (COUNTED / (90 + COUNTED)) ** 0.5)
    moving = torch.randn(500, 20, 2, generator=torch.Generator().manual_seed(1)).cumsum(1)
    found = usual_step(torch.cat((7 * moving, torch.ones(500, 20, 1)), 2))
    assert float(found[2]) == 1 and abs(float(found[0]) / 7 - 1) < 0.03


def test_a_random_walk_lies_as_far_from_its_lines_as_its_distance_says():
    n = 4000
    walk = torch.randn(n, 12, 1, generator=torch.Generator().manual_seed(0)).double().cumsum(1)
    observed = walk.clone()
    observed[:, [0, 1, 4, 5, 6, 9, 10, 11]] = NAN
    times = torch.arange(12.0).double().expand(n, 12)
    away = distance(observed, times)[0, :, 0]
    expected = [2, 1, 1, 1, 0.75, 1, 0.75, 1, 1, 1, 2, 3]
    assert torch.allclose(away, torch.tensor(expected).double())
    hidden = observed.isnan()
    made = Reference.of(observed, times, hurst=0.5).hidden(walk, hidden)[:, hidden[0, :, 0], 0]
    assert (made.square().mean(0) - 1).abs().max() < 4 * (2 / n) ** 0.5
    nothing = distance(observed * NAN, times)
    assert torch.equal(nothing, torch.full_like(nothing, 11.0))


@pytest.mark.parametrize("relative", [False, True])
def test_what_is_hidden_comes_back(relative):
    values, observed, times = holed()
    seen = Reference.absolute(observed)
    if relative:
        weights = torch.full((3, 2), 0.3)
        seen = Reference.of(observed, times, torch.ones(3), weights, hurst=0.5)
    hidden = observed.isnan()
    made = seen.hidden(values, hidden)
    assert torch.equal(made.isnan(), ~hidden)
    assert torch.allclose(seen.completed(made.nan_to_num(5.0)), values)
    assert torch.equal(seen.observed.isnan(), hidden)


def test_a_channel_of_which_nothing_is_known_is_at_its_median():
    _, observed, times = holed()
    observed[2, :, 1] = NAN
    median = torch.tensor([7.0, 8.0, 9.0])
    seen = Reference.of(observed, times, None, torch.full((3, 2), 0.3), median)
    assert torch.equal(seen.path[2, :, 1], torch.full((20,), 8.0).double())
    assert float(seen.level[2, 0, 1]) == 8
    others = Reference.of(observed, times, None, torch.full((3, 2), 0.3))
    assert torch.equal(seen.path[:, :, 0], others.path[:, :, 0])


def test_levels_and_units_do_not_matter():
    values, observed, times = holed()
    hidden = observed.isnan()
    weights = torch.full((3, 2), 0.3)
    usual = torch.ones(3).double()
    seen = Reference.of(observed, times, usual, weights)
    other = Reference.of(1000 + 7 * observed, times, 7 * usual, weights)
    assert torch.allclose(other.observed, seen.observed, equal_nan=True)
    made = seen.hidden(values, hidden)
    assert torch.allclose(other.hidden(1000 + 7 * values, hidden), made, equal_nan=True)


def test_an_autoregression_of_steps_is_found_and_continued():
    phi, rng = np.array((0.5, -0.3)), np.random.default_rng(0)
    steps = rng.normal(size=(4000, 12, 2)) * np.array((1.0, 50.0))
    for row in range(2, 12):
        steps[:, row] += phi[0] * steps[:, row - 1] + phi[1] * steps[:, row - 2]
    windows = 1000 + steps.cumsum(1)[:, 4:]
    windows[::7, 3] = NAN
    fitted = fit_continuation(windows, 2)
    found = fitted.weights.numpy()
    assert fitted.pull.tolist() == [0.0, 0.0]
    assert abs(found - phi).max() < 4 / 3400**0.5
    path = torch.from_numpy(windows[1:2])
    last = torch.tensor([[[4, 7]]])
    made = continued(path, last, torch.from_numpy(np.stack((phi, phi))))
    known = windows[1, :5, 0]
    expected = list(np.diff(known))
    for _ in range(3):
        expected.append(phi[0] * expected[-1] + phi[1] * expected[-2])
    np.testing.assert_allclose(made[0, :5, 0], known)
    np.testing.assert_allclose(made[0, 5:, 0], known[-1] + np.cumsum(expected[4:]), rtol=1e-9)
    assert torch.equal(made[0, :, 1], path[0, :, 1])  # nothing is beyond its last row
    still = fit_continuation(np.ones((10, 6, 1)), 3)
    assert torch.equal(still.weights, torch.zeros(1, 3).double())
    assert still.pull.tolist() == [0.0]


def test_what_keeps_near_its_median_is_brought_back_to_it():
    phi, kappa, rng = 0.3, 0.6, np.random.default_rng(0)
    rows = [np.full((6000, 2), 40.0)] * 2
    for _ in range(20):
        step = phi * (rows[-1] - rows[-2]) - kappa * (rows[-1] - 40)
        rows.append(rows[-1] + step + rng.normal(size=(6000, 2)))
    values = np.stack(rows[8:], 1)
    values[..., 1] = rng.normal(size=(6000, 14)).cumsum(1)
    weights, pull = fit_continuation(values, 1)
    assert abs(float(weights[0, 0]) - phi) < 0.05 and abs(float(pull[0]) - kappa) < 0.05
    assert float(pull[1]) == 0

    truth = torch.from_numpy(values[:50])
    observed = truth.clone()
    observed[:, 10:] = NAN
    times = torch.arange(14.0).double().expand(50, -1)
    median = torch.tensor([40.0, 0.0]).double()
    seen = Reference.of(observed, times, None, weights, median, pull=pull)
    assert torch.equal(seen.level[:, 0, 0], torch.full((50,), 40.0).double())
    assert torch.equal(seen.level[:, 0, 1], observed[:, 9, 1])
    expected = observed[:, 9, 0]
    step = weights[0, 0] * (expected - observed[:, 8, 0]) - pull[0] * (expected - 40)
    assert torch.allclose(seen.path[:, 10, 0], expected + step)
    made = seen.hidden(truth, observed.isnan())
    assert torch.allclose(seen.completed(made), truth)


def test_more_lags_than_a_window_has_are_refused():
    with pytest.raises(InputError, match="0 to 6 of windows of 8 rows, got 7"):
        fit_continuation(np.ones((10, 8, 1)), 7)


@pytest.fixture
def wandering(tmp_path):
    """A price that wanders, and a column that keeps near its median."""
    path = tmp_path / "walk.csv"
    drawn = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    drawn[:, 0] = drawn[:, 0].cumsum(0)
    lines = [f"{k},{1000 + a},{50 + b}" for k, (a, b) in enumerate(drawn.tolist())]
    path.write_text("time,price,load\n" + "\n".join(lines))
    return path


@pytest.mark.parametrize("lags", [0, 3])
def test_a_domain_takes_back_what_its_data_set_has_done(wandering, lags):
    options = {"window": 12, "horizon": 4, "task": {"forecast": 1}, "relative": True}
    data = SeriesFile(str(wandering), **options, local=True, lags=lags)
    domain = TimeSeries(**data.domain_config())
    index = torch.arange(20)
    values, given = data.batch(index)
    whole, _ = data.whole.batch(index)
    assert values.abs().nanmean() < 10 < whole.abs().mean()
    assert float(domain.encode(values)[:, 8:].std()) == pytest.approx(1, abs=0.5)
    observed = whole.clone()
    observed[:, 8:] = NAN
    rows = torch.arange(12.0).double().expand(20, -1)
    stretch = Stretch(observed.double(), 0, 12, rows, torch.zeros(20, 12, 0), 1)
    framed = domain.framing.frame(stretch)
    asked = framed.condition["observed"]
    assert torch.allclose(asked, given["observed"], atol=1e-3, equal_nan=True)
    assert torch.equal(framed.condition["times"], given["times"])
    assert float(given["observed"][:, 7, 0].abs().max()) == 0  # the last price
    assert float(given["observed"][:, 7, 1].abs().mean()) > 0.3  # the load, beside its median
    made = domain.decode(domain.encode(values))
    assert torch.allclose(framed.values(made), whole.double(), atol=1e-2)


def test_samples_hold_hidden_values_alone(wandering):
    data = SeriesFile(str(wandering), window=12, horizon=4, task={"forecast": 1})
    domain = TimeSeries(**data.domain_config())
    values, given = data.batch(torch.arange(5))
    trained = domain.space_of(domain.encode(values), given)
    asked = domain.space_for(Noise.of(0, 5), given)
    for space in (trained, asked):
        z = Noise.of(0, 5, space=space).normal_like(domain.space.zeros(5))
        assert torch.equal(z != 0, given["observed"].isnan())


def test_a_column_that_is_never_hidden_has_the_scale_of_what_is_shown(tmp_path):
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(400, 2)).cumsum(0) * (1.0, 50.0)
    lines = [f"{k},{'' if 100 < k < 110 else a},{b}" for k, (a, b) in enumerate(walks.tolist())]
    path = tmp_path / "two.csv"
    path.write_text("time,a,b\n" + "\n".join(lines))
    data = SeriesFile(str(path), window=30, task={"gaps": 1}, relative=True, hurst=0.5)
    values, given = data.batch(torch.arange(len(data)))
    assert bool(values[..., 1].isnan().all()) and not bool(values[..., 0].isnan().all())
    assert float(data.scaling.config["std"][1]) == pytest.approx(
        float(np.nanstd(given["observed"][..., 1])), rel=0.05
    )


def test_windows_of_which_nothing_is_seen_have_no_level(wandering):
    with pytest.raises(InputError, match="'generate'"):
        SeriesFile(str(wandering), window=12, relative=True)
