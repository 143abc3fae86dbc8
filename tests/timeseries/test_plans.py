import numpy as np
import pytest

from sicore.errors import InputError
from sicore_timeseries.answers.plans import forecast_plan, imputation_plan


def test_a_long_horizon_is_drawn_in_pieces():
    plan = forecast_plan(100, 50, 30, 20)
    kept = [(window.first, window.start, window.stop) for (window,) in plan.rounds]
    assert kept == [(90, 100, 120), (110, 120, 140), (130, 140, 150)]
    with pytest.raises(InputError, match="horizon"):
        forecast_plan(100, 0, 30, 20)


def test_gaps_far_apart_are_filled_at_once():
    hidden = np.zeros(200, bool)
    hidden[[5, 6, 100, 195]] = True
    plan = imputation_plan(hidden, 24)
    assert len(plan.rounds) == 1
    firsts = [window.first for window in plan.rounds[0]]
    assert firsts == [0, 88, 176]  # within the series, the gap in the middle where there is room


def test_gaps_half_a_window_apart_do_not_wait_for_each_other():
    hidden = np.zeros(100, bool)
    hidden[[40, 60]] = True
    assert len(imputation_plan(hidden, 24).rounds) == 1
    hidden[50] = True  # now they hang together
    assert len(imputation_plan(hidden, 24).rounds) == 2


def test_a_long_gap_is_filled_with_rows_on_both_sides_of_what_is_kept():
    hidden = np.zeros(200, bool)
    hidden[40:120] = True
    windows = [window for (window,) in imputation_plan(hidden, 24).rounds]
    for window in windows[:-1]:
        assert window.start - window.first >= 6 and window.first + 24 - window.stop >= 6


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("length", [4, 7, 24])
def test_every_hidden_row_is_filled_once_and_seen_by_its_window(seed, length):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(3, 300))
    hidden = rng.random(rows) < rng.random()
    filled = np.zeros(rows, int)
    for turn in imputation_plan(hidden, length).rounds:
        for window in turn:
            assert window.first <= window.start < window.stop <= window.first + length
            filled[window.start : window.stop] += 1
    assert (filled[hidden] == 1).all() and filled.max(initial=0) <= 1


def test_nothing_is_drawn_where_nothing_is_hidden():
    assert imputation_plan(np.zeros(9, bool), 4).rounds == ()
