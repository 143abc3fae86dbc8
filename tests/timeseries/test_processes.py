"""Exact processes as data sets, and where paths from the present start."""

import pytest
import torch

from sicore.errors import InputError, UnknownName
from sicore.testing.data import check_dataset
from sicore_timeseries.data.processes import ExactProcess
from sicore_timeseries.data.states import bridged
from sicore_timeseries.domain import TimeSeries
from sicore_timeseries.exact.examples import EXAMPLES
from sicore_timeseries.kernels import covariance_of

NAN = float("nan")
MIXTURE = {"generate": 1.0, "forecast": 1.0, "impute": 1.0}


@pytest.mark.parametrize("process", EXAMPLES)
def test_every_process_is_a_data_set(process):
    data = ExactProcess(process, size=40, window=6, task=MIXTURE)
    check_dataset(data)
    other = ExactProcess(process, "test", size=40, window=6)
    assert not torch.equal(other.windows.all_values(), data.windows.all_values())
    assert bool(data.windows.all_values().isfinite().all())


def test_windows_at_random_moments_have_the_law_there():
    n = 4000
    data = ExactProcess("ou", size=n, window=5, irregular=0.5)
    values, given = data.batch(torch.arange(n))
    times = given["times"].double()
    assert bool((times[:, 0] == 0).all() and (times.diff(dim=1) > 0).all())
    regular = torch.linspace(0, 1, 5).double()
    torch.testing.assert_close(times[n // 2 :], regular.expand(n // 2, -1), atol=1e-6, rtol=0)
    assert 0.15 < float(times[: n // 2].diff(dim=1).std()) < 0.25  # 1/4 on average, of Beta's law
    factor = torch.linalg.cholesky(covariance_of("matern12", 0.3, times))
    white = torch.linalg.solve_triangular(factor, values.double(), upper=False)[..., 0]
    for part in white.split(n // 2):
        error = (torch.cov(part.mT) - torch.eye(5)).abs().max()
        assert float(error) < 5 * (2 / (n // 2)) ** 0.5


def test_what_is_no_process():
    with pytest.raises(UnknownName, match="did you mean 'ou'"):
        ExactProcess("oo")
    with pytest.raises(InputError, match="ou, matern, periodic only"):
        ExactProcess("ar1", irregular=0.5)
    with pytest.raises(InputError, match="unknown split"):
        ExactProcess(split="all")
    with pytest.raises(InputError, match="window >= 2"):
        ExactProcess(window=1)


def test_lines_between_known_values_and_level_beyond():
    observed = torch.tensor([[NAN, 1.0, NAN, NAN, 4.0, NAN], [NAN] * 6]).unsqueeze(-1)
    times = torch.tensor([[0.0, 1.0, 2.0, 2.5, 4.0, 9.0]]).expand(2, -1)
    made = bridged(observed, times)
    torch.testing.assert_close(made[0, :, 0], torch.tensor([1.0, 1.0, 2.0, 2.5, 4.0, 4.0]))
    assert bool(made[1].isnan().all())
    with pytest.raises(InputError, match="expected"):
        bridged(observed, times[0])


def test_lines_keep_what_is_a_line():
    g = torch.Generator().manual_seed(0)
    times = torch.rand(50, 9, generator=g).sort(-1).values
    slopes, levels = torch.randn(2, 50, 1, 3, generator=g)
    whole = slopes * times.unsqueeze(-1) + levels
    hidden = torch.rand(whole.shape, generator=g) < 0.6
    hidden[:, [0, -1]] = False
    torch.testing.assert_close(bridged(whole.masked_fill(hidden, NAN), times), whole)


def test_a_path_from_the_present_starts_in_what_is_known(domain, windows):
    observed = windows.clone()
    observed[:, 8:], observed[3, :, 1] = NAN, NAN
    x, start = domain.encode(windows), domain.start(observed)
    torch.testing.assert_close(start[:3, :8], x[:3, :8])
    torch.testing.assert_close(start[:3, 8:], x[:3, 7:8].expand(-1, 4, -1))
    assert bool((start[3, :, 1] == 0).all())  # the usual value, where nothing is known


def test_paired_windows_give_the_same_start():
    data = ExactProcess("var1", size=30, window=8, paired=True, task={"forecast": 1.0, "impute": 1})
    values, given = data.batch(torch.arange(60))
    domain = TimeSeries(**data.domain_config())
    torch.testing.assert_close(given["x0"], domain.start(given["observed"], given["times"]))
    known = ~given["observed"].isnan()
    torch.testing.assert_close(given["x0"][known], domain.encode(values)[known])


def test_states_hold_what_is_hidden_alone_but_where_a_state_needs_the_whole_window():
    """Scalings of windows read the row before, and paths from the present start at all rows."""
    task = {"forecast": 1.0}
    cases = (({}, True), ({"scaling": "innovations"}, False), ({"paired": True}, False))
    for how, alone in cases:
        data = ExactProcess("var1", size=300, task=task, **how)
        values, given = data.batch(torch.arange(20))
        assert data.domain_config()["hidden_only"] == alone
        observed = ~given["observed"].isnan()
        assert values[~observed].isfinite().all() and observed.any()
        assert bool(values[observed].isnan().all()) == alone
        assert bool(values[observed].isfinite().all()) != alone
