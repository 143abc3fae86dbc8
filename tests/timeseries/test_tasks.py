import pytest
import torch

from sicore.errors import InputError, UnknownName
from sicore.states import Noise
from sicore_timeseries.data.tasks import Tasks

N, T, C = 3000, 24, 4


def drawn(shares, horizon=6, n=N):
    return Tasks(shares, horizon, T).hidden(Noise.of(0, n), C)


def test_generation_hides_everything_and_forecasting_the_end():
    assert bool(drawn({"generate": 1.0}).all())
    hidden = drawn({"forecast": 1.0})
    assert bool(hidden[:, -6:].all()) and not bool(hidden[:, :-6].any())


def test_shares_are_those_of_the_mixture():
    hidden = drawn({"generate": 1.0, "forecast": 3.0, "impute": 0.0})
    assert abs(float(hidden.all((1, 2)).double().mean()) - 0.25) < 4 * (0.25 * 0.75 / N) ** 0.5


def test_imputation_hides_entries_rows_and_blocks_in_equal_shares():
    hidden = drawn({"impute": 1.0})
    rows = (hidden.any(-1) == hidden.all(-1)).all(-1)
    ends = hidden.long().diff(dim=1, prepend=torch.zeros(N, 1, C, dtype=torch.long)) == 1
    blocks = (ends.sum(1) <= 1).all(-1) & ~rows
    assert abs(float(rows.double().mean()) - 1 / 3) < 0.06  # blocks in all channels may be alike
    assert abs(float(blocks.double().mean()) - 1 / 3) < 0.06
    rate = hidden[~blocks].double().mean((1, 2))
    assert abs(float(rate.mean()) - 0.5) < 0.02
    spread = float(rate.std())
    assert 0.8 / 12**0.5 < spread < 1.3 * 0.8 / 12**0.5
    assert not bool(hidden[blocks].all(1).any())  # a block never fills a channel


def test_every_entry_is_hidden_about_equally_often():
    often = drawn({"impute": 1.0}).double().mean(0)
    assert float(often.max() - often.min()) < 0.15


def test_a_mask_depends_on_its_number_alone():
    tasks = Tasks({"generate": 1.0, "forecast": 1.0, "impute": 2.0}, 6, T)
    whole = tasks.hidden(Noise.of(3, 50), C)
    some = torch.tensor([7, 3, 41])
    assert torch.equal(tasks.hidden(Noise(3, some), C), whole[some])
    assert not torch.equal(tasks.hidden(Noise.of(4, 50), C), whole)


def test_what_is_no_task():
    with pytest.raises(UnknownName, match="did you mean 'forecast'"):
        Tasks({"forcast": 1.0}, 6, T)
    with pytest.raises(InputError, match="not all 0"):
        Tasks({"impute": 0.0}, 6, T)
    for horizon in (0, T, T + 5):
        with pytest.raises(InputError, match="horizon of 1 to 23"):
            Tasks({"forecast": 1.0}, horizon, T)


def test_only_random_masks_are_many():
    assert not Tasks({"generate": 1.0, "impute": 0.0}, 6, T).random
    assert not Tasks({"forecast": 1.0}, 6, T).random
    assert Tasks({"generate": 1.0, "forecast": 1.0}, 6, T).random


def test_gaps_are_those_of_other_windows():
    patterns = torch.zeros(2, T, C, dtype=torch.bool)
    patterns[0, 3:8, 1] = True
    patterns[1, 20, :] = True
    hidden = Tasks({"gaps": 1.0}, 6, T, patterns).hidden(Noise.of(0, N), C)
    first = (hidden == patterns[0]).all((1, 2))
    assert torch.equal(first, ~(hidden == patterns[1]).all((1, 2)))
    assert abs(float(first.double().mean()) - 0.5) < 4 * (0.25 / N) ** 0.5
    with pytest.raises(InputError, match="lack nothing"):
        Tasks({"gaps": 1.0}, 6, T, patterns[:0])
