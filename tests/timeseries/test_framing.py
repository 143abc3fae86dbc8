import pytest
import torch

from sicore.errors import UnknownName
from sicore_timeseries.domain import TimeSeries
from sicore_timeseries.framing import FRAMINGS, Stretch

B, T, C, SEASON = 3, 6, 2, 2


@pytest.fixture(params=sorted(FRAMINGS))
def framing(request):
    return FRAMINGS[request.param]()


def stretch_of(known, first):
    moments = torch.arange(known.shape[1], dtype=torch.float64).expand(len(known), -1)
    return Stretch(known, first, T, moments, moments.new_zeros(*moments.shape, 0), SEASON)


@pytest.fixture
def known(framing):
    torch.manual_seed(0)
    before, after = framing.reach(SEASON)
    rows = 10 * torch.randn(B, before + T + after, C, dtype=torch.float64)
    rows[:, before + 3 :] = torch.nan
    return rows


def test_an_answer_that_repeats_what_is_known_gives_it_back(framing, known):
    first, _ = framing.reach(SEASON)
    made = framing.frame(stretch_of(known, first))
    observed = made.condition["observed"].double()
    assert observed.shape[1] == T
    drawn = torch.zeros_like(observed) if framing.single else observed.nan_to_num(0.0)
    values = made.values(drawn)
    assert values.shape == (B, T, C)
    torch.testing.assert_close(values[:, :3], known[:, first : first + 3], rtol=1e-5, atol=1e-5)


def test_only_the_absolute_framing_sees_the_level(framing, known):
    first, _ = framing.reach(SEASON)
    plain = framing.frame(stretch_of(known, first)).condition["observed"]
    moved = framing.frame(stretch_of(known + 1000, first)).condition["observed"]
    same = torch.allclose(plain, moved, atol=1e-3, equal_nan=True)
    assert same == (type(framing) is not FRAMINGS["absolute"])


def test_columns_without_a_gap_are_not_asked_about_one_at_a_time():
    framing = FRAMINGS["surrounded"]()
    before, after = framing.reach(SEASON)
    known = torch.randn(B, before + T + after, C, dtype=torch.float64)
    known[:, before + 2, 1] = torch.nan
    made = framing.frame(stretch_of(known, before))
    assert len(made.condition["observed"]) == B
    values = made.values(torch.zeros(B, T, 1, dtype=torch.float64))
    assert torch.equal(values[..., 0], known[:, before : before + T, 0])


def test_an_unknown_framing_is_refused():
    with pytest.raises(UnknownName, match="relative"):
        TimeSeries(4, ["a"], framing="relativ")
