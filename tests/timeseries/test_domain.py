"""Windows as states: missing values, moments, and noise that is a Gaussian process."""

import pytest
import torch

from sicore.errors import InputError, UnknownName
from sicore.states import Noise
from sicore.testing import check_domain
from sicore_timeseries.domain import TimeSeries
from sicore_timeseries.kernels import KERNELS, covariance_of, factor_of

NAN = float("nan")


def test_it_keeps_what_the_platform_promises(domain, windows):
    check_domain(domain, windows)


def test_missing_values_are_absent_from_the_state(domain, windows):
    windows[3, 5, 1] = NAN
    x = domain.encode(windows)
    assert x.dtype == torch.float32
    assert (x == 0).nonzero().tolist() == [[3, 5, 1]]
    space = domain.space_of(x)
    z = Noise.of(0, 128, space=space).normal_like(x)
    assert (z == 0).nonzero().tolist() == [[3, 5, 1]]
    back = domain.decode(x)
    assert back[3, 5, 1] == domain.scaling.mean[1]
    known = ~windows.isnan()
    assert torch.allclose(back[known], windows[known], rtol=1e-5)


def test_a_usual_value_is_there(domain, windows):
    windows[:, :, 2] = 100.0  # a constant column, at what is encoded as 0
    x = domain.encode(windows)
    assert (x != 0).all()
    assert torch.allclose(domain.decode(x), windows)


def test_moments_are_regular_unless_they_are_given(domain):
    x = domain.space.zeros(2)
    regular = torch.linspace(0, 1, 12)
    assert torch.allclose(domain.times_of(None, x), regular.expand(2, 12))
    given = regular**2
    times = torch.stack([given, torch.full((12,), NAN)])
    made = domain.times_of({"times": times}, x)
    assert torch.allclose(made[0], given) and torch.allclose(made[1], regular)


def test_noise_is_the_process_at_the_moments_that_are_asked_for():
    domain = TimeSeries(3, ["a"], kernel=("matern12", 0.5))
    times = torch.tensor([0.0, 0.1, 1.0])
    n = 20_000
    condition = {"times": times.expand(n, 3)}
    noise = Noise.of(0, n)
    z = Noise.of(0, n, space=domain.space_for(noise, condition)).normal_like(domain.space.zeros(n))
    found = torch.einsum("nic,njc->ij", z, z).double() / n
    distance = (times[:, None] - times[None]).abs().double()
    assert (found - torch.exp(-distance / 0.5)).abs().max() < 4 * (2 / n) ** 0.5
    trained = domain.space_of(torch.ones(n, 3, 1), condition)
    again = Noise.of(0, n, space=trained).normal_like(domain.space.zeros(n))
    assert torch.equal(again, z)


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_correlations(name):
    times = torch.rand(5, 24, generator=torch.Generator().manual_seed(0)).sort(-1).values
    covariance = covariance_of(name, 0.3, times)
    assert torch.allclose(covariance.diagonal(dim1=1, dim2=2), torch.ones(5, 24).double())
    far = covariance_of(name, 1e-3, torch.tensor([0.0, 1.0]))
    assert far[0, 1] < 1e-9
    factor = factor_of(name, 0.3, times)
    assert torch.allclose(factor @ factor.mT, covariance, atol=1e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="length >= 1"):
        TimeSeries(0, ["a"])
    with pytest.raises(InputError, match="names of channels"):
        TimeSeries(3, [])
    with pytest.raises(UnknownName, match="matern32"):
        factor_of("matern33", 0.3, torch.linspace(0, 1, 3))
    with pytest.raises(InputError, match="length and a variance > 0"):
        factor_of("rbf", 0.0, torch.linspace(0, 1, 3))
